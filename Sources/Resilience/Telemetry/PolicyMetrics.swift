// SPDX-License-Identifier: Apache-2.0

internal import Metrics

/// The swift-metrics handles of a policy that is used beside a pipeline, made once.
///
/// They have the names and labels that pipelines use, so that one dashboard shows both. A policy without a name has
/// none.
struct PolicyMetrics: Sendable {
    private let rejections: [Rejection.Reason: Counter]
    private let shadowRejections: [Rejection.Reason: Counter]
    private let queueWait: Timer
    private let limit: Gauge

    /// - Parameter reasons: Those for which the policy refuses calls.
    init?(_ policy: String, name: String?, reasons: [Rejection.Reason]) {
        guard let name else { return nil }
        let labels = MetricLabels(name: name)
        func counters(_ mode: PolicyMode) -> [Rejection.Reason: Counter] {
            var counters: [Rejection.Reason: Counter] = [:]
            for reason in reasons {
                counters[reason] = Counter(
                    label: "resilience_rejections_total",
                    dimensions: labels.of(policy, ("reason", reason.label), ("mode", mode.rawValue)))
            }
            return counters
        }
        rejections = counters(.enforced)
        shadowRejections = counters(.shadow)
        queueWait = Timer(label: "resilience_queue_wait_seconds", dimensions: labels.of(policy))
        limit = Gauge(label: "resilience_adaptive_limit", dimensions: labels.of(policy))
    }

    func rejected(_ reason: Rejection.Reason, shadow: Bool) {
        (shadow ? shadowRejections : rejections)[reason]?.increment()
    }

    func waited(_ duration: Duration) {
        queueWait.recordNanoseconds(duration.nanosecondsSaturated)
    }

    func moved(toLimit value: Int) {
        limit.record(value)
    }
}
