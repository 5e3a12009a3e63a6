// SPDX-License-Identifier: Apache-2.0

/// A small random generator whose numbers follow from its seed alone (SplitMix64; Steele, Lea, Flood: "Fast splittable
/// pseudorandom number generators", OOPSLA 2014).
///
/// A value type: a copy continues with the same numbers. For simulation, not for secrets.
package struct SeededGenerator: RandomNumberGenerator, Sendable {
    private var state: UInt64

    package init(seed: UInt64) { state = seed }

    /// The generator of one member of a family, for example of one connection or one request: members with neighbouring
    /// numbers are unrelated.
    package init(seed: UInt64, member: UInt64) {
        state = Self.mixed(seed ^ Self.mixed(member &+ Self.increment))
    }

    package mutating func next() -> UInt64 {
        state &+= Self.increment  // the algorithm is defined modulo 2^64
        return Self.mixed(state)
    }

    /// A number in [0, 1) with 53 random bits.
    package mutating func nextUnit() -> Double { Double(next() >> 11) * 0x1p-53 }

    /// Golden ratio times 2^64, made odd.
    private static let increment: UInt64 = 0x9E37_79B9_7F4A_7C15

    private static func mixed(_ value: UInt64) -> UInt64 {
        var z = value
        z = (z ^ (z >> 30)) &* 0xBF58_476D_1CE4_E5B9
        z = (z ^ (z >> 27)) &* 0x94D0_49BB_1331_11EB
        return z ^ (z >> 31)
    }
}
