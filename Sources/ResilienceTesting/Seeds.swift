// SPDX-License-Identifier: Apache-2.0

public import Resilience

/// The seeds of a randomised test: fixed ones, so that a failure comes back. As the arguments of a parametrised test
/// they are named in its report.
public enum Seeds {
    /// So many different seeds, always the same ones.
    public static func some(_ count: Int) -> [UInt64] {
        (0..<count).map { UInt64($0) &* 0x9E37_79B9 &+ 1 }
    }
}

extension SplitMix64 {
    /// A number in the range, each as likely as the others.
    public mutating func int(in range: ClosedRange<Int>) -> Int {
        Int.random(in: range, using: &self)
    }

    /// A duration in the range, in whole nanoseconds, each as likely as the others.
    public mutating func duration(in range: ClosedRange<Duration>) -> Duration {
        let span = (range.upperBound - range.lowerBound).nanosecondsSaturated
        return range.lowerBound + .nanoseconds(Int64.random(in: 0...span, using: &self))
    }

    /// True with the given probability, 0 … 1.
    public mutating func chance(_ probability: Double) -> Bool {
        Double.random(in: 0..<1, using: &self) < probability
    }
}
