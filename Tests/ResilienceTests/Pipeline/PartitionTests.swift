// SPDX-License-Identifier: Apache-2.0

import CoreMetrics
import Metrics
import MetricsTestKit
import TestSupport
import Testing

@testable import Resilience

@Suite("Partitions of a pipeline", .timeLimit(.minutes(1)))
struct PartitionTests {
    let clock = ManualClock()

    @Test("a partition is configured like its name unless it is addressed itself, and has its own state")
    func settings() async throws {
        let registry = ResilienceRegistry(time: clock.source)
        try registry.apply(PolicyEdits(["a": ["circuit-breaker": ["minimum-calls": 1]]]))
        let (one, two) = (registry.pipeline("a", partition: "1"), registry.pipeline("a", partition: "2"))
        #expect(registry.pipeline("a", partition: "1") === one)
        _ = try? await one.execute { _ async throws(Broken) -> Int in throw Broken() }
        #expect(one.circuitBreaker.status.state == .open)
        #expect(two.circuitBreaker.status.state == .closed)
        try registry.apply(PolicyEdits(["a [2]": ["retry": 5], "a": ["retry": 7, "bulkhead": 3]]))
        #expect(one.configuration.retry.options?.attempts == 7)
        #expect(two.configuration.retry.options?.attempts == 5)
        #expect(two.configuration.bulkhead.options?.limit == 3)
        try registry.apply(PolicyEdits(["a": ["bulkhead": 4]]))
        #expect(two.configuration.bulkhead.options?.limit == 4, "what is said about the name counts for all of them")
        #expect(two.configuration.retry.options?.attempts == 5)
        #expect(registry.pipeline("a").configuration.circuitBreaker.mode == .enforced)
        #expect(registry.snapshots().map(\.name) == ["a", "a [1]", "a [2]"])
    }

    @Test("the one that was not asked for the longest makes room, but not one that is in use (resilience4j #650)")
    func eviction() async throws {
        let registry = ResilienceRegistry(time: clock.source, partitions: 3)
        let events = registry.events()
        let used = registry.pipeline("a", partition: "used")
        for key in ["1", "2"] { _ = registry.pipeline("a", partition: key) }
        _ = registry.pipeline("a", partition: "1")
        _ = registry.pipeline("a", partition: "3")
        #expect(registry.snapshots().map(\.name) == ["a [1]", "a [3]", "a [used]"])
        #expect(registry.pipeline("a", partition: "used") === used)
        var seen: [String] = []
        for await event in events {
            seen.append(event.description)
            if seen.count == 5 { break }
        }
        #expect(seen.prefix(3) == ["a [used]: added", "a [1]: added", "a [2]: added"])
        #expect(seen.suffix(2) == ["a [2]: made room for another partition", "a [3]: added"])
    }

    @Test("one that is in use stays while there are others, however often those were asked for since")
    func evictionAmongBusy() {
        for questions in 0..<60 {
            let registry = ResilienceRegistry(time: clock.source, partitions: 3)
            let used = registry.pipeline("a", partition: "used")
            for number in 0..<questions { _ = registry.pipeline("a", partition: number % 2 == 0 ? "1" : "2") }
            for key in ["1", "2", "3"] { _ = registry.pipeline("a", partition: key) }
            #expect(registry.pipeline("a", partition: "used") === used, "after \(questions) questions")
        }
    }

    @Test("one that makes room while it is used ends its calls, wakes its waiters and still hears of changes")
    func evictedInUse() async throws {
        let registry = ResilienceRegistry(time: clock.source, partitions: 1)
        try registry.apply(PolicyEdits(["a": ["bulkhead": ["limit": 1, "queue": 1, "max-wait": "10s"]]]))
        let first = registry.pipeline("a", partition: "1")
        let answers = try await first.execute { _ in
            async let waiting = first.execute { _ in 2 }
            while first.bulkhead.status.queued == 0 { await Task.yield() }
            let second = registry.pipeline("a", partition: "2")
            #expect(registry.snapshots().map(\.name) == ["a [2]"])
            try registry.apply(PolicyEdits(["a": ["bulkhead": 2]]))
            #expect(second.configuration.bulkhead.options?.limit == 2)
            #expect(first.configuration.bulkhead.options?.limit == 2)
            return try await waiting
        }
        #expect(answers == 2)
        #expect(first.bulkhead.status.inFlight == 0)
        #expect(registry.pipeline("a", partition: "1") !== first)
    }

    @Test(
        "many tasks and many keys: every call ends, no more partitions than allowed, none of them counts a call under way"
    )
    func concurrent() async throws {
        let registry = ResilienceRegistry(partitions: 8)
        try registry.apply(
            PolicyEdits(["a": ["bulkhead": ["limit": 2, "queue": 100], "retry": 2, "circuit-breaker": [:]]]))
        let ended = EventRecorder<Int>()
        await withTaskGroup(of: Void.self) { group in
            for task in 0..<16 {
                group.addTask {
                    for turn in 0..<100 {
                        let pipeline = registry.pipeline("a", partition: "\((task * 7 + turn * 3) % 40)")
                        _ = try? await pipeline.execute { _ in await Task.yield() }
                        ended.record(turn)
                    }
                }
            }
        }
        #expect(ended.all.count == 1600)
        #expect(registry.snapshots().count == 8)
        for snapshot in registry.snapshots() {
            guard case .map(let state) = snapshot[.bulkhead]?.state else { continue }
            #expect(state["in-flight"] == .int(0))
        }
    }

