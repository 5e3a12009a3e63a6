// SPDX-License-Identifier: Apache-2.0

import Synchronization
import TestSupport
import Testing

@testable import Resilience

@Suite("Retry decisions")
struct RetryDecisionTests {
    static let plain = RetryOptions(
        attempts: 3, backoff: .init(base: .milliseconds(100), cap: .seconds(1), jitter: .none), budget: nil)

    func decide(
        _ options: RetryOptions = plain, attempt: Int = 1, retry: Classification.RetryRule = .whenIdempotent,
        retryAfter: Duration? = nil, isLocal: Bool = false, idempotency: Idempotency = .safe,
        deadlineIn: Duration? = nil,
        previous: Duration = .zero, seed: UInt64 = 1, budget: Bool = true
    ) -> Retry.Decision {
        var machine = Retry.StateMachine(options: options, seed: seed)
        let now = MonotonicInstant(nanoseconds: 5_000_000_000)
        let failed = Retry.Failed(
            attempt: attempt, retry: retry, retryAfter: retryAfter, isLocal: isLocal, idempotency: idempotency,
            deadline: deadlineIn.map { now.advanced(by: $0) }, previousDelay: previous.nanosecondsSaturated)
        return machine.decide(failed, at: now.nanoseconds) { _ in budget }
    }

    @Test(
        "the delay doubles up to the cap", arguments: [(1, 100), (2, 200), (3, 400), (4, 800), (5, 1000), (90, 1000)])
    func exponential(attempt: Int, milliseconds: Int64) {
        var options = Self.plain
        options.attempts = 100
        #expect(decide(options, attempt: attempt) == .retry(after: milliseconds * 1_000_000))
    }

    @Test("no attempt is made beyond the last, and none of what must not be repeated")
    func refusals() {
        #expect(decide(attempt: 3) == .stop(.attempts))
        #expect(decide(retry: .never) == .stop(.notRetryable))
        #expect(decide(idempotency: .unsafe) == .stop(.notRepeatable))
        #expect(decide(retry: .always, idempotency: .unsafe) == .retry(after: 100_000_000))
        #expect(decide(budget: false) == .stop(.budget))
    }

    @Test("an attempt that could not start before the deadline is not waited for (Kevlar #506)")
    func deadline() {
        #expect(decide(deadlineIn: .milliseconds(100)) == .stop(.deadline))
        #expect(decide(deadlineIn: .milliseconds(101)) == .retry(after: 100_000_000))
    }

    @Test("an attempt that would have less than the least time before the deadline is not made")
    func minimumAttemptTime() {
        #expect(decide(deadlineIn: .nanoseconds(100_000_001)) == .stop(.deadline))
        #expect(decide(deadlineIn: .nanoseconds(100_999_999)) == .stop(.deadline))
        var options = Self.plain
        options.minimumAttemptTime = .milliseconds(20)
        #expect(decide(options, deadlineIn: .milliseconds(119)) == .stop(.deadline))
        #expect(decide(options, deadlineIn: .milliseconds(120)) == .retry(after: 100_000_000))
        options.minimumAttemptTime = .zero
        #expect(decide(options, deadlineIn: .milliseconds(100)) == .stop(.deadline))
        #expect(decide(options, deadlineIn: .nanoseconds(100_000_001)) == .retry(after: 100_000_000))
    }

