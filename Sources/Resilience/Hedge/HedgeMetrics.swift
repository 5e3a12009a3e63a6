// SPDX-License-Identifier: Apache-2.0

internal import Metrics

/// The swift-metrics handles of one hedge, made once.
struct HedgeMetrics: Sendable {
    /// How a call ended that could be hedged.
    enum Result: String, CaseIterable {
        case notNeeded = "not_needed"
        case won
        case lost
        case denied
        /// Only in shadow mode.
        case wouldHedge = "would_hedge"
    }

    private let notNeeded: Counter
    private let others: [Result: Counter]
    private let shadow: [Result: Counter]
    private let budgetBalance: Gauge
    private let wait: Timer

    /// - Parameter common: The labels of all metrics.
    init(_ common: [(String, String)]) {
        func counter(_ result: Result, _ mode: PolicyMode) -> Counter {
            Counter(
                label: "resilience_hedge_total",
                dimensions: common + [("result", result.rawValue), ("mode", mode.rawValue)])
        }
        notNeeded = counter(.notNeeded, .enforced)
        others = Dictionary(uniqueKeysWithValues: [.won, .lost, .denied].map { ($0, counter($0, .enforced)) })
        shadow = Dictionary(
            uniqueKeysWithValues: [.notNeeded, .wouldHedge, .denied].map { ($0, counter($0, .shadow)) })
        budgetBalance = Gauge(label: "resilience_hedge_budget_balance", dimensions: common)
        wait = Timer(label: "resilience_hedge_wait_seconds", dimensions: common)
    }

    /// Takes all handles out of the backend.
    func destroy() {
        notNeeded.destroy()
        for counter in others.values { counter.destroy() }
        for counter in shadow.values { counter.destroy() }
        budgetBalance.destroy()
        wait.destroy()
    }

    func finished(_ result: Result, shadow isShadow: Bool) {
        if isShadow {
            shadow[result]?.increment()
        } else if result == .notNeeded {
            notNeeded.increment()
        } else {
            others[result]?.increment()
        }
    }

    func balance(_ hedges: Double?) {
        if let hedges { budgetBalance.record(hedges) }
    }

    /// How long answers waited for attempts that were slow to end.
    func waited(_ duration: Duration) {
        wait.recordNanoseconds(duration.nanosecondsSaturated)
    }
}
