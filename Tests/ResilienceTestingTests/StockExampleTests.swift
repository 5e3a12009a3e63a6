// SPDX-License-Identifier: Apache-2.0

// The example of the page "Testing code that uses policies", so that it compiles and holds.

import Resilience
import ResilienceTesting
import Testing

/// What is tested: a client of a stock service. It gets its pipeline, and with it the time, from outside.
struct StockClient<Failure: Error>: Sendable {
    let pipeline: ResiliencePipeline
    let fetch: @Sendable (CallContext) async throws(Failure) -> Int

    func level() async throws(ResilienceError<Failure>) -> Int {
        try await pipeline.execute(idempotency: .safe, operation: fetch)
    }
}

enum StockError: Error, Equatable { case unavailable, cancelled }

@Suite("The stock client", .timeLimit(.minutes(1)))
struct StockClientTests {
    let clock = ManualClock()

    func pipeline(_ policies: ConfigurationValue) throws -> ResiliencePipeline {
        let registry = ResilienceRegistry(time: clock.source, seed: 1)
        try registry.apply(PolicyEdits(["shop -> stock": policies]))
        return registry.pipeline("shop -> stock")
    }

    @Test("tries again after the pause, and not before")
    func retries() async throws {
        let stock = OutcomeScript(on: clock, cancellation: StockError.cancelled, [.fail(.unavailable), .succeed(42)])
        let pipeline = try pipeline(["retry": ["attempts": 2, "backoff": ["base": "50ms", "jitter": "none"]]])
        let client = StockClient(pipeline: pipeline, fetch: stock.run)

        async let level = client.level()
        await clock.sleepers(1)
        clock.advance(by: .milliseconds(49))
        #expect(stock.runs.count == 1)
        clock.advance(by: .milliseconds(1))

        #expect(try await level == 42)
        #expect(stock.runs.map(\.ending) == [.failed, .succeeded])
    }

    @Test("gives up on a service that hangs after two attempts of 100 ms each")
    func timesOut() async throws {
        let stock = OutcomeScript<Int, StockError>(on: clock, cancellation: .cancelled, [.hang])
        let pipeline = try pipeline(["attempt-timeout": "100ms", "retry": ["attempts": 2, "backoff": "0s"]])
        let client = StockClient(pipeline: pipeline, fetch: stock.run)

        // The clock moves by itself: to the next instant somebody waits for.
        let error = await #expect(throws: ResilienceError<StockError>.self) {
            try await clock.run { try await client.level() }
        }

        #expect(error?.timeout == Timeout(.attempt, limit: .milliseconds(100)))
        #expect(stock.runs.map(\.duration) == [.milliseconds(100), .milliseconds(100)])
        #expect(stock.runs.map(\.sawCancellation) == [true, true])
    }

    @Test("never has more than four calls under way, whatever the service does", arguments: Seeds.some(5))
    func bounded(seed: UInt64) async throws {
        let stock = OutcomeScript<Int, StockError>(on: clock, cancellation: .cancelled) { run in
            var random = SplitMix64(seed: seed &+ UInt64(run))
            let after = random.duration(in: .zero ... .milliseconds(80))
            return random.chance(0.3) ? .fail(.unavailable, after: after) : .succeed(run, after: after)
        }
        let pipeline = try pipeline([
            "bulkhead": ["limit": 4, "queue": 100, "max-wait": "1s"], "retry": ["attempts": 3],
        ])
        let client = StockClient(pipeline: pipeline, fetch: stock.run)

        await clock.run {
            await withDiscardingTaskGroup { group in
                for _ in 0..<20 { group.addTask { _ = try? await client.level() } }
            }
        }

        try Invariants.hold(of: stock, runs: 60, concurrency: 4)
        try Invariants.hold(of: pipeline.snapshot)
    }
}
