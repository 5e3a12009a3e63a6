// SPDX-License-Identifier: Apache-2.0

/// The suspended callers of a policy's queue, and the one timer that they share. Lives inside the policy's lock.
///
/// A caller is registered when the state machine tells it to wait, and is resolved exactly once, before or after it
/// has suspended: whoever comes second finds what the first has left. Nothing is resumed in here; that happens
/// outside of the lock.
struct WaitingRoom<Resolution: Sendable>: Sendable {
    typealias Continuation = CheckedContinuation<Resolution, Never>

    private enum Waiter {
        case registered
        case suspended(Continuation)
        case resolved(Resolution)
    }

    private var waiters: [UInt64: Waiter] = [:]
    private var alarm: (at: Int64, action: DelayedAction)?

    /// A caller is going to wait.
    mutating func register(_ id: UInt64) {
        waiters[id] = .registered
    }

    /// The caller suspends.
    ///
    /// - Returns: How its wait ended, when it has already; the continuation is not kept then.
    mutating func suspend(_ id: UInt64, _ continuation: Continuation) -> Resolution? {
        if case .resolved(let resolution) = waiters[id] {
            waiters[id] = nil
            return resolution
        }
        waiters[id] = .suspended(continuation)
        return nil
    }

    /// The wait ends.
    ///
    /// - Returns: What to resume outside of the lock, when the caller is suspended.
    mutating func resolve(_ id: UInt64, _ resolution: Resolution) -> Wakeup<Resolution>? {
        switch waiters[id] {
        case .suspended(let continuation):
            waiters[id] = nil
            return Wakeup(continuation: continuation, resolution: resolution)
        case .registered:
            waiters[id] = .resolved(resolution)
            return nil
        case .resolved, nil: return nil
        }
    }

    /// Whether the timer has to be set for `instant`, or stopped when it is nil. One that rings earlier may stay:
    /// whoever it wakes looks again. Asked first, so that the way of a call that waits for nothing makes no closure.
    func needsAlarm(_ instant: Int64?) -> Bool {
        guard let instant else { return alarm != nil }
        return alarm.map { $0.at > instant } ?? true
    }

    /// Sees to it that `action` runs at `instant`, or not at all when it is nil.
    ///
    /// - Returns: The timer that this one replaces, to be cancelled outside of the lock.
    mutating func setAlarm(
        _ instant: Int64?, on time: TimeSource, _ action: @escaping @Sendable () -> Void
    ) -> DelayedAction? {
        let stale = alarm?.action
        alarm = instant.map { ($0, DelayedAction(at: MonotonicInstant(nanoseconds: $0), on: time, action: action)) }
        return stale
    }

    /// The timer has fired.
    mutating func alarmFired() {
        alarm = nil
    }
}

/// A caller to be woken.
struct Wakeup<Resolution: Sendable>: Sendable {
    var continuation: CheckedContinuation<Resolution, Never>
    var resolution: Resolution

    func callAsFunction() {
        continuation.resume(returning: resolution)
    }
}
