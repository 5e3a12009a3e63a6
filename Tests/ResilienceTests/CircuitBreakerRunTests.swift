// SPDX-License-Identifier: Apache-2.0

import TestSupport
import Testing

@testable import Resilience

@Suite("Running a call through a circuit breaker") struct CircuitBreakerRunTests {
    private struct Broken: Error, Equatable {}

    private let clock = ManualClock()

    private func makeBreaker() throws -> CircuitBreaker {
        try CircuitBreaker(
            CircuitBreakerOptions(
                failureRate: 0.5, minimumCalls: 2, open: .init(base: .seconds(5), jitter: 0),
                halfOpen: .init(probes: 1)), time: clock.source, seed: 1)
    }

    @Test("results are handed on and counted; an open breaker does not run the call and says when to come again")
    func counts() throws {
        let breaker = try makeBreaker()
        #expect(try breaker.run { () throws(Broken) in 7 } == 7)
        #expect(throws: ResilienceError<Broken>.operation(Broken())) {
            try breaker.run { () throws(Broken) -> Int in throw Broken() }
        }
        #expect(breaker.status.state == .open)
        clock.advance(by: .seconds(2))
        var runs = 0
        let rejection = Rejection(.circuitOpen, retryAfter: .seconds(3))
        #expect(throws: ResilienceError<Broken>.rejected(rejection, last: nil)) {
            try breaker.run { () throws(Broken) in runs += 1 }
        }
        #expect(runs == 0)
        clock.advance(by: .seconds(3))
        #expect(try breaker.run { () throws(Broken) in 8 } == 8)
        #expect(breaker.status.state == .closed)
    }

    @Test("a disabled breaker sees nothing")
    func disabled() async throws {
        let breaker = try CircuitBreaker(CircuitBreakerOptions(minimumCalls: 1), mode: .disabled, time: clock.source)
        #expect(try breaker.run { () throws(Broken) in 7 } == 7)
        await #expect(throws: ResilienceError<Broken>.operation(Broken())) {
            try await breaker.run { () async throws(Broken) -> Int in throw Broken() }
        }
        try breaker.acquire().fail()
        #expect(breaker.status.calls == 0 && breaker.status.state == .closed)
    }

    @Test("the classifier decides what a value says, and the value is returned all the same")
    func classifies() throws {
        let breaker = try makeBreaker()
        let classifier = Classifier<Int, Broken> { result in
            if case .success(503) = result { .failure } else { .success }
        }
        for _ in 0..<2 {
            #expect(try breaker.run(classifier: classifier) { () throws(Broken) in 503 } == 503)
        }
        #expect(breaker.status.state == .open)
    }

    @Test("an error under the caller's cancellation says nothing about the callee, and frees the probe's slot")
    func cancelled() async throws {
        let breaker = try makeBreaker()
        try breaker.acquire().fail()
        try breaker.acquire().fail()
        clock.advance(by: .seconds(5))
        let call = Task {
            try await breaker.run { () async throws(Broken) -> Int in
                await cancellation()
                throw Broken()
            }
        }
        try await waitUntil("the probe is under way") { breaker.status.state == .halfOpen }
        call.cancel()
        await #expect(throws: ResilienceError<Broken>.operation(Broken())) { try await call.value }
        #expect(breaker.status.state == .halfOpen)
        #expect(try await breaker.run { () async throws(Broken) in 1 } == 1)
        #expect(breaker.status.state == .closed)
    }

    private func cancellation() async {
        while !Task.isCancelled { await Task.yield() }
    }
}
