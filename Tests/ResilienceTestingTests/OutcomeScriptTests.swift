// SPDX-License-Identifier: Apache-2.0

import Resilience
import ResilienceTesting
import Testing

@Suite("An outcome script", .timeLimit(.minutes(1)))
struct OutcomeScriptTests {
    enum StockError: Error, Equatable { case unavailable, cancelled }

    let clock = ManualClock()

    func script(_ outcomes: [ScriptedOutcome<Int, StockError>]) -> OutcomeScript<Int, StockError> {
        OutcomeScript(on: clock, cancellation: .cancelled, outcomes)
    }

    @Test("does what its list says, the last outcome again and again, and keeps what happened")
    func list() async throws {
        let script = script([.fail(.unavailable, after: .milliseconds(5)), .succeed(1), .succeed(2)])
        await #expect(throws: StockError.unavailable) { try await clock.run { try await script.run() } }
        #expect(try await script.run() == 1)
        #expect(try await script.run(CallContext(attempt: 3)) == 2)
        #expect(try await script.run() == 2)
        #expect(script.runs.map(\.ending) == [.failed, .succeeded, .succeeded, .succeeded])
        #expect(script.runs[0].duration == .milliseconds(5))
        #expect(script.runs[1].duration == .zero)
        #expect(script.runs.map(\.context.attempt) == [0, 0, 3, 0])
        try Invariants.hold(of: script, runs: 4, concurrency: 1)
    }

    @Test("hangs until it is cancelled, and then throws what cancelled runs throw")
    func hangs() async throws {
        let script = script([.hang])
        let call = Task { try await script.run() }
        await clock.sleepers(1)
        clock.advance(by: .seconds(100_000))
        #expect(script.underWay == 1)
        #expect(throws: InvariantViolations(violations: ["run 0 is still under way"])) {
            try Invariants.hold(of: script)
        }
        call.cancel()
        await #expect(throws: StockError.cancelled) { try await call.value }
        #expect(script.runs[0].ending == .cancelled)
        #expect(script.runs[0].sawCancellation)
        #expect(script.underWay == 0)
    }

    @Test("returns late, in its own time, when it ignores cancellation")
    func late() async throws {
        let script = script([.succeed(9, after: .milliseconds(30)).ignoringCancellation])
        let call = Task { try await script.run() }
        await clock.sleepers(1)
        call.cancel()
        clock.advance(by: .milliseconds(29))
        #expect(script.underWay == 1)
        clock.advance(by: .milliseconds(1))
        #expect(try await call.value == 9)
        #expect(script.runs[0].ending == .succeeded)
        #expect(script.runs[0].sawCancellation)
    }

    @Test("counts the runs that are under way at once")
    func concurrency() async throws {
        let script = script([.succeed(1, after: .milliseconds(10))])
        let calls = (0..<3).map { _ in Task { try await script.run() } }
        await clock.sleepers(3)
        clock.advance(by: .milliseconds(10))
        for call in calls { _ = try await call.value }
        #expect(script.maximumUnderWay == 3)
        #expect(
            throws: InvariantViolations(violations: ["3 runs, at most 2 may be", "3 runs at once, at most 1 may be"])
        ) {
            try Invariants.hold(of: script, runs: 2, concurrency: 1)
        }
    }
}

@Suite("The invariants of a pipeline")
struct PipelineInvariantsTests {
    private func snapshot(
        _ kind: PolicyKind, _ state: ConfigurationValue, configuration: ConfigurationValue = [:],
        counters: [String: UInt64] = [:]
    ) -> PipelineSnapshot {
        PipelineSnapshot(
            name: "p", version: 1,
            policies: [.init(kind: kind, mode: .enforced, configuration: configuration, state: state)],
            counters: counters)
    }

    @Test("hold for a pipeline that has done its calls")
    func hold() async throws {
        let policies = ResilienceRegistry(seed: 1)
        try policies.apply(PolicyEdits(["all": ["retry": ["backoff": "0s"], "bulkhead": 2]]))
        let pipeline = policies.pipeline("p")
        #expect(try await pipeline.execute { _ in 1 } == 1)
        try Invariants.hold(of: pipeline.snapshot)
    }

    @Test("are broken by a negative budget, by permits beyond the limit or left in use, by counters that don't add up")
    func broken() throws {
        let cases: [(PipelineSnapshot, Bool, String)] = [
            (snapshot(.retry, ["budget-balance": -0.5]), true, "retry: a budget of -0.5"),
            (
                snapshot(.bulkhead, ["in-flight": 3, "queued": 0], configuration: ["limit": 2]), false,
                "bulkhead: 3 in-flight with a limit of 2"
            ),
            (
                snapshot(.bulkhead, ["in-flight": 0, "queued": 1], configuration: ["limit": 2, "queue": 4]), true,
                "bulkhead: 1 queued, although all calls have ended"
            ),
            (
                snapshot(.fallback, [:], counters: ["calls": 3, "successes": 1, "failures": 1]), true,
                "3 calls, but 2 successes, failures and cancellations"
            ),
        ]
        for (snapshot, isIdle, violation) in cases {
            #expect(throws: InvariantViolations(violations: [violation])) {
                try Invariants.hold(of: snapshot, isIdle: isIdle)
            }
        }
        try Invariants.hold(of: snapshot(.bulkhead, ["in-flight": 2], configuration: ["limit": 2]), isIdle: false)
    }
}

@Suite("An event recorder", .timeLimit(.minutes(1)))
struct EventRecorderTests {
    @Test("keeps what a stream hands over, and can be waited for")
    func stream() async throws {
        let policies = ResilienceRegistry(seed: 1)
        _ = policies.pipeline("p")
        let events = EventRecorder(policies.events())
        try policies.apply(PolicyEdits(["p": ["retry": "enforced"]]))
        await events.wait { !$0.isEmpty }
        #expect(events.all.map(\.description) == ["p: configuration version 2; retry mode disabled -> enforced"])
    }
}

@Suite("Random numbers for tests")
struct RandomTests {
    @Test("follow from the seed and stay in their range")
    func ranges() {
        let draws = (0..<2).map { _ in
            var random = SplitMix64(seed: 5)
            return (0..<200).map { _ in
                (
                    random.int(in: -3...3), random.duration(in: .milliseconds(1) ... .milliseconds(2)),
                    random.chance(0.25)
                )
            }
        }
        #expect(draws[0].elementsEqual(draws[1], by: ==))
        #expect(Set(draws[0].map(\.0)) == Set(-3...3))
        #expect(draws[0].allSatisfy { $0.1 >= .milliseconds(1) && $0.1 <= .milliseconds(2) })
        #expect((25...75).contains(draws[0].count { $0.2 }))
        #expect(Set(Seeds.some(100)).count == 100)
    }
}
