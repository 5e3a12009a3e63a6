// SPDX-License-Identifier: Apache-2.0

internal import Synchronization

/// Bounds a call as a whole: no attempt and no pause goes beyond it, and the rest of the time travels on with the call.
///
/// Deadlines are instants, so that nested ones compare: the earlier of this one, the one that the caller hands in and
/// `CallContext.current`'s counts.
public final class Deadline: Sendable {
    private let machine: Mutex<StateMachine>
    private let active: Atomic<Bool>
    private let listener: PolicyListener<DeadlineEvent>

    init(setting: PolicySetting<DeadlineOptions>, listener: PolicyListener<DeadlineEvent>) {
        machine = Mutex(Self.machine(setting))
        active = Atomic(setting.mode != .disabled)
        self.listener = listener
    }

    private static func machine(_ setting: PolicySetting<DeadlineOptions>) -> StateMachine {
        StateMachine(mode: setting.mode, limit: setting.options?.limit.nanosecondsSaturated)
    }

    @usableFromInline
    var isActive: Bool {
        active.load(ordering: .relaxed)
    }

    /// Takes new settings for the calls that start from now on.
    func apply(_ setting: PolicySetting<DeadlineOptions>) {
        machine.withLock { $0 = Self.machine(setting) }
        active.store(setting.mode != .disabled, ordering: .relaxed)
    }

    /// The deadline of a call that starts now.
    @usableFromInline
    func deadline(outer: MonotonicInstant?, start: MonotonicInstant) -> MonotonicInstant? {
        machine.withLock { $0.deadline(outer: outer, start: start) }
    }

    /// In shadow mode, reports a call that would have been ended.
    @usableFromInline
    func watch(duration: Int64) {
        let exceeded = machine.withLock { $0.exceeded(duration: duration) }
        if let exceeded { listener.report(.wouldExceed(limit: .nanoseconds(exceeded))) }
    }
}
