// SPDX-License-Identifier: Apache-2.0

internal import CoreMetrics
internal import Metrics
internal import Synchronization

/// The swift-metrics handles of one pipeline, made once: looking a handle up by its label takes a lock in most
/// backends.
///
/// They belong to the metrics system that is bootstrapped when the pipeline is made.
final class PipelineMetrics: Sendable {
    let labels: MetricLabels
    let factory: any MetricsFactory
    let hedge: HedgeMetrics
    /// For a partition: tells the pool that one pipeline less uses these handles.
    let giveBack: (@Sendable () -> Void)?
    /// The handles of the usual call by themselves: taking them out of the arrays costs two reference counts each.
    private let successes: Counter
    private let successDuration: Timer
    /// By outcome; two outcomes that have one label share their handle.
    private let calls: [Counter]
    private let durations: [Timer]
    private let attempts: Counter
    private let timeouts: Counter
    private let fallbacks: Counter
    private let late: Counter
    private let retryDelay: Timer
    private let rejections: RejectionCounters
    private let shadowRejections: RejectionCounters
    private let states: [Gauge]
    private let version: Gauge
    /// Made when they are first needed: gauges that are recorded on demand, and what is rare.
    private let rareGauges = Mutex<[String: Gauge]>([:])
    private let rareCounters = Mutex<[String: Counter]>([:])
    private let rareTimers = Mutex<[String: Timer]>([:])

    init(pipeline name: String, partition: String = "", giveBack: (@Sendable () -> Void)? = nil) {
        let labels = MetricLabels(name: name, partition: partition)
        self.labels = labels
        self.giveBack = giveBack
        hedge = HedgeMetrics(labels.of(.hedge))
        var (calls, durations) = ([String: Counter](), [String: Timer]())
        for label in CallOutcome.allCases.map(\.label) where calls[label] == nil {
            let dimensions = labels.of("", ("outcome", label))
            calls[label] = Counter(label: "resilience_calls_total", dimensions: dimensions)
            durations[label] = Timer(label: "resilience_call_duration_seconds", dimensions: dimensions)
        }
        self.calls = CallOutcome.allCases.compactMap { calls[$0.label] }
        self.durations = CallOutcome.allCases.compactMap { durations[$0.label] }
        successes = self.calls[Int(CallOutcome.success.rawValue)]
        successDuration = self.durations[Int(CallOutcome.success.rawValue)]
        factory = MetricsSystem.factory
        attempts = Counter(label: "resilience_attempts_total", dimensions: labels.of(""))
        timeouts = Counter(label: "resilience_attempt_timeouts_total", dimensions: labels.of(.attemptTimeout))
        fallbacks = Counter(label: "resilience_fallbacks_total", dimensions: labels.of(.fallback))
        late = Counter(label: "resilience_calls_total", dimensions: labels.of("", ("outcome", "late")))
        retryDelay = Timer(label: "resilience_retry_delay_seconds", dimensions: labels.of(.retry))
        rejections = RejectionCounters(.enforced, labels)
        shadowRejections = RejectionCounters(.shadow, labels)
        states = CircuitBreakerEvent.State.allCases.map { state in
            Gauge(
                label: "resilience_circuitbreaker_state",
                dimensions: labels.of(.circuitBreaker, ("state", state.rawValue)))
        }
        version = Gauge(label: "resilience_config_version", dimensions: labels.of(""))
        version.record(1)
        set(.closed)
    }

