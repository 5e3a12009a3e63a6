// SPDX-License-Identifier: Apache-2.0

/// Ends an attempt that takes too long by cancelling it.
///
/// It waits until the attempt has really ended: an operation that ignores cancellation is late however short the limit
/// is. An attempt that returned a value all the same keeps it. The caller's own cancellation is passed on and is not a
/// timeout, even when the operation takes so long to stop that the limit passes meanwhile.
public final class AttemptTimeout: Sendable {
    private let limit: AtomicLimit
    private let listener: PolicyListener<AttemptTimeoutEvent>

    init(setting: PolicySetting<AttemptTimeoutOptions>, listener: PolicyListener<AttemptTimeoutEvent>) {
        limit = AtomicLimit(setting.options?.limit, setting.mode)
        self.listener = listener
    }

    /// Takes new settings for the attempts that start from now on.
    func apply(_ setting: PolicySetting<AttemptTimeoutOptions>) {
        limit.store(setting.options?.limit, setting.mode)
    }

    /// The limit for the next attempt in nanoseconds; `.max` when there is none.
    var enforcedLimit: Int64 {
        limit.enforced
    }

    /// In shadow mode, reports an attempt that would have been ended.
    func watch(duration: Int64) {
        let limit = limit.watched
        if duration > limit { listener.report(.timedOut(limit: .nanoseconds(limit), shadow: true)) }
    }

    func reportTimeout(limit: Int64) {
        listener.report(.timedOut(limit: .nanoseconds(limit), shadow: false))
    }
}
