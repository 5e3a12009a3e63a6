// SPDX-License-Identifier: Apache-2.0

internal import CoreMetrics
internal import Metrics
internal import Synchronization

/// The swift-metrics handles of a breaker that is used beside a pipeline, with the names and labels that pipelines use.
final class CircuitBreakerMetrics: Sendable {
    private let rejections: PolicyMetrics?
    private let late: Counter
    private let states: [Gauge]
    private let common: [(String, String)]
    private let factory: any MetricsFactory
    private let breaker = Mutex(Breaker())

    /// Asked for its state; it reports to this object, so that it is not owned.
    private struct Breaker: Sendable {
        weak var value: CircuitBreaker?
    }

    init(name: String) {
        let policy = PolicyKind.circuitBreaker.rawValue
        let common = MetricLabels(name: name).of(policy)
        rejections = PolicyMetrics(
            policy, name: name, reasons: [.circuitOpen, .halfOpenFull, .ramping, .forcedOpen])
        late = Counter(label: "resilience_calls_total", dimensions: common + [("outcome", "late")])
        states = CircuitBreakerEvent.State.allCases.map {
            Gauge(label: "resilience_circuitbreaker_state", dimensions: common + [("state", $0.rawValue)])
        }
        self.common = common
        factory = MetricsSystem.factory
    }

    /// From now on this breaker's state is shown.
    func watch(_ circuitBreaker: CircuitBreaker) {
        breaker.withLock { $0.value = circuitBreaker }
        recordState()
    }

    func count(_ event: CircuitBreakerEvent) {
        switch event {
        case .transition(let from, let to, let cause):
            Counter(
                label: "resilience_circuitbreaker_transitions_total",
                dimensions: common + [("from", from.rawValue), ("to", to.rawValue), ("cause", cause.rawValue)],
                factory: factory
            ).increment()
            recordState()
        case .rejected(let reason, let isShadow): rejections?.rejected(reason, shadow: isShadow)
        case .lateResult: late.increment()
        case .rampedUp: break
        }
    }

    /// Transitions that race are reported in any order: whoever is last reads the state under the lock, so that the
    /// last value is the true one.
    private func recordState() {
        breaker.withLock { breaker in
            guard let state = breaker.value?.status.state else { return }
            for (gauge, candidate) in zip(states, CircuitBreakerEvent.State.allCases) {
                gauge.record(candidate == state ? 1 : 0)
            }
        }
    }
}
