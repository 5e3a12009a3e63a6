// SPDX-License-Identifier: Apache-2.0

/// A point on the monotonic clock, in nanoseconds since an arbitrary start.
///
/// Instants of one `TimeSource` compare with each other; they mean nothing in another process or after a reboot.
/// Arithmetic saturates, so that "for ever" stays for ever instead of trapping.
public struct MonotonicInstant: Sendable, Hashable, Comparable {
    /// Nanoseconds since the clock's start.
    public var nanoseconds: Int64

    /// Makes an instant from nanoseconds since the clock's start.
    @inlinable
    public init(nanoseconds: Int64) {
        self.nanoseconds = nanoseconds
    }

    /// The instant that no deadline can be later than.
    public static let distantFuture = MonotonicInstant(nanoseconds: .max)

    /// The instant `duration` later (earlier when negative).
    public func advanced(by duration: Duration) -> MonotonicInstant {
        MonotonicInstant(nanoseconds: nanoseconds.addingSaturated(duration.nanosecondsSaturated))
    }

    /// The time from this instant to `other`; negative when `other` is earlier.
    public func duration(to other: MonotonicInstant) -> Duration {
        .nanoseconds(other.nanoseconds.subtractingSaturated(nanoseconds))
    }

    @inlinable
    public static func < (left: MonotonicInstant, right: MonotonicInstant) -> Bool {
        left.nanoseconds < right.nanoseconds
    }
}

extension MonotonicInstant: InstantProtocol {
    /// The standard library's duration.
    public typealias Duration = Swift.Duration
}

extension Duration {
    /// The duration in whole nanoseconds, clamped to what fits into an `Int64` (292 years).
    package var nanosecondsSaturated: Int64 {
        let (seconds, attoseconds) = components
        let (product, overflow) = seconds.multipliedReportingOverflow(by: 1_000_000_000)
        if overflow { return seconds < 0 ? .min : .max }
        return product.addingSaturated(attoseconds / 1_000_000_000)
    }
}

extension Int64 {
    /// The sum, or the nearest bound when it does not fit.
    @inlinable
    func addingSaturated(_ other: Int64) -> Int64 {
        let (sum, overflow) = addingReportingOverflow(other)
        return overflow ? (other < 0 ? .min : .max) : sum
    }

    /// The difference, or the nearest bound when it does not fit.
    @inlinable
    func subtractingSaturated(_ other: Int64) -> Int64 {
        let (difference, overflow) = subtractingReportingOverflow(other)
        return overflow ? (other < 0 ? .max : .min) : difference
    }
}
