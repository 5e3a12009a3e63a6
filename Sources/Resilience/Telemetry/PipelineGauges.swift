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
        let metrics = telemetry.metrics
        metrics.gauge("resilience_amplification").record(counters.amplification ?? .nan)
        if mask.contains(.retry) {
            record("resilience_retry_budget_balance", retry.budget.balance(at: time.now()))
        }
        if mask.contains(.hedge) { record("resilience_hedge_budget_balance", hedge.status.budgetBalance) }
        if mask.contains(.circuitBreaker) {
            let status = circuitBreaker.status
            record("resilience_circuitbreaker_failure_rate", status.failureRate)
            record("resilience_circuitbreaker_slow_call_rate", status.slowCallRate)
            record("resilience_circuitbreaker_buffered_calls", Double(status.calls))
            telemetry.recordBreakerState()
        }
        if mask.contains(.bulkhead) {
            let status = bulkhead.status
            recordPlaces("bulkhead", inFlight: status.inFlight, limit: status.limit, queued: status.queued)
        }
        if mask.contains(.loadShedder) {
            let status = loadShedder.status
            recordPlaces("loadshedder", inFlight: status.inFlight, limit: status.limit, queued: status.queued)
            record("resilience_loadshedder_threshold", Double(status.threshold))
        }
        if mask.contains(.adaptiveLimit) { recordAdaptiveLimit() }
        if mask.contains(.adaptiveThrottle) {
            record("resilience_throttle_rejection_share", adaptiveThrottle.status.rejectionShare)
        }
        if mask.contains(.rateLimiter) {
            let status = rateLimiter.status
            record("resilience_ratelimiter_available", Double(status.available))
            record("resilience_ratelimiter_queued", Double(status.waiting))
        }
    }

    private func recordAdaptiveLimit() {
        let status = adaptiveLimit.status
        record("resilience_adaptive_limit", Double(status.limit))
        record("resilience_adaptive_limit_in_flight", Double(status.inFlight))
        record("resilience_adaptive_limit_queued", Double(status.queued))
        let (baseline, sample) = (status.baseline?.seconds, status.roundTrip?.seconds)
        record("resilience_adaptive_limit_rtt_seconds", baseline, [("kind", "baseline")])
        record("resilience_adaptive_limit_rtt_seconds", sample, [("kind", "sample")])
        // Below 1 the callee is slower than it is when idle, or than it usually is.
        var gradient: Double?
        if let baseline, let sample, sample > 0 { gradient = min(1, baseline / sample) }
        record("resilience_adaptive_limit_gradient", gradient)
    }

    private func recordPlaces(_ policy: String, inFlight: Int, limit: Int, queued: Int) {
        record("resilience_\(policy)_in_flight", Double(inFlight))
        record("resilience_\(policy)_limit", Double(limit))
        record("resilience_\(policy)_queued", Double(queued))
    }

    private func record(_ label: String, _ value: Double?, _ dimensions: [(String, String)] = []) {
        telemetry.metrics.gauge(label, dimensions).record(value ?? .nan)
    }
}

extension Duration {
    fileprivate var seconds: Double {
        Double(nanosecondsSaturated) / 1e9
    }
}
