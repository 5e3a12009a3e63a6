// SPDX-License-Identifier: Apache-2.0

import Metrics
import MetricsTestKit
import Resilience
import ResilienceTesting
import TestSupport
import Testing

@Suite("A hedge in a pipeline", .timeLimit(.minutes(1)))
struct HedgedPipelineTests {
    enum Broken: Error, Equatable { case at(Int), cancelled }
    typealias Script = OutcomeScript<Int, Broken>

    let clock = ManualClock()

    func pipeline(_ policies: ConfigurationValue) throws -> ResiliencePipeline {
        let registry = ResilienceRegistry(time: clock.source, seed: 3)
        try registry.apply(PolicyEdits(["p": policies]))
        return registry.pipeline("p")
    }

    func script(_ outcomes: ScriptedOutcome<Int, Broken>...) -> Script {
        Script(on: clock, cancellation: .cancelled, outcomes)
    }

    func call(
        _ pipeline: ResiliencePipeline, _ script: Script, _ idempotency: Idempotency = .safe
    ) async -> Result<Int, ResilienceError<Broken>> {
        do throws(ResilienceError<Broken>) {
            return .success(
                try await clock.run { () async throws(ResilienceError<Broken>) -> Int in
                    try await pipeline.execute(idempotency: idempotency, operation: script.run)
                })
        } catch {
            return .failure(error)
        }
    }

    @Test("every attempt is evidence for the breaker, takes a slot of its own and counts as an attempt")
    func everyAttempt() async throws {
        let pipeline = try pipeline([
            "hedge": ["delay": "50ms", "budget": "off"], "circuit-breaker": ["minimum-calls": 100], "bulkhead": 2,
        ])
        let slow = script(.fail(.at(0), after: .milliseconds(90)), .fail(.at(1), after: .milliseconds(60)))
        #expect(await call(pipeline, slow) == .failure(.operation(.at(0))))
        #expect(pipeline.circuitBreaker.status.calls == 2)
        #expect(pipeline.counters.attempts == 2)
        try Invariants.hold(of: slow, runs: 2, concurrency: 2)
        // A loser that was cancelled says nothing about the callee.
        let won = script(.hang, .succeed(1, after: .milliseconds(10)))
        #expect(await call(pipeline, won) == .success(1))
        #expect(pipeline.circuitBreaker.status.calls == 3)
        #expect(pipeline.counters.named["hedges"] == 2)
        try Invariants.hold(of: pipeline.snapshot)
    }

    @Test("a hedge for which there is no slot is dropped, ends nothing and costs no budget (failsafe-go #141)")
    func noSlot() async throws {
        let pipeline = try pipeline(["hedge": ["delay": "50ms", "budget": "100%"], "bulkhead": 1])
        let script = script(.succeed(0, after: .milliseconds(90)))
        #expect(await call(pipeline, script) == .success(0))
        try Invariants.hold(of: script, runs: 1)
        #expect(pipeline.counters.attempts == 1)
        #expect(pipeline.hedge.status.budgetBalance == 1)
    }

    @Test("each attempt has its own time limit, and the retry sees all attempts of a race as one")
    func limitsAndRetries() async throws {
        let pipeline = try pipeline([
            "hedge": ["delay": "50ms", "budget": "off"], "attempt-timeout": "80ms",
            "retry": ["attempts": 2, "backoff": ["base": "10ms", "jitter": "none"]],
        ])
        let script = script(.hang, .hang, .hang, .succeed(3, after: .milliseconds(20)))
        let start = clock.now
        #expect(await call(pipeline, script) == .success(3))
        // 80 ms until the first attempt's limit, 130 ms until its hedge's, 10 ms of pause, 50 ms of delay, 20 ms of work.
        #expect(start.duration(to: clock.now) == .milliseconds(210))
        #expect(script.runs.map(\.context.attempt) == [1, 1, 2, 2])
        #expect(script.runs.map(\.context.isHedge) == [false, true, false, true])
        #expect(pipeline.counters.timeouts == 2)
        #expect(pipeline.counters.retries == 1)
        #expect(pipeline.counters.attempts == 4)
    }

