// SPDX-License-Identifier: Apache-2.0

import Logging
import Synchronization
import TestSupport
import Testing

@testable import Resilience

@Suite("Events", .timeLimit(.minutes(1)))
struct EventTests {
    let clock = ManualClock()

    func fail(_ pipeline: ResiliencePipeline, times: Int = 1) async {
        for _ in 0..<times {
            _ = try? await pipeline.execute { _ async throws(Broken) -> Int in throw Broken() }
        }
    }

    @Test("a refusal that nobody listens to costs no clock reading of its own")
    func freeOfCharge() async throws {
        final class Readings: Sendable {
            let count = Atomic(0)
        }
        let readings = Readings()
        let time = TimeSource(
            now: {
                readings.count.add(1, ordering: .relaxed)
                return MonotonicInstant(nanoseconds: 1)
            }, sleep: { _ in })
        let pipeline = try ResiliencePipeline(name: "p", time: time) {
            CircuitBreakerOptions(minimumCalls: 1)
        }
        await fail(pipeline)
        func readingsOfARefusal() async -> Int {
            let before = readings.count.load(ordering: .relaxed)
            await fail(pipeline)
            return readings.count.load(ordering: .relaxed) - before
        }
        #expect(await readingsOfARefusal() == 1)
        let events = pipeline.events()
        #expect(await readingsOfARefusal() == 2)
        withExtendedLifetime(events) {}
        #expect(pipeline.counters.rejections(.circuitOpen) == 2)
    }

    @Test("a pipeline by itself has events and remembers the last notable ones; its stream ends with it")
    func standalone() async throws {
        var pipeline: ResiliencePipeline? = try ResiliencePipeline(name: "p", time: clock.source) {
            CircuitBreakerOptions(minimumCalls: 1)
        }
        let events = try #require(pipeline).events()
        await fail(try #require(pipeline), times: 2)
        #expect(pipeline?.recentEvents.map(\.description) == ["p: circuit-breaker closed -> open (failure-rate)"])
        pipeline = nil
        var seen: [String] = []
        for await event in events { seen.append(event.description) }
        #expect(seen == ["p: circuit-breaker closed -> open (failure-rate)", "p: rejected: open"])
    }

    @Test("a registry's pipeline tells of itself alone")
    func ownEvents() async throws {
        let registry = ResilienceRegistry(time: clock.source)
        try registry.apply(PolicyEdits(["all": ["circuit-breaker": ["minimum-calls": 1]]]))
        let (one, other) = (registry.pipeline("one"), registry.pipeline("other"))
        let events = one.events()
        await fail(other)
        await fail(one)
        var iterator = events.makeAsyncIterator()
        #expect(await iterator.next()?.description == "one: circuit-breaker closed -> open (failure-rate)")
        #expect(other.recentEvents.map(\.pipeline) == ["other"])
        #expect(registry.recentEvents.map(\.pipeline) == ["other", "one"])
    }

    @Test("the stream of a registry ends with it, though its pipelines go on")
    func registryGone() async throws {
        var registry: ResilienceRegistry? = ResilienceRegistry(time: clock.source)
        let pipeline = try #require(registry).pipeline("a")
        let events = try #require(registry).events()
        try registry?.apply(PolicyEdits(["a": ["bulkhead": 0]]))
        registry = nil
        await fail(pipeline)
        var seen: [String] = []
        for await event in events { seen.append(event.description) }
        #expect(seen.count == 1, "\(seen)")
        #expect(seen.first?.hasPrefix("a: configuration version 2; bulkhead mode disabled -> enforced") == true)
        #expect(pipeline.counters.rejections(.bulkheadFull) == 1)
    }

    @Test("a logger gets what is notable, at levels that say what to do about it; refusals are not logged")
    func logging() async throws {
        let lines = EventRecorder<String>()
        let logger = Logger(label: "test") { _ in
            Log { lines.record("\($0.level) \($0.metadata?["pipeline"] ?? ""): \($0.message)") }
        }
        let registry = ResilienceRegistry(time: clock.source, logger: logger)
        try registry.apply(PolicyEdits(["a": ["circuit-breaker": ["minimum-calls": 1]]]))
        await fail(registry.pipeline("a"), times: 3)
        registry.pipeline("a").circuitBreaker.reset()
        registry.endOverride(try registry.apply(PolicyEdits(["a": "shadow"]), for: .seconds(1)))
        #expect(
            lines.all.map { String($0.prefix(60)) } == [
                "warning a: circuit-breaker closed -> open (failure-rate)",
                "notice a: circuit-breaker open -> closed (reset)", "notice a: override 1 has begun",
                "notice a: configuration version 2; fallback mode disabled ->",
                "notice a: configuration version 3; fallback mode shadow -> d", "notice a: override 1 was ended",
            ])
    }

    @Test("a logger may ask the registry, also about what a change of settings does")
    func loggerAsks() throws {
        let answers = EventRecorder<PolicyMode?>()
        let registry = Mutex<ResilienceRegistry?>(nil)
        let logger = Logger(label: "test") { _ in
            Log { _ in answers.record(registry.withLock { $0 }?.snapshots().first?[.outlierEjection]?.mode) }
        }
        let made = ResilienceRegistry(logger: logger)
        registry.withLock { $0 = made }
        defer { registry.withLock { $0 = nil } }
        try made.apply(PolicyEdits(["a": ["outlier-ejection": ["consecutive-failures": 1]]]))
        let ejection = made.pipeline("a").outlierEjection
        ejection.update(["one", "two"])
        ejection.end(ejection.begin("one"), .failure)
        #expect(ejection.ejected == ["one"])
        try made.apply(PolicyEdits(["a": ["outlier-ejection": "disabled"]]))
        // Of the endpoint that returned and of the configuration, both after the change.
        #expect(answers.all.suffix(3) == [.enforced, .disabled, .disabled])
    }

    /// A log that does with each event what a test says.
    struct Log: LogHandler {
        let take: @Sendable (LogEvent) -> Void
        var metadata: Logger.Metadata = [:]
        var logLevel = Logger.Level.info

        init(_ take: @escaping @Sendable (LogEvent) -> Void) {
            self.take = take
        }

        subscript(metadataKey key: String) -> Logger.Metadata.Value? {
            get { metadata[key] }
            set { metadata[key] = newValue }
        }

        func log(event: LogEvent) {
            take(event)
        }
    }
}