    @Test(
        "a refusal by this process is only retried when its end is known and fits the deadline (failsafe-go burns attempts)"
    )
    func localRefusals() {
        #expect(decide(retry: .always, isLocal: true) == .stop(.notRetryable))
        #expect(decide(retry: .always, retryAfter: .seconds(1), isLocal: true) == .stop(.notRetryable))
        #expect(
            decide(retry: .always, retryAfter: .seconds(1), isLocal: true, deadlineIn: .seconds(2))
                == .retry(after: 1_000_000_000))
        #expect(
            decide(retry: .always, retryAfter: .seconds(1), isLocal: true, deadlineIn: .milliseconds(900))
                == .stop(.deadline))
    }

    @Test("Retry-After is never cut short: the longer of it and the backoff counts (dotnet/extensions #7001)")
    func retryAfter() {
        #expect(decide(retryAfter: .milliseconds(700)) == .retry(after: 700_000_000))
        #expect(decide(retryAfter: .milliseconds(7)) == .retry(after: 100_000_000))
        #expect(decide(retryAfter: .seconds(11)) == .stop(.retryAfter))
        var options = Self.plain
        options.backoff.jitter = .full
        for seed in Seeds.some(200) {
            guard case .retry(let delay) = decide(options, retryAfter: .milliseconds(700), seed: seed) else {
                Issue.record("no retry with seed \(seed)")
                return
            }
            #expect((700_000_000...800_000_000).contains(delay))
        }
    }

    @Test(
        "jitter stays within its contract, and the cap holds after it (Polly)",
        arguments: RetryOptions.Backoff.Jitter.allCases)
    func jitter(_ jitter: RetryOptions.Backoff.Jitter) {
        var options = Self.plain
        options.attempts = 100
        options.backoff.jitter = jitter
        let range: ClosedRange<Int64> =
            switch jitter {
            case .none: 400_000_000...400_000_000
            case .full: 0...400_000_000
            case .equal: 200_000_000...400_000_000
            case .decorrelated: 100_000_000...1_000_000_000
            }
        var seen: Set<Int64> = []
        for seed in Seeds.some(300) {
            guard case .retry(let delay) = decide(options, attempt: 3, previous: .milliseconds(600), seed: seed) else {
                continue
            }
            #expect(range.contains(delay))
            seen.insert(delay)
        }
        #expect(jitter == .none ? seen.count == 1 : seen.count > 100)
    }
}

@Suite("Retry in a pipeline")
struct RetryPipelineTests {
    let clock = ManualClock()

    func pipeline(_ policies: ConfigurationValue) throws -> ResiliencePipeline {
        let registry = ResilienceRegistry(time: clock.source, seed: 3)
        try registry.apply(PolicyEdits(.map(ConfigurationMap([.init("p", policies)]))))
        return registry.pipeline("p")
    }

    @Test("a call that is cancelled before it starts is not executed")
    func cancelledBefore() async throws {
        let pipeline = try pipeline(["retry": 3])
        let runs = Atomic(0)
        let result = await Task {
            withUnsafeCurrentTask { $0?.cancel() }
            return await Result<Int, ResilienceError<Broken>>.catching { () async throws(ResilienceError<Broken>) in
                try await pipeline.execute(idempotency: .safe) { _ async throws(Broken) -> Int in
                    runs.add(1, ordering: .relaxed)
                    return 1
                }
            }
        }.value
        #expect(result == .failure(.cancelled(last: nil)))
        #expect(runs.load(ordering: .relaxed) == 0)
        #expect(pipeline.counters.cancellations == 1)
    }

    @Test(
        "a call that is cancelled while it waits keeps its last real error and pays its retry back (swift-retry loses it)"
    )
    func cancelledDuringBackoff() async throws {
        let pipeline = try pipeline([
            "retry": ["backoff": ["base": "1s", "jitter": "none"], "budget": ["ratio": 0, "floor-per-second": 1]]
        ])
        let clock = clock
        let task = Task {
            await Result<Int, ResilienceError<Broken>>.catching { () async throws(ResilienceError<Broken>) in
                try await pipeline.execute(idempotency: .safe) { context async throws(Broken) -> Int in
                    throw Broken(number: context.attempt)
                }
            }
        }
        try await waitUntil("the call waits for its second attempt") { clock.sleeperCount == 1 }
        task.cancel()
        #expect(await task.value == .failure(.cancelled(last: Broken(number: 1))))
        #expect(pipeline.retry.budget.balance(at: clock.now) == 10)
        #expect(pipeline.counters.attempts == 1)
    }

