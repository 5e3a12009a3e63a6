// SPDX-License-Identifier: Apache-2.0

internal import Metrics

extension ResiliencePipeline {
    /// Brings the gauges up to date that follow state, those of the policies that are switched on. A value that is not
    /// known (a failure rate of too few calls) is NaN.
    ///
    /// Calls don't pay for them; a metrics endpoint calls this, or the registry's function of the same name, before it
    /// renders. May be called from any thread.
    public func recordGauges() {
        let mask = configuration.mask
        record("resilience_amplification", nil, counters.amplification)
        // Two changes at once may have told their numbers in any order.
        record("resilience_config_version", nil, Double(version))
        if mask.contains(.retry) {
            record("resilience_retry_budget_balance", .retry, retry.budget.balance(at: time.now()))
        }
        if mask.contains(.hedge) { record("resilience_hedge_budget_balance", .hedge, hedge.status.budgetBalance) }
        if mask.contains(.circuitBreaker) {
            let status = circuitBreaker.status
            record("resilience_circuitbreaker_failure_rate", .circuitBreaker, status.failureRate)
            record("resilience_circuitbreaker_slow_call_rate", .circuitBreaker, status.slowCallRate)
            record("resilience_circuitbreaker_buffered_calls", .circuitBreaker, Double(status.calls))
            telemetry.recordBreakerState()
        }
        if mask.contains(.bulkhead) {
            let status = bulkhead.status
            recordPlaces("bulkhead", .bulkhead, inFlight: status.inFlight, limit: status.limit, queued: status.queued)
        }
        if mask.contains(.loadShedder) {
            let status = loadShedder.status
            recordPlaces(
                "loadshedder", .loadShedder, inFlight: status.inFlight, limit: status.limit, queued: status.queued)
            record("resilience_loadshedder_threshold", .loadShedder, Double(status.threshold))
        }
        if mask.contains(.adaptiveLimit) { recordAdaptiveLimit() }
        if mask.contains(.adaptiveThrottle) {
            record("resilience_throttle_rejection_share", .adaptiveThrottle, adaptiveThrottle.status.rejectionShare)
        }
        if mask.contains(.rateLimiter) {
            let status = rateLimiter.status
            record("resilience_ratelimiter_available", .rateLimiter, Double(status.available))
            record("resilience_ratelimiter_queued", .rateLimiter, Double(status.waiting))
        }
    }

    private func recordAdaptiveLimit() {
        let status = adaptiveLimit.status
        record("resilience_adaptive_limit", .adaptiveLimit, Double(status.limit))
        record("resilience_adaptive_limit_in_flight", .adaptiveLimit, Double(status.inFlight))
        record("resilience_adaptive_limit_queued", .adaptiveLimit, Double(status.queued))
        let (baseline, sample) = (status.baseline?.seconds, status.roundTrip?.seconds)
        record("resilience_adaptive_limit_rtt_seconds", .adaptiveLimit, baseline, [("kind", "baseline")])
        record("resilience_adaptive_limit_rtt_seconds", .adaptiveLimit, sample, [("kind", "sample")])
        // Below 1 the callee is slower than it is when idle, or than it usually is.
        var gradient: Double?
        if let baseline, let sample, sample > 0 { gradient = min(1, baseline / sample) }
        record("resilience_adaptive_limit_gradient", .adaptiveLimit, gradient)
    }

    private func recordPlaces(_ prefix: String, _ policy: PolicyKind, inFlight: Int, limit: Int, queued: Int) {
        record("resilience_\(prefix)_in_flight", policy, Double(inFlight))
        record("resilience_\(prefix)_limit", policy, Double(limit))
        record("resilience_\(prefix)_queued", policy, Double(queued))
    }

    private func record(
        _ label: String, _ policy: PolicyKind?, _ value: Double?, _ dimensions: [(String, String)] = []
    ) {
        telemetry.metrics.gauge(label, policy, dimensions).record(value ?? .nan)
    }
}

extension Duration {
    fileprivate var seconds: Double {
        Double(nanosecondsSaturated) / 1e9
    }
}
