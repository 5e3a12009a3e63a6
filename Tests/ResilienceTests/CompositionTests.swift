// SPDX-License-Identifier: Apache-2.0

import TestSupport
import Testing

@testable import Resilience

@Suite("Composing a pipeline")
struct CompositionTests {
    @Test("a block of policies in their order makes a pipeline with all of them enforced")
    func block() async throws {
        let hedged = false
        let pipeline = try ResiliencePipeline(name: "users") {
            FallbackOptions()
            DeadlineOptions(limit: .seconds(3))
            RetryOptions(attempts: 3)
            CircuitBreakerOptions(slowCall: .init(duration: .milliseconds(400)))
            if hedged { BulkheadOptions(limit: 1) } else { BulkheadOptions(limit: 20, queue: 50) }
            AttemptTimeoutOptions(limit: .seconds(1))
        }
        let enforced = pipeline.snapshot.policies.filter { $0.mode == .enforced }.map(\.kind)
        #expect(enforced == [.fallback, .deadline, .retry, .circuitBreaker, .bulkhead, .attemptTimeout])
        #expect(pipeline.configuration.bulkhead.options?.limit == 20)
        #expect(try await pipeline.execute { _ in 1 } == 1)
    }

    func faults(@PipelineBuilder _ policies: () -> [PipelineElement]) -> [String] {
        do throws(ConfigurationFaults) {
            _ = try PipelineConfiguration(policies)
            return []
        } catch {
            return error.faults.map { "\($0.path.joined()): \($0.message)" }
        }
    }

    @Test("a fallback inside a retry is refused, because it would hide failures (resilience4j #558)")
    func fallbackInsideRetry() {
        let found = faults {
            RetryOptions()
            FallbackOptions()
        }
        #expect(
            found == ["fallback: has to stand before retry: inside it would hide failures from the policies around it"])
    }

    @Test("two retries, a retry inside the breaker and a bulkhead around a retry are refused, all at once")
    func wrongOrders() {
        let found = faults {
            CircuitBreakerOptions()
            BulkheadOptions(limit: 1)
            RetryOptions()
            RetryOptions()
        }
        #expect(
            found == [
                "retry: has to stand before circuit-breaker: every attempt is evidence for the breaker",
                "retry: stands twice: nested retries multiply their attempts",
            ])
        let bulkheadAround = faults {
            BulkheadOptions(limit: 1)
            RetryOptions()
        }
        #expect(bulkheadAround == ["retry: has to stand before bulkhead: a slot would be held while a retry waits"])
    }

    @Test("an attempt timeout that is not below the deadline is refused")
    func timeoutAboveDeadline() {
        let found = faults {
            DeadlineOptions(limit: .seconds(1))
            AttemptTimeoutOptions(limit: .seconds(2))
        }
        #expect(
            found == ["attempt-timeout: 2s is not below the deadline of the whole call, 1s: it would never act"])
    }

    @Test("a refusal after an answer gives the last answer, whatever came before it")
    func lastAnswer() async throws {
        let classifier = Classifier<Int, Broken> { result in
            if case .success(200) = result { .success } else { .failure }
        }
        for (answers, discards) in [([nil, 503], []), ([503, nil], [503]), ([502, 503], [502])] as [([Int?], [Int])] {
            let registry = ResilienceRegistry(seed: 1)
            try registry.apply(
                PolicyEdits([
                    "p": ["retry": ["attempts": 3, "backoff": "0s"], "rate-limiter": ["rate": "1/h", "burst": 2]]
                ]))
            let discarded = EventRecorder<Int>()
            let result: Result<Int, ResilienceError<Broken>>
            do throws(ResilienceError<Broken>) {
                result = .success(
                    try await registry.pipeline("p").execute(
                        idempotency: .safe, classifier: classifier, discard: { discarded.record($0) }
                    ) { context async throws(Broken) -> Int in
                        guard let answer = answers[context.attempt - 1] else { throw Broken() }
                        return answer
                    })
            } catch {
                result = .failure(error)
            }
            if let last = answers[1] {
                #expect(result == .success(last))
            } else {
                guard case .failure(.rejected(_, last: .some)) = result else {
                    Issue.record("\(result)")
                    continue
                }
            }
            #expect(discarded.all == discards)
        }
    }
}

