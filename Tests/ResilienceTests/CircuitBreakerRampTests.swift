// SPDX-License-Identifier: Apache-2.0

import Synchronization
import TestSupport
import Testing

@testable import Resilience

@Suite("A breaker that comes back in steps")
struct CircuitBreakerRampTests {
    /// Three steps of a second: an eighth, a quarter, a half.
    var bench = BreakerBench(
        CircuitBreakerOptions(
            minimumCalls: 8, open: .init(base: .seconds(2), jitter: 0), halfOpen: .init(probes: 2),
            rampUp: .init(duration: .seconds(3), share: 0.125, steps: 3)))

    mutating func ramp() {
        bench.halfOpen()
        bench.call(.success)
        bench.call(.success)
    }

    @Test("after the probes it ramps, and each step lets exactly its share through (Hystrix #1647, Polly #239)")
    mutating func shares() {
        ramp()
        for share in [0.125, 0.25, 0.5] {
            var passed = 0
            for asked in 1...80 {
                // The first call after a step's time begins the next one.
                if let ticket = bench.acquire() {
                    passed += 1
                    bench.end(ticket, .success)
                }
                #expect(bench.machine.rampShare == share)
                // Of any number of calls the share passes, and the first does.
                #expect(Double(passed) == (Double(asked) * share).rounded(.up))
            }
            bench.pass(.seconds(1))
        }
        #expect(bench.acquire() != nil)
        #expect(bench.machine.state == .closed)
    }

    @Test("a refused call says why, and not when to come back: the next one may pass")
    mutating func refusal() {
        ramp()
        _ = bench.acquire()
        guard case .refused(let rejection) = bench.machine.acquire(at: bench.now).admission else {
            Issue.record("not refused")
            return
        }
        #expect(rejection.reason == .ramping)
        #expect(rejection.retryAfter == nil)
    }

    @Test("a step without results goes on: silence is no sign of health")
    mutating func silence() {
        ramp()
        bench.pass(.seconds(100))
        _ = bench.acquire()
        #expect(bench.machine.rampShare == 0.125)
    }

    @Test("a step whose calls bring no result is overdue like probes, however long their callers go on giving up")
    mutating func ignored() {
        ramp()
        // One call and then a long pause show nothing.
        bench.end(bench.acquire(), .ignore)
        bench.pass(.seconds(100))
        #expect(bench.machine.acquire(at: bench.now).transition == nil)
        var transition: CircuitBreaker.Transition?
        var asked = 0
        while transition == nil, asked < 100 {
            let answer = bench.machine.acquire(at: bench.now)
            transition = answer.transition
            if case .admitted(let ticket) = answer.admission { bench.end(ticket, .ignore) }
            asked += 1
        }
        #expect(transition == CircuitBreaker.Transition(from: .ramping, to: .open, cause: .probesOverdue))
        #expect(asked <= 9, "as soon as as many calls have passed as there are probes")
    }

    @Test("a result that says something gives a step its time again")
    mutating func heard() {
        ramp()
        for _ in 0..<16 { bench.end(bench.acquire(), .ignore) }
        bench.pass(.milliseconds(900))
        while bench.end(bench.acquire(), .success) == nil, bench.machine.callsInWindow(at: bench.now) == 0 {}
        bench.pass(.seconds(100))
        #expect(bench.machine.acquire(at: bench.now).transition == nil)
        #expect(bench.machine.state == .ramping)
    }

    @Test("a rule that trips on the way opens it for longer than before")
    mutating func trips() {
        ramp()
        let first = bench.machine.openings
        while bench.machine.state == .ramping { bench.call(.failure) }
        #expect(bench.machine.state == .open)
        #expect(bench.machine.openings == first + 1)
        #expect(bench.machine.until - bench.now == 4_000_000_000)
    }

    @Test("a step whose few results are bad is judged like half open: by as many as there are probes")
    mutating func fewResults() {
        ramp()
        bench.end(bench.acquire(), .failure)
        bench.pass(.seconds(2))
        #expect(bench.acquire() == nil)
        #expect(bench.machine.state == .ramping, "one bad result of two is not enough")
        var transition: CircuitBreaker.Transition?
        while transition == nil { transition = bench.call(.failure) }
        #expect(transition == CircuitBreaker.Transition(from: .ramping, to: .open, cause: .rampFailed))
    }

