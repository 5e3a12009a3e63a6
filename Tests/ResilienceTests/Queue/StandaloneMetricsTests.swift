// SPDX-License-Identifier: Apache-2.0

internal import Metrics
internal import MetricsTestKit
internal import TestSupport
internal import Testing

@testable internal import Resilience

@Suite("The metrics of policies beside a pipeline")
struct StandaloneMetricsTests {
    @Test("have the names and labels of the pipelines' metrics, and are made only for policies with a name")
    func names() throws {
        let metrics = TestMetrics()
        let clock = ManualClock()
        try withMetricsFactory(metrics) {
            for name in ["partner", nil] {
                let options = RateLimiterOptions(rate: .perSecond(1), burst: 1)
                let limiter = try RateLimiter(options, mode: .shadow, name: name, time: clock.source)
                for _ in 0..<3 { try limiter.acquireNow() }
                let limit = try AdaptiveLimit(AdaptiveLimitOptions(initial: 1), name: name, time: clock.source)
                let permit = try limit.acquire()
                #expect(throws: Rejection(.limitReached)) { _ = try limit.acquire() }
                permit.end(.completed)
                let ejection = try OutlierEjection(["a", "b"], name: name, time: clock.source)
                for _ in 0..<5 { ejection.end(ejection.begin("a"), .failure) }
            }
        }
        let shadow = try metrics.expectCounter(
            "resilience_rejections_total",
            Labels.of("rate-limiter", "partner") + [("reason", "rate"), ("mode", "shadow")])
        #expect(shadow.totalValue == 2)
        let enforced = try metrics.expectCounter(
            "resilience_rejections_total",
            Labels.of("adaptive-limit", "partner") + [("reason", "limit"), ("mode", "enforced")])
        #expect(enforced.totalValue == 1)
        let limit = try metrics.expectGauge("resilience_adaptive_limit", Labels.of("adaptive-limit", "partner"))
        #expect(limit.lastValue == 1)
        let ejected = try metrics.expectGauge(
            "resilience_outlier_ejected", Labels.of("outlier-ejection", "partner") + [("endpoint", "a")])
        #expect(ejected.lastValue == 1)
        #expect(
            metrics.counters.allSatisfy { counter in counter.dimensions.contains { $0.0 == "name" && $0.1 == "partner" }
            })
    }
}
