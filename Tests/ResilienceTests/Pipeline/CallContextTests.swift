// SPDX-License-Identifier: Apache-2.0

import TestSupport
import Testing

@testable import Resilience

@Suite("What travels with a call")
struct CallContextTests {
    let clock = ManualClock()

    func pipeline(_ policies: ConfigurationValue) throws -> ResiliencePipeline {
        let registry = ResilienceRegistry(time: clock.source, seed: 3)
        try registry.apply(PolicyEdits(["p": policies]))
        return registry.pipeline("p")
    }

    @Test("a pipeline inside another one takes over the earlier deadline, the criticality and the cohort")
    func nested() async throws {
        let outer = try pipeline(["deadline": "2s"])
        let inner = try pipeline(["deadline": "9s"])
        let seen = try await outer.execute(criticality: .sheddablePlus, cohort: Cohort(9)) { _ in
            try await inner.execute { $0 }
        }
        #expect(seen.deadline == clock.now.advanced(by: .seconds(2)))
        #expect(seen.criticality == .sheddablePlus)
        #expect(seen.cohort == Cohort(9))
        let own = try await outer.execute(criticality: .sheddable) { _ in
            try await inner.execute(criticality: .criticalPlus) { $0.criticality }
        }
        #expect(own == .criticalPlus, "what a caller says counts more than what it takes over")
    }

    @Test("a call without anything to hand on binds nothing")
    func nothingToBind() async throws {
        let pipeline = try pipeline(["retry": 3])
        #expect(try await pipeline.execute { _ in CallContext.current } == nil)
    }

    @Test("what is done for a second attempt or a hedge is worth one class less")
    func lowered() async throws {
        let pipeline = try pipeline([:])
        for (outer, expected) in [
            (CallContext(attempt: 1), .critical), (CallContext(attempt: 2), .sheddablePlus),
            (CallContext(attempt: 1, isHedge: true), .sheddablePlus),
            (CallContext(attempt: 2, criticality: .sheddable), .sheddable),
        ] as [(CallContext, Criticality)] {
            let seen = try await CallContext.$current.withValue(outer) {
                try await pipeline.execute { $0.criticality }
            }
            #expect(seen == expected)
        }
        #expect(CallContext(attempt: 2).sheddingCriticality == .sheddablePlus)
    }

    @Test("a second attempt of a client is refused by a server that still serves first ones")
    func shedding() async throws {
        let server = try pipeline(["load-shedder": ["limit": 1, "queue": 1]])
        // Both wait for the same place; the one that is worth more gets it, though it came later.
        try await server.execute { _ in
            let arrived = EventRecorder<Int>()
            await withTaskGroup(of: Void.self) { group in
                for attempt in [2, 1] {
                    group.addTask {
                        await CallContext.$current.withValue(CallContext(attempt: attempt)) {
                            _ = try? await server.execute { _ in arrived.record(attempt) }
                        }
                    }
                    while server.loadShedder.status.queued == 0 { await Task.yield() }
                    if attempt == 2 { continue }
                    while server.counters.rejections(.shed) == 0 { await Task.yield() }
                    group.cancelAll()
                }
            }
            #expect(arrived.all.isEmpty)
        }
        #expect(server.counters.rejections(.shed) == 1)
        #expect(server.loadShedder.status == .init(inFlight: 0, limit: 1, queued: 0, threshold: 0))
    }

    @Test("what nobody waits for any more is dropped on arrival and again after the queue, and costs no place")
    func expired() async throws {
        let server = try pipeline(["load-shedder": 4, "circuit-breaker": [:]])
        let past = clock.now
        await #expect(throws: ResilienceError<Never>.rejected(Rejection(.deadlineTooShort), last: nil)) {
            try await server.execute(deadline: past) { _ async throws(Never) -> Int in 1 }
        }
        #expect(server.counters.attempts == 0)
        #expect(server.loadShedder.status.inFlight == 0)
        #expect(server.circuitBreaker.status.calls == 0)
    }
}

@Suite("A hedge in a pipeline", .timeLimit(.minutes(1)))
struct PipelineHedgeTests {
    let clock = ManualClock()

    @Test("a slow call is made again, the first answer counts, and both attempts are counted")
    func won() async throws {
        let registry = ResilienceRegistry(time: clock.source)
        try registry.apply(
            PolicyEdits(["p": ["hedge": ["delay": "50ms", "budget": "off"], "circuit-breaker": [:], "bulkhead": 4]]))
        let pipeline = registry.pipeline("p")
        let clock = clock
        let number = try await clock.run {
            try await pipeline.execute(idempotency: .safe) { context in
                if !context.isHedge { try await clock.source.sleep(until: .distantFuture) }
                return context.isHedge ? 2 : 1
            }
        }
        #expect(number == 2)
        #expect(pipeline.counters.attempts == 2)
        #expect(pipeline.counters.hedges == 1)
        #expect(pipeline.counters.successes == 1)
        #expect(pipeline.bulkhead.status.inFlight == 0)
        #expect(pipeline.circuitBreaker.status.calls == 1, "the loser was told to end: it says nothing")
        #expect(pipeline.snapshot[.hedge]?.mode == .enforced)
    }

    @Test("a call that may not be repeated is made once")
    func unsafe() async throws {
        let registry = ResilienceRegistry(time: clock.source)
        try registry.apply(PolicyEdits(["p": ["hedge": ["delay": "0s", "budget": "off"]]]))
        let pipeline = registry.pipeline("p")
        _ = try await pipeline.execute { _ in await Task.yield() }
        #expect(pipeline.counters.attempts == 1)
        #expect(pipeline.hedge.status.samples == 0)
    }

    @Test("a hedge around calls that may not be repeated is refused when it is built")
    func refusedWhenBuilt() {
        let error = #expect(throws: ConfigurationFaults.self) {
            _ = try ResiliencePipeline(name: "p", idempotency: .unsafe) { HedgeOptions() }
        }
        #expect(error?.description == "hedge: the calls may not be repeated, and a hedge makes them twice")
    }

    @Test("values that nobody takes are handed to discard: those of losers and of attempts that were retried")
    func discarded() async throws {
        let registry = ResilienceRegistry(time: clock.source)
        try registry.apply(PolicyEdits(["p": ["retry": ["attempts": 3, "backoff": "0s"]]]))
        let pipeline = registry.pipeline("p")
        let discarded = EventRecorder<Int>()
        let classifier = Classifier<Int, Never> { $0 == .success(3) ? .success : .failure }
        let value = try await pipeline.execute(
            idempotency: .safe, classifier: classifier, discard: { discarded.record($0) }
        ) { context async throws(Never) -> Int in context.attempt }
        #expect(value == 3)
        #expect(discarded.all == [1, 2])
        let none = Classifier<Int, Never> { _ in .failure }
        let last = try await pipeline.execute(
            idempotency: .safe, classifier: none, discard: { discarded.record($0 + 10) }
        ) { context async throws(Never) -> Int in context.attempt }
        #expect(last == 3)
        #expect(discarded.all == [1, 2, 11, 12])
    }
}
