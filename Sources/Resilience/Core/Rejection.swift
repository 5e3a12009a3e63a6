// SPDX-License-Identifier: Apache-2.0

/// A refusal by a policy of this process: the callee was not asked.
///
/// A trivial value: throwing it allocates nothing.
public struct Rejection: Error, Sendable, Hashable {
    /// Why the call was refused.
    public enum Reason: UInt8, Sendable, Hashable, CaseIterable {
        /// The circuit breaker is open.
        case circuitOpen
        /// The breaker is half open and all its probes are under way.
        case halfOpenFull
        /// An operator forced the breaker open.
        case forcedOpen
        /// All slots of the bulkhead are taken and its queue is full.
        case bulkheadFull
        /// The call waited for a bulkhead slot as long as it may.
        case queueTimeout
        /// The rate limit is used up.
        case rateLimited
        /// The adaptive throttle dropped the call.
        case throttled
        /// The load shedder dropped the call.
        case shed
        /// The call can't be done before its deadline.
        case deadlineTooShort
        /// The retry budget is used up. Such a call ends with its last real error; the reason only appears in counters.
        case budgetExhausted
        /// As many calls are under way as an adaptive limit allows.
        case limitReached
        /// The circuit breaker is coming back and lets a share of the calls through; this one is not in it.
        case ramping

        /// The short name in metrics, snapshots and logs.
        public var label: String {
            switch self {
            case .circuitOpen: "open"
            case .halfOpenFull: "half_open_full"
            case .forcedOpen: "forced_open"
            case .bulkheadFull: "bulkhead_full"
            case .queueTimeout: "queue_timeout"
            case .rateLimited: "rate"
            case .throttled: "throttle"
            case .shed: "shed"
            case .deadlineTooShort: "deadline"
            case .budgetExhausted: "budget"
            case .limitReached: "limit"
            case .ramping: "ramping"
            }
        }
    }

    /// Why the call was refused.
    public let reason: Reason
    /// -1 stands for "unknown": an optional would cost a byte and its padding.
    @usableFromInline let retryAfterNanoseconds: Int64

    /// A refusal; nil where nobody knows when the call could be admitted.
    public init(_ reason: Reason, retryAfter: Duration? = nil) {
        self.init(reason, retryAfterNanoseconds: retryAfter.map { max(0, $0.nanosecondsSaturated) } ?? -1)
    }

    @inlinable
    init(_ reason: Reason, retryAfterNanoseconds: Int64) {
        self.reason = reason
        self.retryAfterNanoseconds = retryAfterNanoseconds
    }

    /// How long it takes at least until the same call could be admitted; nil when that is not known.
    public var retryAfter: Duration? {
        retryAfterNanoseconds < 0 ? nil : .nanoseconds(retryAfterNanoseconds)
    }
}

extension Rejection: CustomStringConvertible {
    public var description: String {
        let after = retryAfter.map { ", retry after \(ConfigurationText.format($0))" } ?? ""
        return "rejected: \(reason.label)\(after)"
    }
}
