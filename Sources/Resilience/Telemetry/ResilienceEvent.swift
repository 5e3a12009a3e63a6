// SPDX-License-Identifier: Apache-2.0

/// Something that happened in a pipeline.
public struct ResilienceEvent: Sendable, Hashable {
    /// What happened, by policy.
    public enum Kind: Sendable, Hashable {
        /// The fallback answered.
        case fallback(FallbackEvent)
        /// The deadline saw something.
        case deadline(DeadlineEvent)
        /// The load shedder did something.
        case loadShedder(LoadShedderEvent)
        /// The retry decided about a failure.
        case retry(RetryEvent)
        /// The hedge did something.
        case hedge(HedgeEvent)
        /// The circuit breaker did something.
        case circuitBreaker(CircuitBreakerEvent)
        /// The adaptive throttle refused a call.
        case adaptiveThrottle(AdaptiveThrottleEvent)
        /// The rate limiter did something.
        case rateLimiter(RateLimiterEvent)
        /// The bulkhead did something.
        case bulkhead(BulkheadEvent)
        /// The adaptive limit did something.
        case adaptiveLimit(AdaptiveLimitEvent)
        /// The attempt timeout ended an attempt.
        case attemptTimeout(AttemptTimeoutEvent)
        /// An endpoint was left out or came back.
        case outlierEjection(OutlierEjectionEvent<String>)
        /// The pipeline itself refused a call.
        case rejected(Rejection.Reason)
        /// The pipeline has new settings; versions count from 1. `changes` has the old and the new ones of each policy
        /// that has changed.
        case configured(version: Int, changes: [PolicyChange])
        /// The pipeline was made.
        case added
        /// The pipeline, a partition, made room for another one.
        case evicted
        /// A change was made for a time; the pipeline is the one that it names, or `all`.
        case overrideBegan(PolicyOverride.ID)
        /// A change that was made for a time has ended by itself.
        case overrideExpired(PolicyOverride.ID)
        /// Somebody has ended a change that was made for a time.
        case overrideEnded(PolicyOverride.ID)
        /// A change that was made for a time no longer applies, because it relied on another one that has ended.
        case overrideDropped(PolicyOverride.ID)
    }

    /// The name of the pipeline.
    public var pipeline: String
    /// When it happened, by the pipeline's clock.
    public var instant: MonotonicInstant
    /// What happened.
    public var kind: Kind
}

extension ResilienceEvent.Kind {
    /// Whether the event is rare and important enough for the ring of last events. Refusals and retries come by the
    /// thousand in an incident and would push out the transition that explains them.
    var isNotable: Bool {
        switch self {
        case .circuitBreaker(.transition), .circuitBreaker(.rampedUp), .configured, .outlierEjection, .overrideBegan,
            .overrideExpired, .overrideEnded, .overrideDropped:
            true
        default: false
        }
    }

    /// A refusal, whichever policy it is from; in shadow mode one that would have been.
    var rejection: (reason: Rejection.Reason, isShadow: Bool)? {
        switch self {
        case .loadShedder(.rejected(let reason, _, let shadow)), .circuitBreaker(.rejected(let reason, let shadow)),
            .rateLimiter(.rejected(let reason, let shadow)), .bulkhead(.rejected(let reason, let shadow)),
            .adaptiveLimit(.rejected(let reason, let shadow)):
            (reason, shadow)
        case .adaptiveThrottle(.rejected(let shadow)): (.throttled, shadow)
        case .rejected(let reason): (reason, false)
        // Such a call ends with its last real error: the reason only appears in counters.
        case .retry(.stopped(.budget, _)): (.budgetExhausted, false)
        default: nil
        }
    }

    /// How long a call waited in a queue of the pipeline's before it was let in.
    var queueWait: Duration? {
        switch self {
        case .loadShedder(.waited(let duration, _)), .rateLimiter(.waited(let duration)),
            .bulkhead(.waited(let duration)), .adaptiveLimit(.waited(let duration)):
            duration
        default: nil
        }
    }

