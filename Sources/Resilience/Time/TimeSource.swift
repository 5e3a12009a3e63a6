// SPDX-License-Identifier: Apache-2.0

#if canImport(Glibc)
    internal import Glibc
#elseif canImport(Musl)
    internal import Musl
#elseif canImport(Darwin)
    internal import Darwin
#endif

/// Where policies get the time from, and what they wait with.
///
/// `TimeSource.system` is CLOCK_MONOTONIC read directly, into the nanoseconds that policies keep: `ContinuousClock` gives a
/// `Duration` of 128 bits, and counts the time that the machine was suspended, in which nobody waited for an answer. Tests
/// hand in a clock that they move by hand.
public struct TimeSource: Sendable {
    /// The machine's monotonic clock.
    public static let system = TimeSource(custom: nil)

    /// A class, so that the system clock costs one comparison with nil and no existential.
    @usableFromInline
    final class Custom: Sendable {
        @usableFromInline let now: @Sendable () -> MonotonicInstant
        let sleep: @Sendable (MonotonicInstant) async throws(CancellationError) -> Void

        init(
            now: @escaping @Sendable () -> MonotonicInstant,
            sleep: @escaping @Sendable (MonotonicInstant) async throws(CancellationError) -> Void
        ) {
            self.now = now
            self.sleep = sleep
        }
    }

    @usableFromInline let custom: Custom?

    /// Whether it is the machine's clock.
    var isSystem: Bool {
        custom == nil
    }

    private init(custom: Custom?) {
        self.custom = custom
    }

    /// A time source of one's own.
    ///
    /// - Parameters:
    ///   - now: The time; must never go backwards.
    ///   - sleep: Returns at the given instant or later, never earlier; throws when the task is cancelled.
    public init(
        now: @escaping @Sendable () -> MonotonicInstant,
        sleep: @escaping @Sendable (MonotonicInstant) async throws(CancellationError) -> Void
    ) {
        self.init(custom: Custom(now: now, sleep: sleep))
    }

    /// The time now.
    @inlinable
    public func now() -> MonotonicInstant {
        custom == nil ? Self.readClock() : customNow()
    }

    @usableFromInline
    func customNow() -> MonotonicInstant {
        custom?.now() ?? Self.readClock()
    }

    @usableFromInline
    static func readClock() -> MonotonicInstant {
        var time = timespec()
        clock_gettime(CLOCK_MONOTONIC, &time)
        return MonotonicInstant(nanoseconds: Int64(time.tv_sec) &* 1_000_000_000 &+ Int64(time.tv_nsec))
    }

    /// Waits until `deadline`; a deadline that has passed returns at once without a timer.
    ///
    /// - Throws: `CancellationError` when the task is cancelled before or while it waits.
    public func sleep(until deadline: MonotonicInstant) async throws(CancellationError) {
        if Task.isCancelled { throw CancellationError() }
        if let custom { return try await custom.sleep(deadline) }
        // The runtime's timer may fire some microseconds early by this clock; "never early" is a promise (Retry-After).
        while true {
            let remaining = deadline.nanoseconds.subtractingSaturated(now().nanoseconds)
            if remaining <= 0 { return }
            do {
                try await Task.sleep(nanoseconds: UInt64(remaining))
            } catch {
                throw CancellationError()
            }
        }
    }
}
