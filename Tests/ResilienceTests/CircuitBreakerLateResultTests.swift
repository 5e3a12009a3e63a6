// SPDX-License-Identifier: Apache-2.0

import TestSupport
import Testing

@testable import Resilience

/// A machine with a hand-moved time, so that a test reads as a schedule.
struct BreakerBench {
    var machine: CircuitBreaker.StateMachine
    var now: Int64 = 1_000_000_000_000

    init(_ options: CircuitBreakerOptions) {
        machine = CircuitBreaker.StateMachine(options: options, seed: 1)
    }

    mutating func pass(_ duration: Duration) {
        now += duration.nanosecondsSaturated
    }

    /// The ticket, or nil when the call was refused.
    mutating func acquire() -> CircuitBreaker.Ticket? {
        guard case .admitted(var ticket) = machine.acquire(at: now).admission else { return nil }
        machine.begin(&ticket, at: now)
        return ticket
    }

    /// The ticket of a call that has to be admitted.
    mutating func granted() throws -> CircuitBreaker.Ticket {
        let ticket = acquire()
        return try #require(ticket)
    }

    @discardableResult
    mutating func end(
        _ ticket: CircuitBreaker.Ticket?, _ verdict: Verdict, took duration: Duration = .zero,
        retryAfter: Duration = .zero
    ) -> CircuitBreaker.Transition? {
        guard let ticket else { return nil }
        return machine.record(
            ticket, verdict, duration: duration.nanosecondsSaturated, retryAfter: retryAfter.nanosecondsSaturated,
            at: now
        ).transition
    }

    @discardableResult
    mutating func call(_ verdict: Verdict, took duration: Duration = .zero) -> CircuitBreaker.Transition? {
        end(acquire(), verdict, took: duration)
    }

    /// Fails until the breaker opens.
    mutating func trip() {
        var calls = 0
        while machine.state == .closed, calls < 10_000 {
            call(.failure)
            calls += 1
        }
    }

    /// Trips and waits until probes are let through.
    mutating func halfOpen() {
        trip()
        pass(.nanoseconds(machine.until - now))
    }
}

extension CircuitBreakerOptions {
    /// Four calls, half of them, two seconds, two probes, no jitter.
    static var small: CircuitBreakerOptions {
        CircuitBreakerOptions(
            minimumCalls: 4, open: OpenTime(base: .seconds(2), jitter: 0), halfOpen: HalfOpen(probes: 2))
    }
}

@Suite("A breaker's late results and probes")
struct CircuitBreakerLateResultTests {
    var bench = BreakerBench(.small)

