// SPDX-License-Identifier: Apache-2.0

internal import CoreMetrics
internal import Metrics

/// The swift-metrics handles of one pipeline, made once: looking a handle up by its label takes a lock in most
/// backends.
///
/// They belong to the metrics system that is bootstrapped when the pipeline is made.
struct PipelineMetrics: Sendable {
    private let name: String
    /// The handles of the usual call by themselves: taking them out of the arrays costs two reference counts each.
    private let successes: Counter
    private let successDuration: Timer
    private let calls: [Counter]
    private let durations: [Timer]
    private let factory: any MetricsFactory
    private let attempts: Counter
    private let retries: Counter
    private let timeouts: Counter
    private let fallbacks: Counter
    private let late: Counter
    private let queueWait: Timer
    private let retryDelay: Timer
    private let rejections: [Counter]
    private let shadowRejections: [Counter]
    private let states: [Gauge]
    private let version: Gauge

    init(pipeline name: String) {
        self.name = name
        let common = [("name", name)]
        calls = CallOutcome.allCases.map {
            Counter(label: "resilience_calls_total", dimensions: common + [("outcome", $0.label)])
        }
        durations = CallOutcome.allCases.map {
            Timer(label: "resilience_call_duration_seconds", dimensions: common + [("outcome", $0.label)])
        }
        successes = calls[Int(CallOutcome.success.rawValue)]
        successDuration = durations[Int(CallOutcome.success.rawValue)]
        factory = MetricsSystem.factory
        attempts = Counter(label: "resilience_attempts_total", dimensions: common)
        retries = Counter(label: "resilience_retry_attempts_total", dimensions: common)
        timeouts = Counter(label: "resilience_attempt_timeouts_total", dimensions: common)
        fallbacks = Counter(label: "resilience_fallbacks_total", dimensions: common)
        late = Counter(label: "resilience_calls_total", dimensions: common + [("outcome", "late")])
        queueWait = Timer(label: "resilience_queue_wait_seconds", dimensions: common)
        retryDelay = Timer(label: "resilience_retry_delay_seconds", dimensions: common)
        func rejectionCounters(_ mode: PolicyMode) -> [Counter] {
            Rejection.Reason.allCases.map {
                Counter(
                    label: "resilience_rejections_total",
                    dimensions: common + [("reason", $0.label), ("mode", mode.rawValue)])
            }
        }
        rejections = rejectionCounters(.enforced)
        shadowRejections = rejectionCounters(.shadow)
        states = CircuitBreakerEvent.State.allCases.map {
            Gauge(label: "resilience_circuitbreaker_state", dimensions: common + [("state", $0.rawValue)])
        }
        version = Gauge(label: "resilience_config_version", dimensions: common)
        setState(.closed)
    }

    /// The usual call: it succeeded with its first attempt.
    func finishQuickly(duration: Int64) {
        attempts.increment()
        successes.increment()
        successDuration.recordNanoseconds(duration)
    }

    func finish(_ outcome: CallOutcome, attempts count: Int, duration: Int64) {
        if count > 0 { attempts.increment(by: Int64(count)) }
        calls[Int(outcome.rawValue)].increment()
        durations[Int(outcome.rawValue)].recordNanoseconds(duration)
    }

    func count(_ event: ResilienceEvent.Kind) {
        if let (reason, isShadow) = event.rejection {
            return (isShadow ? shadowRejections : rejections)[Int(reason.rawValue)].increment()
        }
        if let wait = event.queueWait { return queueWait.recordNanoseconds(wait.nanosecondsSaturated) }
        switch event {
        case .circuitBreaker(.transition(let from, let to, let cause)):
            setState(to)
            // Rare enough to look the handle up.
            Counter(
                label: "resilience_circuitbreaker_transitions_total",
                dimensions: [("name", name), ("from", from.rawValue), ("to", to.rawValue), ("cause", cause.rawValue)],
                factory: factory
            ).increment()
        case .circuitBreaker(.lateResult): late.increment()
        case .circuitBreaker(.rampedUp): break
        case .retry(.retrying(_, let delay)):
            retries.increment()
            retryDelay.recordNanoseconds(delay.nanosecondsSaturated)
        case .attemptTimeout(.timedOut(_, shadow: false)): timeouts.increment()
        case .fallback(.used(shadow: false)): fallbacks.increment()
        case .outlierEjection(.ejected(let endpoint, _, _, shadow: false)): setEjected(endpoint, 1)
        case .outlierEjection(.returned(let endpoint)): setEjected(endpoint, 0)
        case .configured(let number): version.record(number)
        default: break
        }
    }

    /// Ejections are rare enough to look the handle up.
    private func setEjected(_ endpoint: String, _ value: Int) {
        Gauge(
            label: "resilience_outlier_ejected", dimensions: [("name", name), ("endpoint", endpoint)],
            factory: factory
        ).record(value)
    }

    private func setState(_ state: CircuitBreakerEvent.State) {
        for (index, candidate) in CircuitBreakerEvent.State.allCases.enumerated() {
            states[index].record(candidate == state ? 1 : 0)
        }
    }
}
