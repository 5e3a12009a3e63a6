// SPDX-License-Identifier: Apache-2.0

import TestSupport
import Testing

@testable import Resilience

/// What resilience4j #1597 asks for and no library has: a call counts as slow while it still runs.
@Suite("A breaker whose callee hangs")
struct CircuitBreakerSlowNowTests {
    /// Slow is longer than 800 ms, noticed at most 100 ms later; at least four calls, half of them.
    var bench = BreakerBench(
        CircuitBreakerOptions(
            slowCall: .init(duration: .milliseconds(800), rate: 0.5), minimumCalls: 4,
            open: .init(base: .seconds(2), jitter: 0), halfOpen: .init(probes: 2)))

    @Test("it opens although no call ever returns (resilience4j #1597)")
    mutating func opens() {
        for _ in 0..<4 { _ = bench.acquire() }
        bench.pass(.milliseconds(800))
        #expect(bench.acquire() != nil, "a call that takes exactly the limit is not slow")
        bench.pass(.milliseconds(101))
        #expect(bench.acquire() == nil)
        #expect(bench.machine.state == .open)
    }

    @Test("no call is slow too early, whenever it started", arguments: Seeds.some(20))
    func neverEarly(seed: UInt64) {
        var random = SplitMix64(seed: seed)
        let slow = Int64(random.int(in: 1...2_000_000_000))
        var calls = CircuitBreaker.InFlight(slowNanoseconds: slow)
        var now = Int64(random.int(in: -5_000_000_000...5_000_000_000))
        var underWay: [(slot: Int64, start: Int64)] = []
        for _ in 0..<500 {
            switch random.int(in: 0...2) {
            case 0: underWay.append((calls.begin(at: now), now))
            case 1 where !underWay.isEmpty:
                calls.end(underWay.remove(at: random.int(in: 0...underWay.count - 1)).slot)
            default: now += Int64(random.int(in: 0...Int(slow / 3)))
            }
            let count = calls.slowCalls(at: now)
            #expect(count <= underWay.filter { now - $0.start > slow }.count, "seed \(seed)")
            #expect(count >= underWay.filter { now - $0.start > slow + slow / 8 + 1 }.count, "seed \(seed)")
        }
    }

    @Test("a call that was slow before it returned is counted once")
    mutating func once() throws {
        let tickets = try (0..<3).map { _ in try bench.granted() }
        bench.pass(.seconds(1))
        #expect(bench.machine.slowCallsNow(at: bench.now) == 3)
        for ticket in tickets { bench.end(ticket, .success, took: .seconds(1)) }
        #expect(bench.machine.slowCallsNow(at: bench.now) == 0)
        #expect(bench.machine.callsInWindow(at: bench.now) == 3)
        #expect(bench.machine.state == .closed, "three calls are fewer than the minimum")
    }

    @Test("a call that gives up is not slow any more: it says nothing about the callee")
    mutating func abandoned() throws {
        let tickets = try (0..<4).map { _ in try bench.granted() }
        bench.pass(.seconds(1))
        for ticket in tickets { bench.machine.abandon(ticket) }
        #expect(bench.acquire() != nil)
        #expect(bench.machine.state == .closed)
    }

    @Test("probes that hang reopen it when they are slow, long before they are overdue")
    mutating func probes() {
        bench.halfOpen()
        _ = bench.acquire()
        #expect(bench.machine.state == .halfOpen)
        bench.pass(.seconds(1))
        #expect(bench.acquire() == nil)
        #expect(bench.machine.state == .open)
    }

    @Test("calls from before a state change are not counted in the next state")
    mutating func generations() {
        for _ in 0..<3 { _ = bench.acquire() }
        bench.halfOpen()
        bench.call(.success)
        bench.call(.success)
        #expect(bench.machine.state == .closed)
        bench.pass(.seconds(5))
        #expect(bench.machine.slowCallsNow(at: bench.now) == 0)
    }

    @Test("another slow-call duration, or none, forgets the calls under way and counts the new ones")
    mutating func reconfigured() throws {
        let before = try (0..<4).map { _ in try bench.granted() }
        var options = bench.machine.options
        options.slowCall = nil
        bench.machine.configure(options)
        bench.pass(.seconds(10))
        #expect(bench.acquire() != nil)
        options.slowCall = .init(duration: .milliseconds(100), rate: 0.5)
        bench.machine.configure(options)
        for ticket in before { bench.machine.abandon(ticket) }
        #expect(bench.machine.slowCallsNow(at: bench.now) == 0)
        for _ in 0..<4 { _ = bench.acquire() }
        bench.pass(.seconds(1))
        #expect(bench.acquire() == nil)
        #expect(bench.machine.state == .open)
    }

    @Test("in a pipeline the wait for a bulkhead's slot does not make a call slow")
    func queueing() async throws {
        let clock = ManualClock()
        let registry = ResilienceRegistry(time: clock.source, seed: 1)
        try registry.apply(
            PolicyEdits([
                "p": [
                    "circuit-breaker": ["slow-call": ["duration": "100ms", "rate": 0.5], "minimum-calls": 10],
                    "bulkhead": ["limit": 1, "queue": 3, "max-wait": "1h"],
                ]
            ]))
        let pipeline = registry.pipeline("p")
        let gate = Gate()
        let calls = (0..<4).map { _ in Task { try? await pipeline.execute { _ in await gate.wait() } } }
        try await waitUntil("one runs and three wait") { pipeline.bulkhead.status.queued == 3 }
        clock.advance(by: .seconds(2))
        #expect(pipeline.circuitBreaker.status.slowCallsUnderWay == 1)
        gate.open()
        for call in calls { await call.value }
        #expect(pipeline.circuitBreaker.status.calls == 4)
        #expect(pipeline.circuitBreaker.status.slowCallsUnderWay == 0)
    }
}
