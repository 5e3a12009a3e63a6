// SPDX-License-Identifier: Apache-2.0

internal import Glibc

/// SplitMix64: eight bytes of state, so that every session has a generator of its own.
///
/// What a session draws follows from the plan's seed, its source and its number alone, never from timing or from the
/// number of workers. (Steele, Lea, Flood: "Fast Splittable Pseudorandom Number Generators", OOPSLA 2014.)
struct SeededRandom: RandomNumberGenerator, BitwiseCopyable {
    private(set) var state: UInt64

    init(seed: UInt64) { state = seed }

    /// An independent generator for each combination of the three numbers.
    init(seed: UInt64, stream: UInt64, number: UInt64) {
        let outer = Self.finalize(seed &+ 0x9e37_79b9_7f4a_7c15)
        let middle = Self.finalize(outer ^ (stream &* 0xd134_2543_de82_ef95 &+ 0x632b_e59b_d9b4_e019))
        state = Self.finalize(middle ^ (number &* 0xaef1_7502_108e_f2d9 &+ 0x9e37_79b9_7f4a_7c15))
    }

    @inline(__always)
    mutating func next() -> UInt64 {
        state &+= 0x9e37_79b9_7f4a_7c15
        return Self.finalize(state)
    }

    /// Uniform in [0, 1), with 53 bits.
    mutating func unit() -> Double { Double(next() >> 11) * 0x1p-53 }

    /// Exponentially distributed with a mean of 1.
    mutating func exponential() -> Double { -log1p(-unit()) }

    /// Uniform in `0..<bound`, by the high half of a product; the bias is below bound / 2^64.
    mutating func below(_ bound: UInt64) -> UInt64 { next().multipliedFullWidth(by: bound).high }

    private static func finalize(_ value: UInt64) -> UInt64 {
        var z = value
        z = (z ^ (z >> 30)) &* 0xbf58_476d_1ce4_e5b9
        z = (z ^ (z >> 27)) &* 0x94d0_49bb_1331_11eb
        return z ^ (z >> 31)
    }
}