@Suite("A deadline")
struct DeadlineTests {
    let clock = ManualClock()

    func pipeline(_ policies: ConfigurationValue) throws -> ResiliencePipeline {
        let registry = ResilienceRegistry(time: clock.source, seed: 3)
        try registry.apply(PolicyEdits(["p": policies]))
        return registry.pipeline("p")
    }

    @Test("the policy bounds the call, and the earlier deadline wins")
    func minimum() async throws {
        let pipeline = try pipeline(["deadline": "2s"])
        let now = clock.now
        for (own, expected) in [(nil, 2), (1, 1), (9, 2)] as [(Int?, Int)] {
            let seen = try await pipeline.execute(deadline: own.map { now.advanced(by: .seconds($0)) }) { $0.deadline }
            #expect(seen == now.advanced(by: .seconds(expected)))
        }
    }

    @Test("no pause and no attempt goes beyond it, and the last real error stays")
    func boundsRetries() async throws {
        let pipeline = try pipeline(["deadline": "500ms", "retry": ["backoff": ["base": "1s", "jitter": "none"]]])
        await #expect(throws: ResilienceError<Broken>.operation(Broken(number: 1))) {
            try await pipeline.execute(idempotency: .safe) { context async throws(Broken) -> Int in
                throw Broken(number: context.attempt)
            }
        }
        #expect(pipeline.counters.attempts == 1)
    }

    @Test("in shadow mode a call that takes longer is reported and left alone")
    func shadow() async throws {
        let registry = ResilienceRegistry(time: clock.source)
        try registry.apply(PolicyEdits(["p": ["deadline": ["limit": "500ms", "mode": "shadow"]]]))
        let pipeline = registry.pipeline("p")
        let events = registry.events()
        let clock = clock
        let seen = try await pipeline.execute { context in
            clock.advance(by: .seconds(1))
            return context.deadline
        }
        #expect(seen == nil)
        var iterator = events.makeAsyncIterator()
        #expect(await iterator.next()?.description == "p: would have ended the call after 500ms")
    }
}

@Suite("Changes that expire", .timeLimit(.minutes(1)))
struct OverrideTests {
    let clock = ManualClock()

    @Test("an override ends by itself, and lasting changes made meanwhile stay")
    func expires() async throws {
        let registry = ResilienceRegistry(time: clock.source)
        let pipeline = registry.pipeline("a")
        try registry.apply(PolicyEdits(["a": ["circuit-breaker": "forced-open"]]), for: .seconds(60))
        #expect(pipeline.configuration.circuitBreaker.mode == .forcedOpen)
        try registry.apply(PolicyEdits(["a": ["circuit-breaker": ["minimum-calls": 7], "retry": 5]]))
        #expect(pipeline.configuration.circuitBreaker.mode == .forcedOpen, "the override still holds")
        let clock = clock
        try await waitUntil("the override's timer is armed") { clock.sleeperCount == 1 }
        clock.advance(by: .seconds(60))
        try await waitUntil("the override has ended") { pipeline.configuration.circuitBreaker.mode == .enforced }
        #expect(pipeline.configuration.circuitBreaker.options?.minimumCalls == 7)
        #expect(pipeline.configuration.retry.options?.attempts == 5)
    }

    @Test("an override that makes no sense is refused whole")
    func refused() throws {
        let registry = ResilienceRegistry(time: clock.source)
        #expect(throws: ConfigurationFaults.self) {
            try registry.apply(PolicyEdits(["a": ["bulkhead": "enforced"]]), for: .seconds(1))
        }
        #expect(clock.sleeperCount == 0)
        #expect(registry.policies == PolicySet())
    }
}