    @Test("when the budget is used up the call ends with its last real error (failsafe-go returns ErrExceeded)")
    func budgetKeepsError() async throws {
        let pipeline = try pipeline(["retry": ["backoff": "0s", "budget": ["ratio": 0, "floor-per-second": 0]]])
        await #expect(throws: ResilienceError<Broken>.operation(Broken(number: 1))) {
            try await pipeline.execute(idempotency: .safe) { context async throws(Broken) -> Int in
                throw Broken(number: context.attempt)
            }
        }
        #expect(pipeline.counters.rejections(.budgetExhausted) == 1)
    }

    @Test("an attempt that the breaker refuses keeps the real error of the attempt before")
    func rejectionKeepsError() async throws {
        let pipeline = try pipeline([
            "retry": ["backoff": "0s"],
            "circuit-breaker": ["failure-rate": "off", "consecutive-failures": 1, "open": ["jitter": "0%"]],
        ])
        let error = await #expect(throws: ResilienceError<Broken>.self) {
            try await pipeline.execute(idempotency: .safe) { context async throws(Broken) -> Int in
                throw Broken(number: context.attempt)
            }
        }
        #expect(error == .rejected(Rejection(.circuitOpen, retryAfter: .seconds(5)), last: Broken(number: 1)))
    }

    @Test("a failed value is retried, and returned as it is when nothing better comes")
    func failedValues() async throws {
        let pipeline = try pipeline(["retry": ["backoff": "0s"]])
        let classifier = Classifier<Int, Broken> { result in
            if case .success(let status) = result, status >= 500 { .failure } else { .success }
        }
        let value = try await pipeline.execute(idempotency: .safe, classifier: classifier) {
            context async throws(Broken) -> Int in context.attempt < 3 ? 503 : 200
        }
        #expect(value == 200)
        let last = try await pipeline.execute(idempotency: .safe, classifier: classifier) {
            _ async throws(Broken) -> Int in 503
        }
        #expect(last == 503)
        #expect(pipeline.counters.successes == 1)
        #expect(pipeline.counters.failures == 1)
    }

    @Test("no attempt is made after the deadline, and a call without time is refused at once")
    func deadline() async throws {
        let pipeline = try pipeline(["retry": ["backoff": ["base": "1s", "jitter": "none"]]])
        let deadline = clock.now.advanced(by: .milliseconds(900))
        await #expect(throws: ResilienceError<Broken>.operation(Broken())) {
            try await pipeline.execute(idempotency: .safe, deadline: deadline) { _ async throws(Broken) -> Int in
                throw Broken()
            }
        }
        clock.advance(by: .seconds(1))
        await #expect(throws: ResilienceError<Broken>.rejected(Rejection(.deadlineTooShort), last: nil)) {
            try await pipeline.execute(idempotency: .safe, deadline: deadline) { _ async throws(Broken) -> Int in 1 }
        }
    }

    @Test("the deadline of the call that this one works for counts when it is earlier")
    func nestedDeadline() async throws {
        let pipeline = try pipeline("disabled")
        let (early, late) = (clock.now.advanced(by: .seconds(1)), clock.now.advanced(by: .seconds(2)))
        for (outer, own) in [(early, late), (late, early), (early, nil)] as [(MonotonicInstant, MonotonicInstant?)] {
            let seen = try await CallContext.$current.withValue(CallContext(deadline: outer)) {
                try await pipeline.execute(deadline: own) { context async throws(Broken) in context.deadline }
            }
            #expect(seen == early)
        }
    }

    @Test("shadow mode says what it would do and does not do it")
    func shadow() async throws {
        let pipeline = try pipeline(["retry": ["mode": "shadow", "attempts": 3]])
        _ = try? await pipeline.execute(idempotency: .safe) { _ async throws(Broken) -> Int in throw Broken() }
        #expect(pipeline.counters.attempts == 1)
        #expect(pipeline.counters.retries == 0)
    }

    @Test("a call earns its part of a retry when it is admitted, also when this process had refused it before")
    func earnsOnceAdmitted() async throws {
        for hedge in ["disabled", "p95"] as [ConfigurationValue] {
            let registry = ResilienceRegistry(time: clock.source, seed: 1)
            try registry.apply(
                PolicyEdits([
                    "p": [
                        "retry": ["attempts": 2, "backoff": "0s", "budget": ["ratio": 1, "floor-per-second": 0]],
                        "rate-limiter": ["rate": "10/s", "burst": 1], "deadline": "5s", "hedge": hedge,
                    ]
                ]))
            let pipeline = registry.pipeline("p")
            for _ in 0..<2 {
                _ = try await clock.run { try await pipeline.execute(idempotency: .safe) { _ in 1 } }
            }
            #expect(pipeline.counters.retries == 1, "the second call waited for its turn")
            #expect(pipeline.retry.budget.balance(at: clock.now) == 1, "it has paid for that and earned the same")
        }
    }
}
