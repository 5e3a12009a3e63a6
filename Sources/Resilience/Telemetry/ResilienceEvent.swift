// SPDX-License-Identifier: Apache-2.0

/// Something that happened in a pipeline.
public struct ResilienceEvent: Sendable, Hashable {
    /// What happened, by policy.
    public enum Kind: Sendable, Hashable {
        case circuitBreaker(CircuitBreakerEvent)
        case deadline(DeadlineEvent)
        case retry(RetryEvent)
        case bulkhead(BulkheadEvent)
        case attemptTimeout(AttemptTimeoutEvent)
        case fallback(FallbackEvent)
        /// The pipeline itself refused a call.
        case rejected(Rejection.Reason)
        /// The pipeline has new settings; versions count from 1.
        case configured(version: Int)
    }

    public var pipeline: String
    public var instant: MonotonicInstant
    public var kind: Kind

    /// Whether the event is rare and important enough for the ring of last events. Refusals and retries come by the
    /// thousand in an incident and would push out the transition that explains them.
    var isNotable: Bool {
        switch kind {
        case .circuitBreaker(.transition), .configured: true
        default: false
        }
    }
}

extension ResilienceEvent: CustomStringConvertible {
    public var description: String {
        let text =
            switch kind {
            case .circuitBreaker(.transition(let from, let to, let cause)):
                "circuit-breaker \(from.rawValue) -> \(to.rawValue) (\(cause.rawValue))"
            case .circuitBreaker(.rejected(let reason, let shadow)), .bulkhead(.rejected(let reason, let shadow)):
                shadow ? "would have rejected: \(reason.label)" : "rejected: \(reason.label)"
            case .circuitBreaker(.lateResult): "circuit-breaker ignored a late result"
            case .deadline(.wouldExceed(let limit)):
                "would have ended the call after \(ConfigurationText.format(limit))"
            case .retry(.retrying(let attempt, let delay)):
                "retry: attempt \(attempt) in \(ConfigurationText.format(delay))"
            case .retry(.stopped(let reason, let attempts)): "retry: gave up after \(attempts) (\(reason.rawValue))"
            case .bulkhead(.waited(let duration)): "bulkhead: waited \(ConfigurationText.format(duration))"
            case .attemptTimeout(.timedOut(let limit, let shadow)):
                "attempt \(shadow ? "would have" : "") timed out after \(ConfigurationText.format(limit))"
            case .fallback(.used(let shadow)): shadow ? "fallback would have answered" : "fallback answered"
            case .rejected(let reason): "rejected: \(reason.label)"
            case .configured(let version): "configuration version \(version)"
            }
        return "\(pipeline): \(text)"
    }
}
