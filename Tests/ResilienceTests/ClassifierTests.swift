// SPDX-License-Identifier: Apache-2.0

import Synchronization
import TestSupport
import Testing

@testable import Resilience

@Suite("The default classifier")
struct ClassifierTests {
    typealias Inner = ResilienceError<Broken>

    @Test(
        "ignores what says nothing about the callee: cancellations and refusals by this process",
        arguments: [
            (CancellationError(), true), (Broken(), false), (Rejection(.circuitOpen), true),
            (Inner.rejected(Rejection(.bulkheadFull), last: nil), true),
            (Inner.rejected(Rejection(.circuitOpen), last: Broken()), true), (Inner.cancelled(last: Broken()), true),
            (Inner.timedOut(Timeout(.attempt, limit: .seconds(1)), last: nil), false),
            (Inner.operation(Broken()), false),
            (ResilienceError<Inner>.operation(.rejected(Rejection(.rateLimited), last: nil)), true),
            (ResilienceError<Inner>.operation(.operation(Broken())), false),
        ] as [(any Error, Bool)])
    func verdicts(error: any Error, isIgnored: Bool) {
        let classification = Classifier<Int, any Error>.default.classify(.failure(error))
        #expect(classification == (isIgnored ? .ignore : .failure), "\(error)")
    }

    @Test("knows the errors of concrete types as well")
    func concrete() {
        #expect(Classifier<Int, Rejection>.default.classify(.failure(Rejection(.shed))) == .ignore)
        #expect(Classifier<Int, Inner>.default.classify(.failure(.cancelled(last: nil))) == .ignore)
        #expect(Classifier<Int, Inner>.default.classify(.failure(.operation(Broken()))) == .failure)
        #expect(Classifier<Int, Broken>.default.classify(.failure(Broken())) == .failure)
    }

    @Test("an inner pipeline that refuses opens no outer breaker and is not retried; one that fails does (failsafe-go)")
    func nested() async throws {
        let clock = ManualClock()
        let outer = try ResiliencePipeline(name: "outer", time: clock.source, seed: 1) {
            RetryOptions(attempts: 5, backoff: .constant(.zero), budget: nil)
            CircuitBreakerOptions(failureRate: nil, consecutiveFailures: 3)
        }
        let inner = try ResiliencePipeline(name: "inner", time: clock.source, seed: 1) { BulkheadOptions(limit: 0) }
        func call() async -> ResilienceError<Inner>? {
            do throws(ResilienceError<Inner>) {
                try await outer.execute(idempotency: .safe) { _ async throws(Inner) in
                    try await inner.execute { _ async throws(Broken) in throw Broken() }
                }
                return nil
            } catch {
                return error
            }
        }
        for _ in 0..<10 { #expect(await call() == .operation(.rejected(Rejection(.bulkheadFull), last: nil))) }
        #expect(outer.circuitBreaker.status.state == .closed)
        #expect(outer.counters.retries == 0)

        try inner.apply(PipelineConfiguration())
        _ = await call()
        #expect(outer.circuitBreaker.status.state == .open)
    }
}
