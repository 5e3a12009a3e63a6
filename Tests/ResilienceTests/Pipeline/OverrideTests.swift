// SPDX-License-Identifier: Apache-2.0

import TestSupport
import Testing

@testable import Resilience

@Suite("Changes for a time", .timeLimit(.minutes(1)))
struct ActiveOverrideTests {
    let clock = ManualClock()

    @Test("those that are on can be listed and ended early, one without the other")
    func listed() async throws {
        let registry = ResilienceRegistry(time: clock.source)
        let pipeline = registry.pipeline("a")
        let start = clock.source.now()
        let (one, other) = try (PolicyEdits(["a": ["bulkhead": 3]]), PolicyEdits(["a": ["retry": 5]]))
        let first = try registry.apply(one, for: .seconds(60))
        let second = try registry.apply(other, for: .seconds(30))
        #expect(
            registry.overrides == [
                PolicyOverride(id: first, edits: one, expires: start.advanced(by: .seconds(60))),
                PolicyOverride(id: second, edits: other, expires: start.advanced(by: .seconds(30))),
            ])
        try await waitUntil("both timers are armed") { clock.sleeperCount == 2 }
        #expect(registry.endOverride(first))
        #expect(!registry.endOverride(first), "it is over already")
        #expect(registry.overrides.map(\.id) == [second])
        #expect(pipeline.configuration.bulkhead.mode == .disabled)
        #expect(pipeline.configuration.retry.options?.attempts == 5)
        try await waitUntil("the timer of the first is gone") { clock.sleeperCount == 1 }
        clock.advance(by: .seconds(30))
        try await waitUntil("the second ends by itself") { registry.overrides.isEmpty }
        #expect(pipeline.configuration.retry.mode == .disabled)
        try await waitUntil("its end is told") { registry.recentEvents.last?.kind == .overrideExpired(second) }
        #expect(
            registry.recentEvents.map(\.kind).filter { $0.policy == nil && !"\($0)".contains("version") } == [
                .overrideBegan(first), .overrideBegan(second), .overrideEnded(first), .overrideExpired(second),
            ])
    }

    @Test("one that relied on another goes with it, and only that one")
    func dropped() async throws {
        let registry = ResilienceRegistry(time: clock.source)
        let pipeline = registry.pipeline("a")
        let base = try registry.apply(
            PolicyEdits(["a": ["bulkhead": ["limit": 3, "mode": "shadow"]]]), for: .seconds(60))
        let relying = try registry.apply(PolicyEdits(["a": ["bulkhead": "enforced"]]), for: .seconds(60))
        let free = try registry.apply(PolicyEdits(["a": ["circuit-breaker": "forced-open"]]), for: .seconds(60))
        #expect(pipeline.configuration.bulkhead.mode == .enforced)
        registry.endOverride(base)
        #expect(registry.overrides.map(\.id) == [free])
        #expect(pipeline.configuration.bulkhead.mode == .disabled)
        #expect(pipeline.configuration.circuitBreaker.mode == .forcedOpen, "it does not need the others")
        #expect(registry.recentEvents.map(\.kind).suffix(2) == [.overrideEnded(base), .overrideDropped(relying)])
    }

    @Test("they end with the registry, for the pipelines that live longer")
    func registryGoes() throws {
        var registry: ResilienceRegistry? = ResilienceRegistry(time: clock.source)
        let pipeline = try #require(registry).pipeline("a")
        try registry?.apply(PolicyEdits(["a": ["bulkhead": 3]]))
        try registry?.apply(PolicyEdits(["a": ["bulkhead": 1, "retry": 5]]), for: .seconds(60))
        registry = nil
        #expect(pipeline.configuration.bulkhead.options?.limit == 3)
        #expect(pipeline.configuration.retry.mode == .disabled)
    }
}

@Suite("Pipelines of a registry that are written in code")
struct DefinedPipelineTests {
    let clock = ManualClock()

    func define(_ registry: ResilienceRegistry) throws -> ResiliencePipeline {
        try registry.pipeline("a") {
            RetryOptions(attempts: 4)
            BulkheadOptions(limit: 8)
        }
    }

    @Test("the block counts from the first time on; edits made later change it like any other")
    func defined() throws {
        let registry = ResilienceRegistry(time: clock.source)
        let pipeline = try define(registry)
        #expect(registry.pipeline("a") === pipeline)
        #expect(pipeline.configuration.retry.options?.attempts == 4)
        #expect(pipeline.configuration.bulkhead.options?.limit == 8)
        try registry.apply(PolicyEdits(["a": ["retry": 2], "all": ["bulkhead": "shadow"]]))
        #expect(try define(registry) === pipeline)
        #expect(pipeline.configuration.retry.options?.attempts == 2)
        #expect(pipeline.configuration.bulkhead.mode == .shadow)
        #expect(registry.pipeline("a", partition: "1").configuration == pipeline.configuration)
        #expect(registry.snapshots().map(\.name) == ["a", "a [1]"])
    }

    @Test("what edits have said before, a start-up file's, counts more than the block")
    func editsFirst() throws {
        let registry = ResilienceRegistry(time: clock.source)
        let early = registry.pipeline("a")
        try registry.apply(PolicyEdits(["a": ["retry": 2, "bulkhead": "disabled"]]))
        let pipeline = try define(registry)
        #expect(pipeline === early)
        #expect(pipeline.configuration.retry.options?.attempts == 2)
        #expect(pipeline.configuration.bulkhead.mode == .disabled)
        #expect(pipeline.configuration.bulkhead.options?.limit == 8, "its options are there for when it is switched on")
        try registry.apply(PolicyEdits(["a": ["bulkhead": "enforced"]]))
        #expect(pipeline.configuration.bulkhead.options?.limit == 8)
    }

    @Test("an override that is on stays on; what makes no sense is refused whole")
    func overridesAndFaults() throws {
        let registry = ResilienceRegistry(time: clock.source)
        let override = try registry.apply(PolicyEdits(["a": ["attempt-timeout": "3s"]]), for: .seconds(60))
        #expect(throws: ConfigurationFaults.self) {
            _ = try registry.pipeline("a") { DeadlineOptions(limit: .seconds(2)) }
        }
        #expect(throws: ConfigurationFaults.self) {
            _ = try registry.pipeline("a") {
                BulkheadOptions(limit: 8)
                RetryOptions()
            }
        }
        #expect(registry.policies.named["a"]?.deadline.mode == .disabled)
        let pipeline = try registry.pipeline("a") { DeadlineOptions(limit: .seconds(4)) }
        #expect(pipeline.configuration.attemptTimeout.options?.limit == .seconds(3))
        registry.endOverride(override)
        #expect(pipeline.configuration.attemptTimeout.mode == .disabled)
        #expect(pipeline.configuration.deadline.options?.limit == .seconds(4))
    }
}
