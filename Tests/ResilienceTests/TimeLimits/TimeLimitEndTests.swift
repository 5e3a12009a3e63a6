// SPDX-License-Identifier: Apache-2.0

import Resilience
import ResilienceTesting
import TestSupport
import Testing

/// What the end of an attempt under a time limit means.
@Suite("The end of an attempt under a time limit", .timeLimit(.minutes(1)))
struct TimeLimitEndTests: ScriptedCalls {
    let clock = ManualClock()

    @Test(
        """
        a caller that gives up stays one when the operation takes longer to stop than the limit: no timeout, no \
        failure of the callee (Polly Execute_Cancelled_EnsureNoTimeout)
        """)
    func cancelledThenLate() async throws {
        let pipeline = try pipeline([
            "attempt-timeout": "100ms", "circuit-breaker": ["minimum-calls": 1], "retry": ["backoff": "0s"],
        ])
        let script = script(.fail(.down, after: .milliseconds(120)).ignoringCancellation)
        let call = call(pipeline, script)
        await clock.sleepers(2)
        clock.advance(by: .milliseconds(50))
        call.cancel()
        clock.advance(by: .milliseconds(50))
        clock.advance(by: .milliseconds(20))
        #expect(await call.value == .failure(.cancelled(last: .down)))
        #expect(pipeline.counters.timeouts == 0)
        #expect(pipeline.circuitBreaker.status.calls == 0)
        try Invariants.hold(of: script, runs: 1)
    }

    @Test("an attempt is judged by the limit it started with, whatever the limit has become meanwhile")
    func liveChange() async throws {
        let registry = try registry(["attempt-timeout": "100ms", "retry": ["attempts": 2, "backoff": "0s"]])
        let pipeline = registry.pipeline("p")
        let script = script(.hang, .succeed("second"))
        let call = call(pipeline, script, deadline: .seconds(10))
        await clock.sleepers(2)
        try registry.apply(PolicyEdits(["p": ["attempt-timeout": "500ms"]]))
        clock.advance(by: .milliseconds(100))
        #expect(await call.value == .success("second"), "a timeout of the attempt is worth another one")
        #expect(pipeline.counters.timeouts == 1)
    }

    @Test("an attempt that ends at the call's deadline is an event of the deadline and not of the attempt timeout")
    func deadlineEvent() async throws {
        let registry = try registry(["attempt-timeout": "1s"])
        let recorder = EventRecorder(registry.events())
        let pipeline = registry.pipeline("p")
        let call = call(pipeline, script(.hang), deadline: .milliseconds(300))
        await clock.sleepers(2)
        clock.advance(by: .milliseconds(300))
        #expect(
            await call.value
                == .failure(.timedOut(Timeout(.total, limit: .milliseconds(300)), last: .cancelled)))
        await recorder.wait { $0.contains { $0.kind.policy == .deadline } }
        let ended = recorder.all.map(\.kind).filter { $0.policy == .deadline || $0.policy == .attemptTimeout }
        #expect(ended == [.deadline(.exceeded(limit: .milliseconds(300)))])
        #expect(pipeline.counters.timeouts == 1)
    }

    @Test("what the operation said of itself after its time is kept, unless there is a real error from before")
    func lastError() async throws {
        let policies: ConfigurationValue = ["attempt-timeout": "100ms", "retry": ["attempts": 2, "backoff": "0s"]]
        let late = ScriptedOutcome<String, ScriptedFailure>.fail(.unavailable, after: .milliseconds(100))
            .ignoringCancellation
        let first = try call(pipeline(policies), script(late))
        for _ in 0..<2 {
            await clock.sleepers(2)
            clock.advance(by: .milliseconds(100))
        }
        let timeout = Timeout(.attempt, limit: .milliseconds(100))
        #expect(await first.value == .failure(.timedOut(timeout, last: .unavailable)))

        let second = try call(pipeline(policies), script(.fail(.down), .hang))
        await clock.sleepers(2)
        clock.advance(by: .milliseconds(100))
        #expect(await second.value == .failure(.timedOut(timeout, last: .down)))
    }

    @Test("an enforced attempt timeout never has the limit of another setting (one word holds both)")
    func togglingNeverTears() async throws {
        let registry = try registry(["attempt-timeout": ["limit": "1h", "mode": "disabled"]])
        let pipeline = registry.pipeline("p")
        let toggling = Task {
            var number = 0
            while !Task.isCancelled {
                number += 1
                let mode: ConfigurationValue = number.isMultiple(of: 2) ? "disabled" : "enforced"
                try registry.apply(PolicyEdits(["p": ["attempt-timeout": ["mode": mode]]]))
            }
        }
        for _ in 0..<2_000 { _ = try await pipeline.execute { _ in await Task.yield() } }
        toggling.cancel()
        try await toggling.value
        #expect(pipeline.counters.timeouts == 0)
        #expect(pipeline.counters.successes == 2_000)
    }
}
