// SPDX-License-Identifier: Apache-2.0

import Synchronization
import TestSupport
import Testing

@testable import Resilience

@Suite("An attempt timeout", .timeLimit(.minutes(1)))
struct AttemptTimeoutTests {
    let clock = ManualClock()

    func pipeline(_ policies: ConfigurationValue) throws -> ResiliencePipeline {
        let registry = ResilienceRegistry(time: clock.source, seed: 3)
        try registry.apply(PolicyEdits(["p": policies]))
        return registry.pipeline("p")
    }

    /// Runs an operation that sleeps for ever, until its task is cancelled.
    func hang(
        _ pipeline: ResiliencePipeline, deadline: MonotonicInstant? = nil
    ) -> Task<Result<Int, ResilienceError<CancellationError>>, Never> {
        let clock = clock
        return Task {
            await Result.catching { () async throws(ResilienceError<CancellationError>) in
                try await pipeline.execute(idempotency: .safe, deadline: deadline) {
                    _ async throws(CancellationError) -> Int in
                    try await clock.source.sleep(until: .distantFuture)
                    return 1
                }
            }
        }
    }

    @Test("the caller's cancellation is not a timeout (resilience4j #1428) and reaches the operation")
    func callerCancels() async throws {
        let pipeline = try pipeline(["attempt-timeout": "1s", "circuit-breaker": ["minimum-calls": 1]])
        let call = hang(pipeline)
        let clock = clock
        try await waitUntil("operation and timer wait") { clock.sleeperCount == 2 }
        call.cancel()
        guard case .failure(.cancelled) = await call.value else {
            Issue.record("not cancelled")
            return
        }
        #expect(pipeline.counters.timeouts == 0)
        #expect(pipeline.circuitBreaker.status.calls == 0, "a cancelled call says nothing about the callee")
        try await waitUntil("the timer is gone") { clock.sleeperCount == 0 }
    }

    @Test("every attempt has its own limit, and a timeout counts as a failure of the callee")
    func perAttempt() async throws {
        let pipeline = try pipeline([
            "attempt-timeout": "100ms", "retry": ["attempts": 2, "backoff": "0s"],
            "circuit-breaker": ["minimum-calls": 2],
        ])
        let call = hang(pipeline)
        let clock = clock
        for _ in 0..<2 {
            try await waitUntil("operation and timer wait") { clock.sleeperCount == 2 }
            clock.advance(by: .milliseconds(100))
        }
        guard case .failure(.timedOut(let timeout, _)) = await call.value else {
            Issue.record("no timeout")
            return
        }
        #expect(timeout.scope == .attempt)
        #expect(pipeline.counters.timeouts == 2)
        #expect(pipeline.counters.attempts == 2)
        #expect(pipeline.circuitBreaker.status.state == .open)
    }

    @Test("what is left until the deadline is the limit when it is less, and then nothing is retried")
    func totalLimit() async throws {
        let pipeline = try pipeline(["attempt-timeout": "1s", "retry": ["backoff": "0s"]])
        let call = hang(pipeline, deadline: clock.now.advanced(by: .milliseconds(300)))
        let clock = clock
        try await waitUntil("operation and timer wait") { clock.sleeperCount == 2 }
        clock.advance(by: .milliseconds(300))
        guard case .failure(.timedOut(let timeout, last: nil)) = await call.value else {
            Issue.record("no timeout")
            return
        }
        #expect(timeout == Timeout(.total, limit: .milliseconds(300)))
        #expect(pipeline.counters.attempts == 1)
    }

    @Test("an operation that returns a value after its time keeps it")
    func lateValue() async throws {
        let pipeline = try pipeline(["attempt-timeout": "100ms"])
        let gate = Gate()
        let clock = clock
        let call = Task { try await pipeline.execute { _ in await gate.wait() } }
        try await waitUntil("the timer waits") { clock.sleeperCount == 1 }
        clock.advance(by: .seconds(1))
        gate.open()
        try await call.value
        #expect(pipeline.counters.successes == 1)
    }

    @Test("an operation that returns at once arms no timer (Polly RetryDelayGenerator_ZeroDelay)")
    func noTimer() async throws {
        let pipeline = try pipeline(["attempt-timeout": "100ms"])
        #expect(try await pipeline.execute { _ in 1 } == 1)
        #expect(clock.sleeperCount == 0)
    }

    @Test("shadow mode leaves a slow attempt alone and the limit follows live changes")
    func shadow() async throws {
        let pipeline = try pipeline(["attempt-timeout": ["limit": "100ms", "mode": "shadow"]])
        let clock = clock
        _ = try await pipeline.execute { _ in clock.advance(by: .seconds(1)) }
        #expect(pipeline.counters.timeouts == 0)
        #expect(pipeline.counters.successes == 1)
    }

    @Test("task-local values reach an operation that runs under a timeout")
    func taskLocals() async throws {
        let pipeline = try pipeline(["attempt-timeout": "100ms"])
        let seen = try await CallContext.$current.withValue(CallContext(cohort: Cohort(77))) {
            try await pipeline.execute { _ in CallContext.current?.cohort }
        }
        #expect(seen == Cohort(77))
    }
}
