// SPDX-License-Identifier: Apache-2.0

import CoreMetrics
import Metrics
import MetricsTestKit
import TestSupport
import Testing

@testable import Resilience

@Suite("Names and labels of metrics", .timeLimit(.minutes(1)))
struct MetricLabelTests {
    let clock = ManualClock()

    func fail(_ pipeline: ResiliencePipeline, times: Int = 1) async {
        for _ in 0..<times {
            _ = try? await pipeline.execute { _ async throws(Broken) -> Int in throw Broken() }
        }
    }

    @Test("every name comes with one set of labels, whoever exports it (backends refuse a second one)")
    func oneSet() async throws {
        let metrics = TestMetrics()
        try await withMetricsFactory(metrics) {
            let registry = ResilienceRegistry(time: clock.source, seed: 1)
            try registry.apply(
                PolicyEdits([
                    "a": [
                        "retry": ["attempts": 2, "backoff": "0s"], "bulkhead": ["limit": 7, "queue": 3],
                        "circuit-breaker": ["minimum-calls": 4], "adaptive-limit": "aimd", "load-shedder": 9,
                        "rate-limiter": "100/s", "adaptive-throttle": [:], "hedge": "p95", "outlier-ejection": [:],
                    ]
                ]))
            for pipeline in [registry.pipeline("a"), registry.pipeline("a", partition: "one")] {
                await fail(pipeline, times: 6)
                _ = try? await pipeline.execute(idempotency: .safe) { context async throws(Broken) -> Int in
                    if context.attempt == 1 { throw Broken() }
                    return 1
                }
                pipeline.outlierEjection.update(["x", "y"])
                for _ in 0..<5 { pipeline.outlierEjection.end(pipeline.outlierEjection.begin("x"), .failure) }
                pipeline.recordGauges()
            }
            _ = try RateLimiter(RateLimiterOptions(rate: .perSecond(1)), name: "partner", time: clock.source)
            _ = try Hedge(name: "partner", time: clock.source)
            _ = try AdaptiveLimit(name: "partner", time: clock.source)
            let ejection = try OutlierEjection(["a", "b"], name: "partner", time: clock.source)
            for _ in 0..<5 { ejection.end(ejection.begin("a"), .failure) }
            let all =
                metrics.counters.map { ($0.label, $0.dimensions) } + metrics.timers.map { ($0.label, $0.dimensions) }
                + metrics.recorders.map { ($0.label, $0.dimensions) }
            let sets = Dictionary(grouping: all, by: \.0).mapValues { Set($0.map { $0.1.map(\.0) }) }
            #expect(sets.count > 25, "\(sets.keys.sorted())")
            for (name, labels) in sets {
                #expect(labels.count == 1, "\(name): \(labels)")
                #expect(labels.first?.prefix(3) == ["policy", "name", "partition"], "\(name)")
            }
        }
    }

    @Test("a refusal says which policy it is from, and a partition has the name of its pipeline")
    func whose() async throws {
        let metrics = TestMetrics()
        try await withMetricsFactory(metrics) {
            let registry = ResilienceRegistry(time: clock.source)
            try registry.apply(PolicyEdits(["a": ["bulkhead": 0]]))
            let pipeline = registry.pipeline("a", partition: "one")
            await fail(pipeline, times: 2)
            let labels = [
                ("policy", "bulkhead"), ("name", "a"), ("partition", "one"), ("reason", "bulkhead_full"),
                ("mode", "enforced"),
            ]
            #expect(try metrics.expectCounter("resilience_rejections_total", labels).totalValue == 2)
        }
    }

    @Test("a success that the breaker calls slow is told apart, and so is what says nothing about the callee")
    func outcomes() async throws {
        let metrics = TestMetrics()
        let clock = clock
        let pipeline = try withMetricsFactory(metrics) {
            try ResiliencePipeline(name: "p", time: clock.source) {
                RetryOptions(attempts: 2, backoff: .init(base: .zero))
                CircuitBreakerOptions(slowCall: .init(duration: .milliseconds(100)))
            }
        }
        let ignoring = Classifier<Int, Broken> { _ in .ignore }
        for time in [100, 101] {
            _ = try await pipeline.execute { _ in clock.advance(by: .milliseconds(time)) }
        }
        _ = try await pipeline.execute(classifier: ignoring) { _ async throws(Broken) in 1 }
        _ = try? await pipeline.execute(classifier: ignoring) { _ async throws(Broken) -> Int in throw Broken() }
        _ = try await pipeline.execute(idempotency: .safe) { context async throws(Broken) -> Int in
            if context.attempt == 1 { throw Broken() }
            clock.advance(by: .milliseconds(101))
            return 1
        }
        func calls(_ outcome: String) throws -> Int64 {
            try metrics.expectCounter("resilience_calls_total", Labels.of("", "p") + [("outcome", outcome)]).totalValue
        }
        #expect(try calls("success") == 1, "what takes just as long as the limit is not slow")
        #expect(try calls("slow") == 2)
        #expect(try calls("ignored") == 2)
        #expect(try calls("failure") == 0)
        #expect(pipeline.counters.successes == 4)
        #expect(pipeline.counters.failures == 1)
        try pipeline.apply(PipelineConfiguration())
        _ = try await pipeline.execute { _ in clock.advance(by: .milliseconds(101)) }
        #expect(try calls("success") == 2, "without a breaker nothing is slow")
    }

    @Test("attempts after the first are counted by their number and by how they ended")
    func retries() async throws {
        let metrics = TestMetrics()
        let pipeline = try withMetricsFactory(metrics) {
            try ResiliencePipeline(name: "p", time: clock.source) {
                RetryOptions(attempts: 12, backoff: .init(base: .zero), budget: nil)
            }
        }
        for successful in [2, 3, 13] {
            _ = try? await pipeline.execute(idempotency: .safe) { context async throws(Broken) -> Int in
                if context.attempt == successful { return 1 }
                throw Broken()
            }
        }
        func retries(_ attempt: String, _ result: String) throws -> Int64 {
            let labels = Labels.of("retry", "p") + [("attempt", attempt), ("result", result)]
            return try metrics.expectCounter("resilience_retry_attempts_total", labels).totalValue
        }
        #expect(try retries("2", "success") == 1)
        #expect(try retries("2", "failure") == 2)
        #expect(try retries("3", "success") == 1)
        #expect(try retries("10+", "failure") == 3)
    }
}

/// The labels that every metric has.
enum Labels {
    static func of(_ policy: String, _ name: String, partition: String = "") -> [(String, String)] {
        [("policy", policy), ("name", name), ("partition", partition)]
    }
}
