// SPDX-License-Identifier: Apache-2.0

import Resilience
import ResilienceTesting
import Testing

@Suite("Waiting and cancelling in a pipeline", .timeLimit(.minutes(1)))
struct WaitingAndCancellingTests: ScriptedCalls {
    let clock = ManualClock()

    @Test("a call that is cancelled while its attempt runs is not made again (Polly CanceledAfterExecution)")
    func cancelledDuringAttempt() async throws {
        let script = script(.fail(.down, after: .milliseconds(10)).ignoringCancellation, .succeed("again"))
        let call = try call(pipeline(["retry": ["backoff": "0s"]]), script)
        await clock.sleepers(1)
        call.cancel()
        clock.advance(by: .milliseconds(10))
        #expect(await call.value == .failure(.cancelled(last: .down)))
        try Invariants.hold(of: script, runs: 1)
    }

    @Test("a pause of zero does not touch the timer (Polly RetryDelayGenerator_ZeroDelay_NoTimeProviderCalls)")
    func zeroPause() async throws {
        let script = script(.fail(.down), .fail(.down), .succeed("third"))
        let call = try call(pipeline(["retry": ["attempts": 3, "backoff": "0s"]]), script)
        #expect(await call.value == .success("third"))
        #expect(clock.sleeperCount == 0)
    }

    @Test("a deadline that passes during a pause was seen before it: the call ends at once (failsafe-go waits)")
    func deadlineDuringPause() async throws {
        let policies: ConfigurationValue = ["retry": ["backoff": ["base": "100ms", "jitter": "none"]]]
        let script = script(.fail(.down, after: .milliseconds(10)))
        let call = try call(pipeline(policies), script, deadline: .milliseconds(100))
        await clock.sleepers(1)
        clock.advance(by: .milliseconds(10))
        #expect(await call.value == .failure(.operation(.down)))
        #expect(clock.sleeperCount == 0)
    }

    @Test(
        """
        the wait for a slot counts against the deadline and not against the attempt timeout (in tower-resilience \
        against neither: readiness_wait_is_outside_the_call_timeout)
        """)
    func waitForSlot() async throws {
        let pipeline = try pipeline([
            "bulkhead": ["limit": 1, "queue": 2, "max-wait": "1s"], "attempt-timeout": "100ms",
        ])
        let busy = script(.succeed("first", after: .milliseconds(90)))
        let first = call(pipeline, busy)
        await clock.sleepers(2)
        let waiting = script(.succeed("second", after: .milliseconds(90)))
        let second = call(pipeline, waiting, deadline: .milliseconds(500))
        let impatient = call(pipeline, script(.succeed("third")), deadline: .milliseconds(50))
        // The limit of the first and the two waits for a slot, which share a timer, beside the first operation.
        while pipeline.bulkhead.status.queued < 2 { await Task.yield() }
        await clock.sleepers(3)
        clock.advance(by: .milliseconds(50))
        let refusal = await impatient.value.failure?.rejection
        #expect(refusal?.reason == .deadlineTooShort, "its deadline was over in the queue")
        clock.advance(by: .milliseconds(40))
        #expect(await first.value == .success("first"))
        while waiting.runs.isEmpty { await Task.yield() }
        await clock.sleepers(2)
        // 90 ms in the queue and 90 ms of work: more than the attempt timeout, but the work alone is less.
        clock.advance(by: .milliseconds(90))
        #expect(await second.value == .success("second"))
    }

    @Test("a fallback that is cancelled while it looks for an answer leaves the failure as it was")
    func cancelledFallback() async throws {
        let pipeline = try pipeline(["fallback": "enforced"])
        let script = script(.fail(.down))
        let clock = clock
        let call = Task { () async -> Result<String, ResilienceError<ScriptedFailure>> in
            do throws(ResilienceError<ScriptedFailure>) {
                return .success(
                    try await pipeline.execute(
                        idempotency: .safe,
                        fallback: { _ in
                            try? await clock.source.sleep(until: .distantFuture)
                            return nil
                        }, operation: script.run))
            } catch {
                return .failure(error)
            }
        }
        await clock.sleepers(1)
        call.cancel()
        #expect(await call.value == .failure(.operation(.down)))
    }

    @Test("the caller's context is what it was after the call (Polly EnsureCancellationTokenRestored)")
    func contextRestored() async throws {
        let pipeline = try pipeline(["deadline": "1s", "attempt-timeout": "100ms", "retry": 2])
        let outer = CallContext(deadline: clock.now.advanced(by: .seconds(60)), attempt: 7)
        let script = script(.succeed("done"))
        try await CallContext.$current.withValue(outer) {
            _ = try await pipeline.execute(idempotency: .safe, operation: script.run)
            #expect(CallContext.current == outer)
        }
        #expect(script.runs.map(\.context.attempt) == [1])
        #expect(script.runs[0].context.deadline == clock.now.advanced(by: .milliseconds(100)), "that of the attempt")
    }
}

extension Result {
    fileprivate var failure: Failure? {
        if case .failure(let error) = self { error } else { nil }
    }
}