    @Test(
        "a success of a call from before the trip does not close a half-open breaker (resilience4j, Polly, failsafe-go)"
    )
    mutating func lateSuccess() {
        let old = (0..<4).map { _ in bench.acquire() }
        bench.halfOpen()
        let probe = bench.acquire()
        for ticket in old { #expect(bench.end(ticket, .success) == nil) }
        #expect(bench.machine.state == .halfOpen)
        bench.end(probe, .success)
        #expect(bench.machine.state == .halfOpen, "one of two probes is not enough")
    }

    @Test("a failure of a call from before the trip does not reopen a half-open breaker (resilience4j)")
    mutating func lateFailure() {
        let old = bench.acquire()
        bench.halfOpen()
        _ = bench.acquire()
        bench.end(old, .failure)
        #expect(bench.machine.state == .halfOpen)
    }

    @Test("a late failure while open neither lengthens the break nor is reported twice (Polly)")
    mutating func lateWhileOpen() {
        let old = bench.acquire()
        bench.trip()
        let until = bench.machine.until
        bench.pass(.seconds(1))
        #expect(bench.end(old, .failure) == nil)
        #expect(bench.machine.until == until)
        #expect(bench.machine.state == .open)
    }

    @Test("the first answer after the trip is no probe unless it was sent as one (Linkerd)")
    mutating func probeIdentity() throws {
        let old = try bench.granted()
        bench.halfOpen()
        let probe = try bench.granted()
        #expect(probe.generation != old.generation)
        let result = bench.machine.record(old, .success, duration: 0, at: bench.now)
        #expect(result.isLate)
    }

    @Test("giving back a ticket from before the trip frees no probe's slot (resilience4j)")
    mutating func staleRelease() throws {
        let old = try (0..<3).map { _ in try bench.granted() }
        bench.halfOpen()
        for ticket in old { bench.machine.abandon(ticket) }
        for ticket in old { bench.end(ticket, .ignore) }
        #expect(bench.acquire() != nil)
        #expect(bench.acquire() != nil)
        #expect(bench.acquire() == nil)
    }

    @Test("an ignored result frees its probe's slot and decides nothing (gobreaker, Finagle)")
    mutating func ignoredProbe() {
        bench.halfOpen()
        for _ in 0..<10 { #expect(bench.end(bench.acquire(), .ignore) == nil) }
        #expect(bench.machine.state == .halfOpen)
        bench.call(.success)
        bench.call(.success)
        #expect(bench.machine.state == .closed)
    }

    @Test("the call that makes the breaker half open takes a slot itself (resilience4j #1432)")
    mutating func triggeringCallCounts() {
        bench.halfOpen()
        #expect((0..<10).filter { _ in bench.acquire() != nil }.count == 2)
    }

    @Test("an abandoned probe gives its slot back")
    mutating func abandonedProbe() throws {
        bench.halfOpen()
        _ = bench.acquire()
        let second = try bench.granted()
        #expect(bench.acquire() == nil)
        bench.machine.abandon(second)
        #expect(bench.acquire() != nil)
    }

    @Test("probes that hang reopen the breaker instead of blocking it for ever (Polly, resilience4j #903 #935)")
    mutating func hungProbes() {
        bench.halfOpen()
        _ = bench.acquire()
        _ = bench.acquire()
        bench.pass(.seconds(10))
        #expect(bench.acquire() == nil)
        #expect(bench.machine.state == .open)
        bench.pass(.nanoseconds(bench.machine.until - bench.now))
        #expect(bench.acquire() != nil, "the next probes get their chance")
    }

    @Test("one success of two probes does not close (Polly: one probe flaps)")
    mutating func quota() {
        bench.halfOpen()
        bench.call(.success)
        #expect(bench.machine.state == .halfOpen)
        bench.call(.success)
        #expect(bench.machine.state == .closed)
    }

    @Test("a minimum larger than the number of probes does not block half open")
    mutating func minimumLargerThanProbes() {
        bench = BreakerBench(
            CircuitBreakerOptions(consecutiveFailures: 3, minimumCalls: 100, halfOpen: .init(probes: 1)))
        bench.halfOpen()
        bench.call(.success)
        #expect(bench.machine.state == .closed)
    }

    @Test("half open decides as soon as the missing probes can't change the result (resilience4j waits)")
    mutating func decidesEarly() {
        var options = CircuitBreakerOptions.small
        options.halfOpen.probes = 10
        bench = BreakerBench(options)
        bench.halfOpen()
        for _ in 0..<5 { bench.call(.success) }
        #expect(bench.machine.state == .halfOpen)
        #expect(bench.call(.success)?.to == .closed, "six of ten: five failures are out of reach")

        bench.halfOpen()
        for _ in 0..<4 { bench.call(.failure) }
        #expect(bench.machine.state == .halfOpen)
        #expect(bench.call(.failure)?.cause == .probesFailed)
    }

    @Test("the open time grows over reopenings, and starts again after the breaker was closed for a whole window")
    mutating func backoff() {
        func openTime(_ bench: BreakerBench) -> Int64 { (bench.machine.until - bench.now) / 1_000_000_000 }
        bench.trip()
        #expect(openTime(bench) == 2)
        for expected in [4, 8, 16, 32, 60, 60] as [Int64] {
            bench.pass(.nanoseconds(bench.machine.until - bench.now))
            bench.call(.failure)
            #expect(openTime(bench) == expected)
        }
        bench.pass(.nanoseconds(bench.machine.until - bench.now))
        bench.call(.success)
        bench.call(.success)
        // Closed, but not for long: this opening belongs to the same trouble.
        bench.pass(.milliseconds(9_999))
        bench.trip()
        #expect(openTime(bench) == 60)
        bench.pass(.nanoseconds(bench.machine.until - bench.now))
        bench.call(.success)
        bench.call(.success)
        bench.pass(.seconds(10))
        bench.trip()
        #expect(openTime(bench) == 2)
    }

    @Test("a throttled answer fails a probe and the rate, but does not add to consecutive failures (Linkerd)")
    mutating func throttled() {
        bench = BreakerBench(
            CircuitBreakerOptions(consecutiveFailures: 3, minimumCalls: 8, halfOpen: .init(probes: 1)))
        for _ in 0..<7 { bench.call(.throttled) }
        #expect(bench.machine.state == .closed)
        #expect(bench.call(.throttled)?.cause == .failureRate)
        bench.pass(.nanoseconds(bench.machine.until - bench.now))
        #expect(bench.call(.throttled)?.to == .open)
    }

    @Test("a slow probe counts towards the slow rate (Linkerd reopens traffic)")
    mutating func slowProbe() {
        var options = CircuitBreakerOptions.small
        options.slowCall = .init(duration: .milliseconds(100), rate: 0.5)
        bench = BreakerBench(options)
        bench.halfOpen()
        #expect(bench.call(.success, took: .milliseconds(101))?.cause == .probesFailed)
    }

    @Test("the callee's Retry-After lengthens the open time, at most to the cap")
    mutating func retryAfter() {
        for _ in 0..<3 { bench.call(.failure) }
        bench.end(bench.acquire(), .failure, retryAfter: .seconds(30))
        #expect(bench.machine.until - bench.now == 30_000_000_000)
        bench = BreakerBench(.small)
        for _ in 0..<3 { bench.call(.failure) }
        bench.end(bench.acquire(), .failure, retryAfter: .seconds(100_000))
        #expect(bench.machine.until - bench.now == 60_000_000_000)
    }
}
