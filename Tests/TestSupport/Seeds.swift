// SPDX-License-Identifier: Apache-2.0

package import Resilience

/// The seeds of a randomised test: fixed ones, so that a failure comes back, named in the test's arguments.
package enum Seeds {
    /// - Parameter count: How many runs.
    package static func some(_ count: Int) -> [UInt64] {
        (0..<count).map { UInt64($0) &* 0x9E37_79B9 &+ 1 }
    }
}

extension SplitMix64 {
    /// A number in the range.
    package mutating func int(in range: ClosedRange<Int>) -> Int {
        Int.random(in: range, using: &self)
    }

    /// True with the given probability.
    package mutating func chance(_ probability: Double) -> Bool {
        Double.random(in: 0..<1, using: &self) < probability
    }
}