    @Test("a step is judged by its own calls: those of the step before are forgotten")
    mutating func ownWindow() {
        ramp()
        var failures = 0
        while failures < 3 { if let ticket = bench.acquire() { bench.end(ticket, .failure); failures += 1 } }
        var successes = 0
        while successes < 4 { if let ticket = bench.acquire() { bench.end(ticket, .success); successes += 1 } }
        bench.pass(.seconds(1))
        bench.call(.success)
        while bench.machine.rampShare == 0.125 { bench.call(.success) }
        #expect(bench.machine.callsInWindow(at: bench.now) <= 1)
    }

    @Test("results of calls from before the ramp don't count in it")
    mutating func generations() throws {
        bench.halfOpen()
        let late = try bench.granted()
        bench.call(.success)
        bench.machine.abandon(late)
        bench.call(.success)
        #expect(bench.machine.state == .ramping)
        #expect(bench.machine.record(late, .failure, duration: 1, at: bench.now).isLate)
    }

    @Test("a completed ramp forgives earlier openings; switching the ramp off completes it")
    mutating func forgives() {
        for _ in 0..<3 {
            ramp()
            while bench.machine.state == .ramping { bench.call(.failure) }
        }
        #expect(bench.machine.openings >= 4)
        bench.pass(.nanoseconds(bench.machine.until - bench.now))
        bench.call(.success)
        bench.call(.success)
        var options = bench.machine.options
        options.rampUp = nil
        bench.machine.configure(options)
        #expect(bench.acquire() != nil)
        #expect(bench.machine.state == .closed)
        #expect(bench.machine.openings == 0)
    }

    @Test("shares grow by the same factor from step to step", arguments: [(0.1, 3), (0.001, 20), (1, 1), (0.5, 7)])
    func geometric(first: Double, steps: Int) {
        let limits = CircuitBreaker.RampLimits(.init(share: first, steps: steps))
        #expect(abs(limits.share(of: 0) - first) < 1e-9)
        for step in 0..<steps {
            let factor = limits.share(of: step + 1) / limits.share(of: step)
            #expect(abs(factor - limits.share(of: 1) / limits.share(of: 0)) < 1e-9)
        }
        #expect(limits.share(of: steps) == 1)
    }

    @Test("the ramp is configured, reported and counted like the other states")
    func configured() async throws {
        let clock = ManualClock()
        let registry = ResilienceRegistry(time: clock.source, seed: 1)
        try registry.apply(
            PolicyEdits([
                "p": [
                    "circuit-breaker": [
                        "ramp-up": ["duration": "2s", "share": "25%", "steps": 2], "minimum-calls": 1,
                        "open": ["base": "1s", "jitter": 0], "half-open": 1,
                    ]
                ]
            ]))
        let pipeline = registry.pipeline("p")
        func call(_ fails: Bool = false) async {
            _ = try? await pipeline.execute { _ async throws(Broken) in if fails { throw Broken() } }
        }
        await call(true)
        clock.advance(by: .seconds(1))
        await call()
        #expect(pipeline.snapshot.breakerState == .ramping)
        #expect(pipeline.circuitBreaker.status.rampShare == 0.25)
        for _ in 0..<4 { await call() }
        #expect(pipeline.counters.rejections(.ramping) == 3)
        clock.advance(by: .seconds(1))
        await call()
        #expect(pipeline.circuitBreaker.status.rampShare == 0.5)
        let causes = registry.recentEvents.map(\.description)
        #expect(causes.contains("p: circuit-breaker half-open -> ramping (probes-succeeded)"))
        #expect(causes.contains("p: circuit-breaker ramps up to 50%"))
    }

    @Test("a ramp that makes no sense is refused with what would")
    func invalid() {
        #expect(throws: ConfigurationFaults.self) {
            try PolicyEdits(["p": ["circuit-breaker": ["ramp-up": ["share": 0]]]])
                .apply(to: "p")
        }
    }
}

extension PolicyEdits {
    fileprivate func apply(to name: String) throws(ConfigurationFaults) {
        try ResilienceRegistry(seed: 1).apply(self)
    }
}
