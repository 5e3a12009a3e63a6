// SPDX-License-Identifier: Apache-2.0

import Resilience
import ResilienceTesting
import TestSupport
import Testing

/// An operation that takes its deadline itself, as an HTTP client does that is handed one with each request.
@Suite("An operation that ends at its deadline by itself", .timeLimit(.minutes(1)))
struct EndsAtDeadlineTests {
    enum Broken: Error, Equatable { case down, outOfTime }

    let clock = ManualClock()

    func pipeline(_ policies: ConfigurationValue) throws -> ResiliencePipeline {
        let registry = ResilienceRegistry(time: clock.source, seed: 3)
        try registry.apply(PolicyEdits(["p": policies]))
        return registry.pipeline("p")
    }

    /// Sleeps until its context's deadline and says so, without looking at cancellation first.
    func sleeper() -> @Sendable (CallContext) async throws(Broken) -> String {
        { [clock] context async throws(Broken) -> String in
            try? await clock.source.sleep(until: context.deadline ?? .distantFuture)
            throw .outOfTime
        }
    }

    func call(
        _ pipeline: ResiliencePipeline, deadline: Duration? = nil,
        _ operation: @escaping @Sendable (CallContext) async throws(Broken) -> String
    ) -> Task<Result<String, ResilienceError<Broken>>, Never> {
        let latest = deadline.map { clock.now.advanced(by: $0) }
        return Task {
            do throws(ResilienceError<Broken>) {
                return .success(
                    try await pipeline.execute(
                        idempotency: .safe, deadline: latest, endsAtDeadline: true, operation: operation))
            } catch {
                return .failure(error)
            }
        }
    }

    @Test("is timed out without a timer, and the timeout is what it would be with one")
    func timesOut() async throws {
        let pipeline = try pipeline(["attempt-timeout": "100ms", "circuit-breaker": ["minimum-calls": 1]])
        let call = call(pipeline, sleeper())
        await clock.sleepers(1)
        #expect(clock.sleeperCount == 1, "the operation's own sleep")
        clock.advance(by: .milliseconds(100))
        let timeout = Timeout(.attempt, limit: .milliseconds(100))
        #expect(await call.value == .failure(.timedOut(timeout, last: .outOfTime)))
        #expect(pipeline.counters.timeouts == 1)
        #expect(pipeline.circuitBreaker.status.state == .open)
    }

    @Test("is told the earlier of the call's deadline and the attempt's own limit, and so are calls made inside it")
    func deadlines() async throws {
        let pipeline = try pipeline(["attempt-timeout": "100ms"])
        let now = clock.now
        for (deadline, expected) in [(nil, 100), (50, 50), (500, 100)] as [(Int?, Int)] {
            for endsAtDeadline in [true, false] {
                let seen = try await pipeline.execute(
                    deadline: deadline.map { now.advanced(by: .milliseconds($0)) }, endsAtDeadline: endsAtDeadline
                ) { context in
                    [context.deadline, CallContext.current?.deadline]
                }
                let latest = now.advanced(by: .milliseconds(expected))
                #expect(seen == [latest, latest], "deadline \(String(describing: deadline)), \(endsAtDeadline)")
            }
        }
    }

    @Test("keeps an error from before its time, a value from after it, and the caller's cancellation")
    func otherEnds() async throws {
        let pipeline = try pipeline(["attempt-timeout": "100ms"])
        let clock = clock
        let early = call(pipeline) { _ async throws(Broken) -> String in throw .down }
        #expect(await early.value == .failure(.operation(.down)))

        let late = call(pipeline) { _ async throws(Broken) -> String in
            clock.advance(by: .milliseconds(200))
            return "late"
        }
        #expect(await late.value == .success("late"))

        let cancelled = call(pipeline, sleeper())
        await clock.sleepers(1)
        cancelled.cancel()
        #expect(await cancelled.value == .failure(.cancelled(last: .outOfTime)))
        #expect(pipeline.counters.timeouts == 0)
    }
}
