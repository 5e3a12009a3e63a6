// SPDX-License-Identifier: Apache-2.0

internal import Metrics

/// The counters of a pipeline's refusals, one for each policy and each reason that it has, made once: in an incident
/// refusals come by the thousand.
struct RejectionCounters: Sendable {
    /// Who refuses for what.
    private static let reasons: [(policy: PolicyKind, reasons: [Rejection.Reason])] = [
        (.deadline, [.deadlineTooShort]),
        (.loadShedder, [.shed, .queueTimeout, .deadlineTooShort]),
        (.retry, [.budgetExhausted]),
        (.circuitBreaker, [.circuitOpen, .halfOpenFull, .forcedOpen, .ramping]),
        (.adaptiveThrottle, [.throttled]),
        (.rateLimiter, [.rateLimited, .deadlineTooShort]),
        (.bulkhead, [.bulkheadFull, .queueTimeout, .deadlineTooShort]),
        (.adaptiveLimit, [.limitReached, .queueTimeout, .deadlineTooShort]),
    ]

    private static let reasonCount = Rejection.Reason.allCases.count
    /// By policy and reason; nil where a policy never refuses for the reason.
    private let counters: [Counter?]

    /// - Parameter mode: `enforced`, or `shadow` for calls that would have been refused.
    init(_ mode: PolicyMode, _ labels: MetricLabels) {
        var counters = [Counter?](repeating: nil, count: PolicyKind.allCases.count * Self.reasonCount)
        for (policy, reasons) in Self.reasons {
            for reason in reasons {
                counters[Self.place(policy, reason)] = Counter(
                    label: "resilience_rejections_total",
                    dimensions: labels.of(policy, ("reason", reason.label), ("mode", mode.rawValue)))
            }
        }
        self.counters = counters
    }

    private static func place(_ policy: PolicyKind, _ reason: Rejection.Reason) -> Int {
        PolicyMask.of(policy).rawValue.trailingZeroBitCount * reasonCount + Int(reason.rawValue)
    }

    /// - Parameter policy: Nil where the pipeline itself refused, which it does for the deadline's sake.
    func increment(_ policy: PolicyKind?, _ reason: Rejection.Reason) {
        counters[Self.place(policy ?? .deadline, reason)]?.increment()
    }

    /// Takes all handles out of the backend.
    func destroy() {
        for counter in counters { counter?.destroy() }
    }
}
