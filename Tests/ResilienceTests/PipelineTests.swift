// SPDX-License-Identifier: Apache-2.0

import Resilience
import Synchronization
import TestSupport
import Testing

struct Broken: Error, Equatable {
    var number = 1
}

@Suite("A pipeline")
struct PipelineTests {
    let clock = ManualClock()

    func registry(_ edits: ConfigurationValue = nil) throws -> ResilienceRegistry {
        let registry = ResilienceRegistry(time: clock.source, seed: 1)
        try registry.apply(PolicyEdits(edits))
        return registry
    }

    @Test("a new pipeline has everything disabled and passes results and errors through")
    func passesThrough() async throws {
        let pipeline = try registry().pipeline("a -> b")
        #expect(try await pipeline.execute { _ in 42 } == 42)
        await #expect(throws: ResilienceError<Broken>.operation(Broken())) {
            try await pipeline.execute(idempotency: .safe) { _ async throws(Broken) -> Int in throw Broken() }
        }
        #expect(pipeline.snapshot.policies.allSatisfy { $0.mode == .disabled })
        #expect(pipeline.counters.calls == 2)
        #expect(pipeline.counters.attempts == 2)
        #expect(pipeline.counters.failures == 1)
    }

    @Test("a failed idempotent call is tried again and the attempt number reaches the operation")
    func retries() async throws {
        let pipeline = try registry(["a -> b": ["retry": ["attempts": 3, "backoff": ["base": "0s", "cap": "0s"]]]])
            .pipeline("a -> b")
        let attempts = Mutex<[Int]>([])
        let value = try await pipeline.execute(idempotency: .safe) { context async throws(Broken) -> String in
            attempts.withLock { $0.append(context.attempt) }
            if context.attempt < 3 { throw Broken(number: context.attempt) }
            return "done"
        }
        #expect(value == "done")
        #expect(attempts.withLock { $0 } == [1, 2, 3])
        #expect(pipeline.counters.named["retries"] == 2)
        #expect(pipeline.counters.amplification == 3)
    }

    @Test("a call that is not idempotent runs once, unless the callee certainly did not start")
    func unsafeCalls() async throws {
        let pipeline = try registry(["a": ["retry": ["attempts": 3, "backoff": "0s"]]]).pipeline("a")
        let runs = Atomic(0)
        _ = try? await pipeline.execute(idempotency: .unsafe) { _ async throws(Broken) -> Int in
            runs.add(1, ordering: .relaxed)
            throw Broken()
        }
        #expect(runs.load(ordering: .relaxed) == 1)
        _ = try? await pipeline.execute(
            idempotency: .unsafe, classifier: Classifier { _ in Classification(.failure, retry: .always) }
        ) { _ async throws(Broken) -> Int in
            runs.add(1, ordering: .relaxed)
            throw Broken()
        }
        #expect(runs.load(ordering: .relaxed) == 4)
    }

    @Test("a fallback answers a call that failed, and not one that was cancelled")
    func fallback() async throws {
        let pipeline = try registry(["a": ["fallback": [:]]]).pipeline("a")
        let value = try await pipeline.execute(fallback: { _ in 7 }) { _ async throws(Broken) -> Int in throw Broken() }
        #expect(value == 7)
        #expect(pipeline.counters.fallbacks == 1)
        let task = Task {
            withUnsafeCurrentTask { $0?.cancel() }
            return await Result<Int, ResilienceError<Broken>>.catching { () async throws(ResilienceError<Broken>) in
                try await pipeline.execute(fallback: { _ in 7 }) { _ async throws(Broken) -> Int in 1 }
            }
        }
        #expect(await task.value == .failure(.cancelled(last: nil)))
    }

    @Test("an attempt that takes too long is cancelled and reported as a timeout")
    func attemptTimeout() async throws {
        let pipeline = try registry(["a": ["attempt-timeout": "250ms"]]).pipeline("a")
        let clock = clock
        let call = Task {
            await Result<Int, ResilienceError<any Error>>.catching { () async throws(ResilienceError<any Error>) in
                try await pipeline.execute { _ in
                    try await clock.source.sleep(until: .distantFuture)
                    return 1
                }
            }
        }
        try await waitUntil("operation and timer wait") { clock.sleeperCount == 2 }
        clock.advance(by: .milliseconds(250))
        guard case .failure(.timedOut(let timeout, _)) = await call.value else {
            Issue.record("no timeout")
            return
        }
        #expect(timeout == Timeout(.attempt, limit: .milliseconds(250)))
        #expect(pipeline.counters.timeouts == 1)
    }

    @Test("a breaker that opens rejects with the time until the next probe, and the snapshot says so")
    func breaker() async throws {
        let registry = try registry([
            "a": ["circuit-breaker": ["minimum-calls": 4, "open": ["base": "2s", "jitter": "0%"]]]
        ])
        let pipeline = registry.pipeline("a")
        for _ in 0..<4 {
            _ = try? await pipeline.execute { _ async throws(Broken) -> Int in throw Broken() }
        }
        clock.advance(by: .milliseconds(500))
        let error = await #expect(throws: ResilienceError<Broken>.self) {
            try await pipeline.execute { _ async throws(Broken) -> Int in 1 }
        }
        #expect(error?.rejection == Rejection(.circuitOpen, retryAfter: .milliseconds(1500)))
        #expect(registry.snapshots().first?.breakerState == .open)
        #expect(pipeline.counters.rejections(.circuitOpen) == 1)
        #expect(registry.recentEvents.map(\.description) == ["a: circuit-breaker closed -> open (failure-rate)"])
    }
}

extension Result {
    static func catching(_ body: () async throws(Failure) -> Success) async -> Result {
        do throws(Failure) { return .success(try await body()) } catch { return .failure(error) }
    }
}
