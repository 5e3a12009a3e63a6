// SPDX-License-Identifier: Apache-2.0

/// What an adaptive limit has seen in one window of time.
public struct LimitSample: Sendable, Hashable {
    /// The mean time from admission to result of the calls that completed; nil when none did. Dropped calls are left
    /// out: one that was refused by the callee is quick, and would make an overloaded callee look fast.
    public var roundTripNanoseconds: Int64?
    /// The largest number of calls that were under way when one of these was admitted, with that one.
    public var maximumInFlight: Int
    /// The calls that completed.
    public var completed: Int
    /// The calls that ended in a time-out or were refused by the callee.
    public var dropped: Int

    /// A window of calls; nanoseconds are nil when none completed.
    public init(roundTripNanoseconds: Int64?, maximumInFlight: Int, completed: Int, dropped: Int = 0) {
        self.roundTripNanoseconds = roundTripNanoseconds
        self.maximumInFlight = maximumInFlight
        self.completed = completed
        self.dropped = dropped
    }
}

/// What every limit algorithm keeps to.
public struct LimitBounds: Sendable, Hashable {
    /// The least limit, at least 1. It has nothing to do with the number of calls let through while the baseline is
    /// measured.
    public var minimum: Int
    /// The greatest limit, at least `minimum`.
    public var maximum: Int
    /// A round trip above this is never healthy, however long it has been usual: baselines don't follow a long
    /// incident past it, and a window above it counts like one with dropped calls. `Int64.max`: no such guard.
    public var maximumHealthyNanoseconds: Int64

    /// Limits from `minimum` to `maximum`; above the healthy time, in nanoseconds, the limit never grows.
    public init(minimum: Int, maximum: Int, maximumHealthyNanoseconds: Int64 = .max) {
        self.minimum = minimum
        self.maximum = maximum
        self.maximumHealthyNanoseconds = maximumHealthyNanoseconds
    }

    func clamp(_ limit: Double) -> Double {
        // No more than an Int holds, also where the bounds say "any number".
        min(Double(maximum), max(Double(minimum), limit), 0x1p53)
    }

    func isOverload(_ sample: LimitSample) -> Bool {
        sample.dropped > 0 || (sample.roundTripNanoseconds ?? 0) > maximumHealthyNanoseconds
    }
}

/// A rule that derives the number of calls that may be under way from how long they take.
///
/// A value without clock and randomness: the same samples give the same limits. Every rule keeps three promises: the
/// limit stays inside the bounds; it doesn't grow while less than half of it is used (the callers are what limits, so
/// that nothing is learnt about the callee); it doesn't grow in a window with dropped calls.
public protocol LimitAlgorithm: Sendable {
    /// The calls that may be under way.
    var limit: Int { get }
    /// The round trip that the rule takes for that of an idle callee; nil when it has or needs none.
    var baselineNanoseconds: Int64? { get }
    /// Takes one window into account.
    mutating func update(_ sample: LimitSample)
    /// Takes over the round trip of a nearly idle callee, as a probe has measured it.
    mutating func rebase(roundTripNanoseconds: Int64)
    /// Takes new bounds; the limit moves into them, everything that was learnt stays.
    mutating func configure(_ bounds: LimitBounds)
}

extension LimitAlgorithm {
    public var baselineNanoseconds: Int64? { nil }
    public mutating func rebase(roundTripNanoseconds: Int64) {}
}

extension LimitSample {
    /// Whether the callers use so little of the limit that nothing is learnt about the callee.
    func isApplicationLimited(_ limit: Double) -> Bool {
        Double(maximumInFlight) * 2 < limit
    }
}
