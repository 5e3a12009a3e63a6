// SPDX-License-Identifier: Apache-2.0

internal import CoreMetrics
internal import Metrics
internal import Synchronization

/// The swift-metrics handles of one pipeline, made once: looking a handle up by its label takes a lock in most
/// backends.
///
/// They belong to the metrics system that is bootstrapped when the pipeline is made.
final class PipelineMetrics: Sendable {
    /// The labels of all metrics: `name`, and `partition` where there is one.
    let common: [(String, String)]
    let factory: any MetricsFactory
    let hedge: HedgeMetrics
    /// For a partition: tells the pool that one pipeline less uses these handles.
    let giveBack: (@Sendable () -> Void)?
    /// The handles of the usual call by themselves: taking them out of the arrays costs two reference counts each.
    private let successes: Counter
    private let successDuration: Timer
    private let calls: [Counter]
    private let durations: [Timer]
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
    /// Made when they are first needed: gauges that are recorded on demand, and what is rare.
    private let rareGauges = Mutex<[String: Gauge]>([:])
    private let rareCounters = Mutex<[String: Counter]>([:])

    init(pipeline name: String, partition: String? = nil, giveBack: (@Sendable () -> Void)? = nil) {
        var common = [("name", name)]
        if let partition { common.append(("partition", partition)) }
        self.common = common
        self.giveBack = giveBack
        hedge = HedgeMetrics(common)
        calls = CallOutcome.allCases.map { [common] in
            Counter(label: "resilience_calls_total", dimensions: common + [("outcome", $0.label)])
        }
        durations = CallOutcome.allCases.map { [common] in
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
            Rejection.Reason.allCases.map { [common] in
                Counter(
                    label: "resilience_rejections_total",
                    dimensions: common + [("reason", $0.label), ("mode", mode.rawValue)])
            }
        }
        rejections = rejectionCounters(.enforced)
        shadowRejections = rejectionCounters(.shadow)
        states = CircuitBreakerEvent.State.allCases.map { [common] in
            Gauge(label: "resilience_circuitbreaker_state", dimensions: common + [("state", $0.rawValue)])
        }
        version = Gauge(label: "resilience_config_version", dimensions: common)
        set(.closed)
    }

    /// Takes all handles out of the backend. What still records afterwards is lost.
    func destroy() {
        for counter in calls + rejections + shadowRejections + [attempts, retries, timeouts, fallbacks, late] {
            counter.destroy()
        }
        for timer in durations + [queueWait, retryDelay] { timer.destroy() }
        for gauge in states + [version] { gauge.destroy() }
        for gauge in rareGauges.withLock({ $0.values.map { $0 } }) { gauge.destroy() }
        for counter in rareCounters.withLock({ $0.values.map { $0 } }) { counter.destroy() }
        hedge.destroy()
    }

    // MARK: - Calls

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
            rareCounter(
                "resilience_circuitbreaker_transitions_total",
                [("from", from.rawValue), ("to", to.rawValue), ("cause", cause.rawValue)]
            ).increment()
        case .circuitBreaker(.lateResult): late.increment()
        case .circuitBreaker(.rampedUp): break
        case .retry(.retrying(_, let delay)):
            retries.increment()
            retryDelay.recordNanoseconds(delay.nanosecondsSaturated)
        case .attemptTimeout(.timedOut(_, shadow: false)), .deadline(.exceeded): timeouts.increment()
        case .fallback(.used(shadow: false)): fallbacks.increment()
        case .adaptiveLimit(.moved(_, let to)): gauge("resilience_adaptive_limit").record(to)
        case .outlierEjection(.ejected(let endpoint, _, _, shadow: false)):
            gauge("resilience_outlier_ejected", [("endpoint", endpoint)]).record(1)
        case .outlierEjection(.returned(let endpoint)):
            gauge("resilience_outlier_ejected", [("endpoint", endpoint)]).record(0)
        case .configured(let number, _): version.record(number)
        default: break
        }
    }

    /// Where the breaker stands.
    func set(_ state: CircuitBreakerEvent.State) {
        for (index, candidate) in CircuitBreakerEvent.State.allCases.enumerated() {
            states[index].record(candidate == state ? 1 : 0)
        }
    }

    // MARK: - Handles that are looked up

    /// A gauge that is recorded when somebody looks.
    func gauge(_ label: String, _ dimensions: [(String, String)] = []) -> Gauge {
        let key = Self.key(label, dimensions)
        return rareGauges.withLock { gauges in
            if let gauge = gauges[key] { return gauge }
            let gauge = Gauge(label: label, dimensions: common + dimensions, factory: factory)
            gauges[key] = gauge
            return gauge
        }
    }

    private func rareCounter(_ label: String, _ dimensions: [(String, String)]) -> Counter {
        let key = Self.key(label, dimensions)
        return rareCounters.withLock { counters in
            if let counter = counters[key] { return counter }
            let counter = Counter(label: label, dimensions: common + dimensions, factory: factory)
            counters[key] = counter
            return counter
        }
    }

    private static func key(_ label: String, _ dimensions: [(String, String)]) -> String {
        dimensions.reduce(label) { "\($0)\u{0}\($1.0)\u{0}\($1.1)" }
    }
}