    @Test("metrics of a partition have its label and leave the backend with it")
    func metrics() async throws {
        let metrics = TestMetrics()
        try await withMetricsFactory(metrics) {
            let registry = ResilienceRegistry(time: clock.source, partitions: 1)
            for key in 0..<5 {
                _ = try await registry.pipeline("a", partition: "\(key)").execute { _ in 1 }
                registry.recordGauges()
            }
        }
        let partitions = Set(
            metrics.counters.filter { $0.label == "resilience_calls_total" }.compactMap { counter in
                counter.dimensions.first { $0.0 == "partition" }?.1
            })
        #expect(partitions.count <= 1, "the last one went with its registry")
    }

    @Test("metrics of a partition leave the backend with its last user, also when the registry has gone before")
    func metricsWithoutRegistry() async throws {
        let metrics = TestMetrics()
        try await withMetricsFactory(metrics) {
            let pipeline = ResilienceRegistry(time: clock.source).pipeline("a", partition: "one")
            _ = try await pipeline.execute { _ in 1 }
        }
        #expect(!metrics.counters.contains { $0.dimensions.contains { $0 == ("partition", "one") } })
    }
}

@Suite("What a registry tells", .timeLimit(.minutes(1)))
struct RegistryEventTests {
    let clock = ManualClock()

    @Test("a change is told with the old and the new settings, the end of an override as well")
    func changes() async throws {
        let registry = ResilienceRegistry(time: clock.source)
        _ = registry.pipeline("a")
        try registry.apply(PolicyEdits(["a": ["retry": 5]]))
        try registry.apply(PolicyEdits(["a": ["circuit-breaker": "forced-open"]]), for: .seconds(60))
        await clock.sleepers(1)
        clock.advance(by: .seconds(60))
        try await waitUntil("the override has ended") { registry.recentEvents.count == 5 }
        #expect(
            registry.recentEvents.map(\.description) == [
                "a: configuration version 2; retry mode disabled -> enforced, attempts 3 -> 5",
                "a: override 1 has begun",
                "a: configuration version 3; circuit-breaker mode disabled -> forced-open",
                "a: configuration version 4; circuit-breaker mode forced-open -> disabled",
                "a: override 1 has expired",
            ])
        guard case .configured(2, let changes) = registry.recentEvents.first?.kind else {
            Issue.record("no change")
            return
        }
        #expect(changes.map(\.policy) == [.retry])
    }

    @Test("gauges that follow state are recorded when somebody asks for them")
    func gauges() async throws {
        let metrics = TestMetrics()
        try await withMetricsFactory(metrics) {
            let registry = ResilienceRegistry(time: clock.source)
            try registry.apply(
                PolicyEdits([
                    "a": [
                        "retry": ["attempts": 2, "backoff": "0s"], "bulkhead": ["limit": 7, "queue": 3],
                        "circuit-breaker": ["minimum-calls": 10], "adaptive-limit": "aimd",
                        "load-shedder": 9, "rate-limiter": "100/s", "adaptive-throttle": [:], "hedge": "p95",
                    ]
                ]))
            let pipeline = registry.pipeline("a")
            _ = try await pipeline.execute(idempotency: .safe) { context async throws(Broken) -> Int in
                if context.attempt == 1 { throw Broken() }
                return 1
            }
            registry.recordGauges()
        }
        func last(_ label: String, _ policy: String, _ dimensions: [(String, String)] = []) throws -> Double? {
            try metrics.expectGauge(label, Labels.of(policy, "a") + dimensions).lastValue
        }
        #expect(try last("resilience_amplification", "") == 2)
        #expect(try last("resilience_bulkhead_limit", "bulkhead") == 7)
        #expect(try last("resilience_bulkhead_in_flight", "bulkhead") == 0)
        #expect(try last("resilience_bulkhead_queued", "bulkhead") == 0)
        #expect(try last("resilience_loadshedder_limit", "load-shedder") == 9)
        #expect(try last("resilience_adaptive_limit", "adaptive-limit") == 20)
        #expect(try last("resilience_circuitbreaker_buffered_calls", "circuit-breaker") == 2)
        #expect(
            try last("resilience_circuitbreaker_failure_rate", "circuit-breaker")?.isNaN == true, "of too few calls")
        #expect(try last("resilience_circuitbreaker_state", "circuit-breaker", [("state", "closed")]) == 1)
        #expect(try last("resilience_ratelimiter_available", "rate-limiter") == 98)
        #expect(try last("resilience_throttle_rejection_share", "adaptive-throttle") == 0)
        #expect((try last("resilience_retry_budget_balance", "retry") ?? 0) > 20)
        #expect(try last("resilience_config_version", "") == 1)
    }
}
