// SPDX-License-Identifier: Apache-2.0

/// Bounds a call as a whole: no attempt and no pause goes beyond it, and the rest of the time travels on with the call.
///
/// Deadlines are instants, so that nested ones compare: the earlier of this one, the one that the caller hands in and
/// `CallContext.current`'s counts.
public final class Deadline: Sendable {
    private let limit: AtomicLimit
    private let listener: PolicyListener<DeadlineEvent>

    init(setting: PolicySetting<DeadlineOptions>, listener: PolicyListener<DeadlineEvent>) {
        limit = AtomicLimit(setting.options?.limit, setting.mode)
        self.listener = listener
    }

    /// Takes new settings for the calls that start from now on.
    func apply(_ setting: PolicySetting<DeadlineOptions>) {
        limit.store(setting.options?.limit, setting.mode)
    }

    /// The deadline of a call that starts now.
    func deadline(outer: MonotonicInstant?, start: MonotonicInstant) -> MonotonicInstant? {
        StateMachine.deadline(limit: limit.enforced, outer: outer, start: start)
    }

    /// In shadow mode, reports a call that would have been ended.
    func watch(duration: Int64) {
        let limit = limit.watched
        if duration > limit { listener.report(.wouldExceed(limit: .nanoseconds(limit))) }
    }

    /// An attempt was ended because nobody waits for the call any more.
    func reportExpiry(limit: Int64) {
        listener.report(.exceeded(limit: .nanoseconds(limit)))
    }
}
