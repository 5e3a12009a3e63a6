// SPDX-License-Identifier: Apache-2.0

import TestSupport
import Testing

@testable import Resilience

/// What a breaker concludes from little, old or foreign evidence.
///
/// Two thresholds at once while half open (failsafe-go: the success threshold wins) can't be set here: the probes have
/// one number and the same rates as closed, so there is nothing to decide between.
@Suite("A breaker and little evidence")
struct CircuitBreakerEvidenceTests {
    let clock = ManualClock()

    @Test("when every probe is abandoned until the time for them is over it opens again, for longer (Hystrix)")
    func abandonedProbes() throws {
        var bench = BreakerBench(.small)
        bench.halfOpen()
        for _ in 0..<9 {
            let (first, second) = try (bench.granted(), bench.granted())
            bench.machine.abandon(first)
            bench.machine.abandon(second)
            bench.pass(.seconds(1))
        }
        #expect(bench.machine.state == .halfOpen)
        bench.pass(.seconds(1))
        let (admission, transition) = bench.machine.acquire(at: bench.now)
        #expect(transition == CircuitBreaker.Transition(from: .halfOpen, to: .open, cause: .probesOverdue))
        #expect(admission == .refused(Rejection(.circuitOpen, retryAfter: .seconds(4))))
    }

    @Test("nested breakers both see a failure, whichever is the outer one (failsafe-go)", arguments: [true, false])
    func nested(firstIsOuter: Bool) async throws {
        let once = try CircuitBreaker(
            CircuitBreakerOptions(failureRate: nil, consecutiveFailures: 1), time: clock.source)
        let thrice = try CircuitBreaker(
            CircuitBreakerOptions(failureRate: nil, consecutiveFailures: 3), time: clock.source)
        let (outer, inner) = firstIsOuter ? (once, thrice) : (thrice, once)
        for _ in 0..<5 {
            _ = try? await outer.run { () async throws(ResilienceError<Broken>) -> Int in
                try await inner.run { () async throws(Broken) -> Int in throw Broken() }
            }
        }
        #expect(once.status.state == .open)
        #expect(thrice.status.state == .closed, "what the other one refuses is no failure")
        #expect(thrice.status.calls == 1)
    }

    @Test("the slow rate is undefined below the minimum number of calls, calls under way included (resilience4j #808)")
    func undefinedSlowRate() throws {
        var options = CircuitBreakerOptions.small
        options.slowCall = .init(duration: .milliseconds(100), rate: 1)
        let breaker = try CircuitBreaker(options, time: clock.source)
        let permit = try breaker.acquire()
        for _ in 0..<2 {
            let slow = try breaker.acquire()
            clock.advance(by: .milliseconds(200))
            slow.succeed()
        }
        #expect(breaker.status.slowCallsUnderWay == 1)
        #expect(breaker.status.slowCallRate == nil)
        try breaker.acquire().succeed()
        #expect(breaker.status.slowCallRate == 0.75)
        permit.ignore()
        #expect(breaker.status.slowCallRate == nil)
    }

    @Test("a minimum that a time window hardly ever holds is allowed, and then no rate trips (Linkerd, resilience4j)")
    func unreachableMinimum() throws {
        let options = CircuitBreakerOptions(window: .time(.milliseconds(10)), minimumCalls: 1_000_000)
        let breaker = try CircuitBreaker(options, time: clock.source)
        for _ in 0..<1_000 {
            try breaker.acquire().fail()
            clock.advance(by: .milliseconds(1))
        }
        #expect(breaker.status.state == .closed)
        #expect(breaker.status.failureRate == nil)
    }

    @Test(
        "after a pause as long as the window rates are undefined again, and need the minimum of calls (Linkerd)",
        arguments: [Verdict.success, .failure])
    func idleGap(verdict: Verdict) {
        var bench = BreakerBench(.small)
        for _ in 0..<20 { bench.call(.success) }
        #expect(bench.machine.rates(at: bench.now)?.failure == 0)
        bench.pass(.seconds(11))
        #expect(bench.machine.rates(at: bench.now) == nil)
        for _ in 0..<3 { bench.call(verdict) }
        #expect(bench.machine.rates(at: bench.now) == nil)
        #expect(bench.machine.state == .closed)
        bench.call(verdict)
        #expect((bench.machine.state == .open) == (verdict == .failure))
    }

    @Test("a window of one call holds the last one, whatever the minimum says (tower-resilience)")
    func windowOfOne() {
        var bench = BreakerBench(CircuitBreakerOptions(window: .count(1), minimumCalls: 20))
        for _ in 0..<3 { bench.call(.success) }
        #expect(bench.machine.callsInWindow(at: bench.now) == 1)
        #expect(bench.machine.rates(at: bench.now)?.failure == 0)
        #expect(bench.call(.failure)?.cause == .failureRate)
    }

    @Test("no slow call is lost when many tasks share it, and none is counted twice", .timeLimit(.minutes(1)))
    func concurrentSlowCalls() async throws {
        let breaker = try CircuitBreaker(
            CircuitBreakerOptions(
                window: .time(.seconds(3600)), failureRate: nil, slowCall: .init(duration: .milliseconds(100), rate: 1)),
            time: clock.source)
        let clock = clock
        await withTaskGroup(of: Void.self) { group in
            for task in 0..<8 {
                group.addTask {
                    for call in 0..<500 {
                        guard case .admitted(let ticket) = breaker.admit(at: clock.now) else { return }
                        let duration: Int64 = (call + task) % 4 == 0 ? 200_000_000 : 1
                        breaker.record(ticket, .success, duration: duration, retryAfter: nil, at: clock.now)
                    }
                }
            }
        }
        #expect(breaker.status.calls == 4_000)
        #expect(breaker.status.slowCallRate == 0.25)
        #expect(breaker.status.slowCallsUnderWay == 0)
    }
}