    @Test(
        """
        a total deadline ends a race whose attempts are both blocked (failsafe-go "Timeout -> HedgePolicy with blocked \
        execution")
        """)
    func totalDeadline() async throws {
        let pipeline = try pipeline(["hedge": ["delay": "50ms", "budget": "off"], "deadline": "120ms", "bulkhead": 2])
        let script = script(.hang, .hang)
        let start = clock.now
        let result = await call(pipeline, script)
        guard case .failure(let error) = result else {
            Issue.record("\(result)")
            return
        }
        #expect(error.timeout?.scope == .total, "\(error)")
        #expect(start.duration(to: clock.now) == .milliseconds(120))
        #expect(script.runs.map(\.ending) == [.cancelled, .cancelled])
        #expect(script.underWay == 0 && clock.sleeperCount == 0)
        #expect(pipeline.bulkhead.status.inFlight == 0)
    }

    @Test(
        "calls that may not be repeated are made once, whatever is configured (tower-resilience: ineligible requests)")
    func unsafe() async throws {
        let pipeline = try pipeline(["hedge": ["delay": "0s", "minimum-delay": "0s", "budget": "off"]])
        let script = script(.succeed(0, after: .milliseconds(10)))
        #expect(await call(pipeline, script, .unsafe) == .success(0))
        try Invariants.hold(of: script, runs: 1)
    }

    @Test("the time-outs of first attempts move the percentile up, not away")
    func timeoutsAreSamples() async throws {
        let pipeline = try pipeline([
            "hedge": ["delay": "p90", "budget": "off", "minimum-samples": 20], "attempt-timeout": "200ms",
        ])
        for run in 0..<40 {
            let script = script(run % 4 == 0 ? .hang : .succeed(run, after: .milliseconds(20)))
            _ = await call(pipeline, script)
        }
        // A quarter of the calls has no answer within 200 ms: whatever the 90th percentile is, it is more than 20 ms.
        let delay = try #require(pipeline.hedge.status.delay)
        #expect(delay > .milliseconds(30), "\(delay)")
    }

    @Test("metrics have the names that dashboards know")
    func metrics() async throws {
        let metrics = TestMetrics()
        let pipeline = try withMetricsFactory(metrics) {
            try self.pipeline(["hedge": ["delay": "50ms", "budget": "100%"]])
        }
        _ = await call(pipeline, script(.hang, .succeed(1)))
        _ = await call(pipeline, script(.succeed(0)))
        _ = await call(pipeline, script(.succeed(0, after: .milliseconds(60)), .fail(.at(1))))
        for (result, count) in [("won", 1), ("lost", 1), ("not_needed", 1), ("denied", 0)] {
            let counter = try metrics.expectCounter(
                "resilience_hedge_total", Labels.of("hedge", "p") + [("result", result), ("mode", "enforced")])
            #expect(counter.totalValue == count, "\(result)")
        }
        _ = try metrics.expectTimer("resilience_hedge_wait_seconds", Labels.of("hedge", "p"))
    }

    @Test("a value that was worth another attempt goes to discard when the caller gives up during the race")
    func cancelledWithValue() async throws {
        let pipeline = try pipeline(["hedge": ["delay": "50ms", "budget": "off"]])
        let script = script(.succeed(503, after: .milliseconds(5)), .hang)
        let classifier = Classifier<Int, Broken> { result in
            if case .success(503) = result { .failure } else { .success }
        }
        let discarded = EventRecorder<Int>()
        let call = Task {
            try await pipeline.execute(
                idempotency: .safe, classifier: classifier, discard: { discarded.record($0) }, operation: script.run)
        }
        await clock.sleepers(2)
        clock.advance(by: .milliseconds(5))
        try await waitUntil("the hedge runs") { script.runs.count == 2 && script.underWay == 1 }
        call.cancel()
        await #expect(throws: ResilienceError<Broken>.cancelled(last: nil)) { try await call.value }
        #expect(discarded.all == [503])
    }
}