    /// Takes all handles out of the backend. What still records afterwards is lost.
    func destroy() {
        for outcome in CallOutcome.allCases where outcome != .ignoredError {
            calls[Int(outcome.rawValue)].destroy()
            durations[Int(outcome.rawValue)].destroy()
        }
        for counter in [attempts, timeouts, fallbacks, late] { counter.destroy() }
        rejections.destroy()
        shadowRejections.destroy()
        retryDelay.destroy()
        for gauge in states + [version] { gauge.destroy() }
        for gauge in rareGauges.withLock({ $0.values.map { $0 } }) { gauge.destroy() }
        for counter in rareCounters.withLock({ $0.values.map { $0 } }) { counter.destroy() }
        for timer in rareTimers.withLock({ $0.values.map { $0 } }) { timer.destroy() }
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

    func rejected(_ policy: PolicyKind?, _ reason: Rejection.Reason, shadow: Bool) {
        (shadow ? shadowRejections : rejections).increment(policy, reason)
    }

    /// An attempt after the first has ended. Numbers from ten on share a label: options allow a hundred.
    func retried(attempt: Int, _ outcome: CallOutcome) {
        rareCounter(
            "resilience_retry_attempts_total", .retry,
            [("attempt", attempt < 10 ? "\(attempt)" : "10+"), ("result", outcome.label)]
        ).increment()
    }

    /// Everything but refusals.
    func count(_ event: ResilienceEvent.Kind) {
        if let wait = event.queueWait, let policy = event.policy {
            return queueWait(policy).recordNanoseconds(wait.nanosecondsSaturated)
        }
        switch event {
        case .circuitBreaker(.transition(let from, let to, let cause)):
            rareCounter(
                "resilience_circuitbreaker_transitions_total", .circuitBreaker,
                [("from", from.rawValue), ("to", to.rawValue), ("cause", cause.rawValue)]
            ).increment()
        case .circuitBreaker(.lateResult): late.increment()
        case .circuitBreaker(.rampedUp): break
        case .retry(.retrying(_, let delay)): retryDelay.recordNanoseconds(delay.nanosecondsSaturated)
        case .attemptTimeout(.timedOut(_, shadow: false)), .deadline(.exceeded): timeouts.increment()
        case .fallback(.used(shadow: false)): fallbacks.increment()
        case .adaptiveLimit(.moved(_, let to)): gauge("resilience_adaptive_limit", .adaptiveLimit).record(to)
        case .outlierEjection(.ejected(let endpoint, _, _, shadow: false)): ejected(endpoint, 1)
        case .outlierEjection(.returned(let endpoint)): ejected(endpoint, 0)
        case .configured(let number, _): version.record(number)
        default: break
        }
    }

    private func ejected(_ endpoint: String, _ value: Int) {
        gauge("resilience_outlier_ejected", .outlierEjection, [("endpoint", endpoint)]).record(value)
    }

    /// Where the breaker stands.
    func set(_ state: CircuitBreakerEvent.State) {
        for (index, candidate) in CircuitBreakerEvent.State.allCases.enumerated() {
            states[index].record(candidate == state ? 1 : 0)
        }
    }

    // MARK: - Handles that are looked up

    /// A gauge that is recorded when somebody looks.
    ///
    /// - Parameter policy: Nil for one that is about the whole pipeline.
    func gauge(_ label: String, _ policy: PolicyKind?, _ dimensions: [(String, String)] = []) -> Gauge {
        rareGauges.withLock { gauges in
            Self.handle(Self.key(label, dimensions), &gauges) {
                Gauge(label: label, dimensions: labels.of(policy?.rawValue ?? "", dimensions), factory: factory)
            }
        }
    }

    private func rareCounter(_ label: String, _ policy: PolicyKind, _ dimensions: [(String, String)]) -> Counter {
        rareCounters.withLock { counters in
            Self.handle(Self.key(label, dimensions), &counters) {
                Counter(label: label, dimensions: labels.of(policy.rawValue, dimensions), factory: factory)
            }
        }
    }

    private func queueWait(_ policy: PolicyKind) -> Timer {
        rareTimers.withLock { timers in
            Self.handle(policy.rawValue, &timers) {
                Timer(label: "resilience_queue_wait_seconds", dimensions: labels.of(policy), factory: factory)
            }
        }
    }

    private static func handle<Handle>(
        _ key: String, _ handles: inout [String: Handle], _ make: () -> Handle
    ) -> Handle {
        if let handle = handles[key] { return handle }
        let handle = make()
        handles[key] = handle
        return handle
    }

    private static func key(_ label: String, _ dimensions: [(String, String)]) -> String {
        dimensions.reduce(label) { "\($0)\u{0}\($1.0)\u{0}\($1.1)" }
    }
}