    /// The policy that the event is about; nil when it is about the pipeline.
    public var policy: PolicyKind? {
        switch self {
        case .fallback: .fallback
        case .deadline: .deadline
        case .loadShedder: .loadShedder
        case .retry: .retry
        case .hedge: .hedge
        case .circuitBreaker: .circuitBreaker
        case .adaptiveThrottle: .adaptiveThrottle
        case .rateLimiter: .rateLimiter
        case .bulkhead: .bulkhead
        case .adaptiveLimit: .adaptiveLimit
        case .attemptTimeout: .attemptTimeout
        case .outlierEjection: .outlierEjection
        case .rejected, .configured, .added, .evicted, .overrideBegan, .overrideExpired, .overrideEnded,
            .overrideDropped:
            nil
        }
    }
}

extension ResilienceEvent: CustomStringConvertible {
    public var description: String {
        "\(pipeline): \(kind)"
    }
}

extension ResilienceEvent.Kind: CustomStringConvertible {
    public var description: String {
        if let rejection, policy != .retry {
            return "\(rejection.isShadow ? "would have rejected" : "rejected"): \(rejection.reason.label)"
        }
        if let queueWait, let policy { return "\(policy.rawValue): waited \(ConfigurationText.format(queueWait))" }
        switch self {
        case .circuitBreaker(.transition(let from, let to, let cause)):
            return "circuit-breaker \(from.rawValue) -> \(to.rawValue) (\(cause.rawValue))"
        case .circuitBreaker(.rampedUp(let share)):
            return "circuit-breaker ramps up to \(ConfigurationText.format(ratio: share))"
        case .circuitBreaker(.lateResult): return "circuit-breaker ignored a late result"
        case .deadline(.exceeded(let limit)):
            return "ended an attempt after \(ConfigurationText.format(limit)): the call's time was up"
        case .deadline(.wouldExceed(let limit)):
            return "would have ended the call after \(ConfigurationText.format(limit))"
        case .retry(.retrying(let attempt, let delay)):
            return "retry: attempt \(attempt) in \(ConfigurationText.format(delay))"
        case .retry(.stopped(let reason, let attempts)): return "retry: gave up after \(attempts) (\(reason.rawValue))"
        case .hedge(.started(let number, let cause, let after, let shadow)):
            let time = ConfigurationText.format(after)
            return
                "hedge \(shadow ? "would have started" : "started") attempt \(number) after \(time) (\(cause.rawValue))"
        case .hedge(.denied(let shadow)): return shadow ? "hedge would have been denied" : "hedge denied"
        case .hedge(.ended(let outcome)): return "hedge \(outcome.rawValue)"
        case .hedge(.waited(let duration)):
            return "hedge: waited \(ConfigurationText.format(duration)) for attempts to end"
        case .attemptTimeout(.timedOut(let limit, let shadow)):
            return "attempt \(shadow ? "would have " : "")timed out after \(ConfigurationText.format(limit))"
        case .fallback(.used(let shadow)): return shadow ? "fallback would have answered" : "fallback answered"
        case .loadShedder(.thresholdMoved(let criticality, let cohort)):
            guard let criticality else { return "load-shedder refuses nobody any more" }
            return "load-shedder refuses calls below \(criticality) \(cohort.number)"
        case .adaptiveLimit(.moved(let from, let to)): return "adaptive-limit \(from) -> \(to)"
        case .outlierEjection(.ejected(let endpoint, let cause, let duration, let shadow)):
            let time = ConfigurationText.format(duration)
            return
                "outlier-ejection \(shadow ? "would have ejected" : "ejected") \(endpoint) for \(time) (\(cause.rawValue))"
        case .outlierEjection(.spared(let endpoint, let cause)):
            return "outlier-ejection spared \(endpoint) (\(cause.rawValue))"
        case .outlierEjection(.returned(let endpoint)): return "outlier-ejection: \(endpoint) is left out no longer"
        case .configured(let version, let changes):
            return (["configuration version \(version)"] + changes.map(\.description)).joined(separator: "; ")
        case .added: return "added"
        case .evicted: return "made room for another partition"
        case .overrideBegan(let id): return "override \(id) has begun"
        case .overrideExpired(let id): return "override \(id) has expired"
        case .overrideEnded(let id): return "override \(id) was ended"
        case .overrideDropped(let id): return "override \(id) relied on one that has ended, and ends with it"
        // Refusals and waits, which were told above.
        case .loadShedder, .circuitBreaker, .adaptiveThrottle, .rateLimiter, .bulkhead, .adaptiveLimit, .rejected:
            return policy?.rawValue ?? ""
        }
    }
}
