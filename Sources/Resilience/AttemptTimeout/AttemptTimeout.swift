// SPDX-License-Identifier: Apache-2.0

internal import Synchronization

/// Ends an attempt that takes too long by cancelling it.
///
/// It waits until the attempt has really ended: an operation that ignores cancellation is late however short the limit
/// is. An attempt that returned a value all the same keeps it. The caller's own cancellation is passed on and is not a
/// timeout.
public final class AttemptTimeout: Sendable {
    /// The limit in nanoseconds; 0 while the policy never had one.
    private let limit: Atomic<Int64>
    private let mode: Atomic<UInt8>
    private let listener: PolicyListener<AttemptTimeoutEvent>

    init(setting: PolicySetting<AttemptTimeoutOptions>, listener: PolicyListener<AttemptTimeoutEvent>) {
        limit = Atomic(setting.options?.limit.nanosecondsSaturated ?? 0)
        mode = Atomic(Self.code(setting.mode))
        self.listener = listener
    }

    private static func code(_ mode: PolicyMode) -> UInt8 {
        switch mode {
        case .enforced: 2
        case .shadow: 1
        default: 0
        }
    }

    /// Takes new settings for the attempts that start from now on.
    func apply(_ setting: PolicySetting<AttemptTimeoutOptions>) {
        limit.store(setting.options?.limit.nanosecondsSaturated ?? 0, ordering: .relaxed)
        mode.store(Self.code(setting.mode), ordering: .relaxed)
    }

    /// The limit for the next attempt in nanoseconds; `.max` when there is none.
    @usableFromInline
    var enforcedLimit: Int64 {
        mode.load(ordering: .relaxed) == 2 ? limit.load(ordering: .relaxed) : .max
    }

    /// In shadow mode, reports an attempt that would have been ended.
    @usableFromInline
    func watch(duration: Int64) {
        guard mode.load(ordering: .relaxed) == 1 else { return }
        let limit = limit.load(ordering: .relaxed)
        if duration > limit { listener.report(.timedOut(limit: .nanoseconds(limit), shadow: true)) }
    }

    @usableFromInline
    func reportTimeout(limit: Int64) {
        listener.report(.timedOut(limit: .nanoseconds(limit), shadow: false))
    }

    /// One attempt that may be ended from outside.
    @usableFromInline
    final class Race: Sendable {
        private let machine = StateMachine()

        @usableFromInline
        init() {}

        /// Whether the attempt has returned already.
        @usableFromInline
        var isFinished: Bool {
            machine.isFinished
        }

        /// Whether the time was up before the attempt returned.
        @usableFromInline
        var isExpired: Bool {
            machine.isExpired
        }

        @usableFromInline
        func finish() {
            machine.finish()
        }

        /// Arms the timer that cancels the attempt.
        @usableFromInline
        func arm<Value>(_ task: Task<Value, Never>, at instant: MonotonicInstant, on time: TimeSource) -> Alarm {
            Alarm(DelayedAction(at: instant, on: time) { if self.machine.expire() { task.cancel() } })
        }
    }

    /// An armed timer.
    @usableFromInline
    struct Alarm: Sendable {
        private let action: DelayedAction

        fileprivate init(_ action: DelayedAction) {
            self.action = action
        }

        @usableFromInline
        func cancel() {
            action.cancel()
        }
    }
}
