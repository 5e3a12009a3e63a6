// SPDX-License-Identifier: Apache-2.0

import CoreMetrics
import Metrics
import MetricsTestKit
import TestSupport
import Testing

@testable import Resilience

@Suite("The registry and live changes")
struct RegistryTests {
    let clock = ManualClock()

    func fail(_ pipeline: ResiliencePipeline, times: Int = 1) async {
        for _ in 0..<times {
            _ = try? await pipeline.execute { _ async throws(Broken) -> Int in throw Broken() }
        }
    }

    @Test("one name, one pipeline; settings reach pipelines that exist and those that come later")
    func pendingEdits() throws {
        let registry = ResilienceRegistry(time: clock.source)
        let early = registry.pipeline("early")
        #expect(registry.pipeline("early") === early)
        try registry.apply(PolicyEdits(["early": ["retry": 5], "late": ["retry": 7]]))
        #expect(early.configuration.retry.options?.attempts == 5)
        #expect(registry.pipeline("late").configuration.retry.options?.attempts == 7)
        #expect(registry.snapshots().map(\.name) == ["early", "late"])
    }

    @Test("an invalid change is refused whole, and the next one is still heard (Polly stops reloading)")
    func refusedWhole() throws {
        let registry = ResilienceRegistry(time: clock.source)
        let pipeline = registry.pipeline("a")
        try registry.apply(PolicyEdits(["a": ["retry": 5]]))
        let before = registry.snapshots()
        #expect(throws: ConfigurationFaults.self) {
            try registry.apply(PolicyEdits(["a": ["retry": 9, "bulkhead": ["queue": 1]]]))
        }
        #expect(registry.snapshots() == before)
        try registry.apply(PolicyEdits(["a": ["retry": 6]]))
        #expect(pipeline.configuration.retry.options?.attempts == 6)
        #expect(pipeline.snapshot.version == before[0].version + 1)
    }

    @Test("toggling a breaker keeps its window and its state (resilience4j, Polly: a replaced breaker starts cold)")
    func keepsState() async throws {
        let registry = ResilienceRegistry(time: clock.source)
        try registry.apply(PolicyEdits(["a": ["circuit-breaker": ["minimum-calls": 4]]]))
        let pipeline = registry.pipeline("a")
        await fail(pipeline, times: 3)
        try registry.apply(PolicyEdits(["a": ["circuit-breaker": "disabled"]]))
        await fail(pipeline, times: 10)
        #expect(pipeline.circuitBreaker.status.calls == 3, "a disabled breaker sees nothing")
        try registry.apply(PolicyEdits(["a": ["circuit-breaker": ["minimum-calls": 5]]]))
        await fail(pipeline)
        #expect(pipeline.circuitBreaker.status.state == .closed)
        await fail(pipeline)
        #expect(pipeline.circuitBreaker.status.state == .open)
        try registry.apply(PolicyEdits(["a": ["circuit-breaker": "shadow"]]))
        #expect(pipeline.circuitBreaker.status.state == .open)
    }

    @Test("a breaker in shadow mode stands where it would stand, refuses nothing and says what it would have refused")
    func shadowBreaker() async throws {
        let registry = ResilienceRegistry(time: clock.source)
        try registry.apply(PolicyEdits(["a": ["circuit-breaker": ["minimum-calls": 2, "mode": "shadow"]]]))
        let pipeline = registry.pipeline("a")
        await fail(pipeline, times: 5)
        #expect(pipeline.circuitBreaker.status.state == .open)
        #expect(pipeline.counters.attempts == 5)
        #expect(pipeline.counters.shadowRejections(.circuitOpen) == 3)
        #expect(pipeline.counters.rejections(.circuitOpen) == 0)
    }

    @Test("forced open refuses everything, forced closed nothing; leaving them needs no cold start")
    func forcedModes() async throws {
        let registry = ResilienceRegistry(time: clock.source)
        try registry.apply(PolicyEdits(["a": ["circuit-breaker": ["minimum-calls": 2, "mode": "forced-closed"]]]))
        let pipeline = registry.pipeline("a")
        await fail(pipeline, times: 3)
        #expect(pipeline.counters.attempts == 3)
        #expect(pipeline.counters.shadowRejections(.circuitOpen) == 0)
        try registry.apply(PolicyEdits(["a": ["circuit-breaker": "enforced"]]))
        await fail(pipeline)
        #expect(pipeline.counters.rejections(.circuitOpen) == 1, "it knew")
        clock.advance(by: .seconds(1_000))
        try registry.apply(PolicyEdits(["a": ["circuit-breaker": "forced-open"]]))
        await fail(pipeline, times: 2)
        #expect(pipeline.counters.rejections(.forcedOpen) == 2)
        #expect(pipeline.circuitBreaker.status.state == .open, "it never half-opens by itself")
    }

    @Test("a breaker ignores what this process refused itself (resilience4j counts it as a failure)")
    func localRejections() async throws {
        let registry = ResilienceRegistry(time: clock.source)
        try registry.apply(PolicyEdits(["a": ["circuit-breaker": ["minimum-calls": 2], "bulkhead": 0]]))
        let pipeline = registry.pipeline("a")
        await fail(pipeline, times: 10)
        #expect(pipeline.circuitBreaker.status.state == .closed)
        #expect(pipeline.circuitBreaker.status.calls == 0)
        #expect(pipeline.counters.rejections(.bulkheadFull) == 10)
    }

    @Test("nested breakers both see the failure")
    func nested() async throws {
        let registry = ResilienceRegistry(time: clock.source)
        try registry.apply(PolicyEdits(["all": ["circuit-breaker": ["minimum-calls": 1]]]))
        let (outer, inner) = (registry.pipeline("outer"), registry.pipeline("inner"))
        _ = try? await outer.execute { _ async throws(ResilienceError<Broken>) -> Int in
            try await inner.execute { _ async throws(Broken) -> Int in throw Broken() }
        }
        #expect(outer.circuitBreaker.status.state == .open)
        #expect(inner.circuitBreaker.status.state == .open)
    }

    @Test("a permit that is dropped counts as abandoned, one that is used up as its result")
    func permits() throws {
        let breaker = try CircuitBreaker(.small, time: clock.source)
        for _ in 0..<4 { try breaker.acquire().fail() }
        #expect(breaker.status.state == .open)
        #expect(throws: Rejection.self) { _ = try breaker.acquire() }
        clock.advance(by: .seconds(2))
        for _ in 0..<20 { _ = try breaker.acquire() }
        #expect(breaker.status.state == .halfOpen)
        for _ in 0..<2 { try breaker.acquire().succeed() }
        #expect(breaker.status.state == .closed)
    }

    @Test("options that make no sense are refused in code as well")
    func checkedInCode() {
        let error = #expect(throws: ConfigurationFaults.self) {
            try CircuitBreaker(CircuitBreakerOptions(failureRate: 7, minimumCalls: 0))
        }
        #expect(error?.faults.map(\.path) == [["failure-rate"], ["minimum-calls"]])
    }

    @Test("events reach those who listen; the last state changes are kept for those who come later")
    func events() async throws {
        let registry = ResilienceRegistry(time: clock.source, recentEvents: 3)
        let pipeline = registry.pipeline("a")
        let stream = registry.events()
        try registry.apply(PolicyEdits(["a": ["circuit-breaker": ["minimum-calls": 1]]]))
        await fail(pipeline, times: 2)
        var seen: [String] = []
        for await event in stream {
            seen.append(event.description)
            if seen.count == 3 { break }
        }
        #expect(
            seen == [
                "a: configuration version 2; circuit-breaker mode disabled -> enforced, minimum-calls 20 -> 1",
                "a: circuit-breaker closed -> open (failure-rate)", "a: rejected: open",
            ])
        #expect(registry.recentEvents.map(\.description) == Array(seen.prefix(2)))
        for _ in 0..<5 { pipeline.circuitBreaker.reset() }
        try registry.apply(PolicyEdits(["a": "disabled"]))
        #expect(registry.recentEvents.count == 3)
        #expect(registry.recentEvents.last?.description.hasPrefix("a: configuration version 3") == true)
    }

    @Test("metrics have the documented names")
    func metrics() async throws {
        let metrics = TestMetrics()
        try await withMetricsFactory(metrics) {
            let registry = ResilienceRegistry(time: clock.source)
            try registry.apply(PolicyEdits(["a": ["circuit-breaker": ["minimum-calls": 1]]]))
            await fail(registry.pipeline("a"), times: 3)
        }
        func counted(_ name: String, _ policy: String, _ labels: [(String, String)] = []) throws -> Int64 {
            try metrics.expectCounter(name, Labels.of(policy, "a") + labels).totalValue
        }
        #expect(try counted("resilience_calls_total", "", [("outcome", "failure")]) == 1)
        #expect(try counted("resilience_calls_total", "", [("outcome", "rejected")]) == 2)
        let refused = [("reason", "open"), ("mode", "enforced")]
        #expect(try counted("resilience_rejections_total", "circuit-breaker", refused) == 2)
        #expect(try counted("resilience_attempts_total", "") == 1)
        let open = Labels.of("circuit-breaker", "a") + [("state", "open")]
        #expect(try metrics.expectGauge("resilience_circuitbreaker_state", open).lastValue == 1)
    }
}
