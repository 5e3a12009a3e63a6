// SPDX-License-Identifier: Apache-2.0

/// One attempt on its way through the policies that admit it: whom it still has to ask, and what it has taken from
/// those that it has passed.
///
/// Nothing in it is generic and nothing waits, so that the usual attempt is admitted by one plain function call.
@usableFromInline
struct Passage: Sendable {
    /// The instant of the last step; once admitted, when the operation starts.
    @usableFromInline var now = MonotonicInstant(nanoseconds: 0)
    /// The time that the operation has, in nanoseconds; `.max` without a limit.
    @usableFromInline var limit = Int64.max
    /// Whether that is the time left until the call's deadline and not the attempt's own limit.
    @usableFromInline var isLimitTotal = false
    /// Whether the retry budget is told when the attempt is admitted: it is the first of its call that is.
    var earnsRetries = false
    /// The policies that are to be asked.
    var pending: PolicyMask = []
    /// The policies that have to be told how it ends.
    var passed: PolicyMask = []
    var breakerTicket = CircuitBreaker.Ticket.none
    var throttleTicket = AdaptiveThrottle.StateMachine.Ticket(bucket: .min)
    var limitTicket = AdaptiveLimit.Ticket.none

    @usableFromInline
    init() {}
}

/// How far a call or an attempt has come.
@usableFromInline
enum Step: Sendable {
    /// The operation may run.
    case admitted
    case refused(Rejection)
    case cancelled
    case wait(Wait)
    /// The attempt may be hedged: several passages, each of which asks by itself.
    case race

    /// What has to be waited for before the next step.
    @usableFromInline
    enum Wait: Sendable {
        /// A place of the load shedder's.
        case place(UInt64)
        /// The turn that the rate limiter gives.
        case turn(UInt64)
        /// A slot of the bulkhead's.
        case slot(UInt64, atMost: Int64)
        /// A slot of the adaptive limit's.
        case limit(UInt64)
    }

    @inlinable
    var isAdmitted: Bool {
        if case .admitted = self { true } else { false }
    }

    @inlinable
    var isWaiting: Bool {
        if case .wait = self { true } else { false }
    }
}
