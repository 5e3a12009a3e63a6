// SPDX-License-Identifier: Apache-2.0

import TestSupport
import Testing

@testable import Resilience

@Suite("A breaker's rules, windows and clock")
struct CircuitBreakerRuleTests {
    @Test("the threshold is inclusive")
    func inclusive() {
        var bench = BreakerBench(.small)
        for verdict in [Verdict.success, .success, .failure] { bench.call(verdict) }
        #expect(bench.call(.failure)?.cause == .failureRate)
    }

    @Test("a share that is written as the rate reaches it, whatever binary fractions make of it")
    func roundings() {
        for calls in 1...200 {
            for failed in 1...calls {
                let options = CircuitBreakerOptions(
                    failureRate: Double(failed) / Double(calls), minimumCalls: 1, halfOpen: .init(probes: calls))
                let limits = CircuitBreaker.Limits(options)
                func cause(_ count: Int) -> CircuitBreakerEvent.Cause? {
                    limits.cause(.init(calls: UInt32(calls), failed: UInt32(count), slow: 0, bad: UInt32(count)))
                }
                #expect(cause(failed) == .failureRate, "\(failed) of \(calls)")
                #expect(cause(failed - 1) == nil, "\(failed - 1) of \(calls)")
                #expect(limits.failedProbes == failed, "\(failed) of \(calls) probes")
            }
        }
        // Percent as people write them, of counts that make whole calls of them.
        for percent in 1...100 {
            let limits = CircuitBreaker.Limits(CircuitBreakerOptions(failureRate: Double(percent) / 100))
            for hundreds in [1, 10, 10_000] as [UInt32] {
                let failed = UInt32(percent) * hundreds
                let total = CircuitBreaker.Tally(calls: 100 * hundreds, failed: failed, slow: 0, bad: failed)
                #expect(limits.cause(total) == .failureRate, "\(percent) %")
                let less = CircuitBreaker.Tally(calls: 100 * hundreds, failed: failed - 1, slow: 0, bad: failed - 1)
                #expect(limits.cause(less) == nil, "\(percent) %")
            }
        }
    }

    @Test("a success can open the breaker, when it completes the minimum number of calls")
    func successTrips() {
        var bench = BreakerBench(CircuitBreakerOptions(minimumCalls: 10))
        for _ in 0..<9 { bench.call(.failure) }
        #expect(bench.machine.state == .closed)
        #expect(bench.call(.success)?.to == .open)
    }

    @Test("rates are undefined below the minimum number of calls, not zero (resilience4j #808)")
    func undefinedRates() {
        var bench = BreakerBench(.small)
        for _ in 0..<3 { bench.call(.failure) }
        #expect(bench.machine.rates(at: bench.now) == nil)
    }

    @Test("a minimum larger than a count window is clamped to it")
    func clampedMinimum() {
        var bench = BreakerBench(CircuitBreakerOptions(window: .count(5), minimumCalls: 100))
        for _ in 0..<4 { bench.call(.failure) }
        #expect(bench.machine.state == .closed)
        #expect(bench.call(.failure)?.cause == .failureRate)
    }

    @Test("a call that takes exactly the limit is not slow", arguments: [(100, false), (101, true)])
    func slowIsStrict(milliseconds: Int, isSlow: Bool) {
        var bench = BreakerBench(
            CircuitBreakerOptions(
                failureRate: nil, slowCall: .init(duration: .milliseconds(100), rate: 1), minimumCalls: 1))
        bench.call(.success, took: .milliseconds(milliseconds))
        #expect((bench.machine.state == .open) == isSlow)
    }

    @Test("slow and failed is one call in both counts; one slow and one failed of four open only the combined rule")
    func combinedRate() {
        var options = CircuitBreakerOptions.small
        options.slowCall = .init(duration: .milliseconds(100), rate: 0.5)
        var bench = BreakerBench(options)
        bench.call(.success)
        bench.call(.success)
        bench.call(.failure)
        bench.call(.success, took: .seconds(1))
        #expect(bench.machine.state == .closed, "resilience4j #667 stays closed for ever")

        options.badRate = 0.5
        bench = BreakerBench(options)
        bench.call(.success)
        bench.call(.success)
        bench.call(.failure)
        #expect(bench.call(.success, took: .seconds(1))?.cause == .badRate)
    }

    @Test("when several rules trip at once the reported cause is always the same")
    func deterministicCause() {
        var options = CircuitBreakerOptions.small
        options.slowCall = .init(duration: .milliseconds(100), rate: 0.5)
        options.consecutiveFailures = 4
        var bench = BreakerBench(options)
        for _ in 0..<3 { bench.call(.failure, took: .seconds(1)) }
        #expect(bench.call(.failure, took: .seconds(1))?.cause == .consecutiveFailures)
    }

    @Test("consecutive failures trip below the minimum number of calls; a success in between starts again")
    func consecutive() {
        var bench = BreakerBench(CircuitBreakerOptions(failureRate: nil, consecutiveFailures: 3))
        for verdict in [Verdict.failure, .failure, .success, .failure, .failure] { bench.call(verdict) }
        #expect(bench.machine.state == .closed)
        #expect(bench.call(.failure)?.cause == .consecutiveFailures)
    }

    @Test("results leave a time window, and a gap empties it")
    func agesOut() {
        var bench = BreakerBench(.small)
        for _ in 0..<3 { bench.call(.failure) }
        bench.pass(.seconds(11))
        bench.call(.failure)
        #expect(bench.machine.state == .closed, "three of the four failures are too old")
        #expect(bench.machine.callsInWindow(at: bench.now) == 1)
        bench.pass(.seconds(100_000))
        #expect(bench.machine.callsInWindow(at: bench.now) == 0)
    }

    @Test("a clock that goes backwards loses nothing (resilience4j loses a bucket per call)")
    func backwards() {
        var bench = BreakerBench(.small)
        for _ in 0..<3 {
            bench.call(.failure)
            bench.pass(.seconds(-3))
        }
        #expect(bench.machine.callsInWindow(at: bench.now) == 3)
        #expect(bench.call(.failure)?.to == .open)
    }

    @Test("a window of a millisecond still has buckets with a width")
    func tinyWindow() {
        var window = CircuitBreaker.TimeWindow(nanoseconds: 1)
        window.add(.one(failed: true, slow: false), at: 5)
        window.roll(to: 6)
        #expect(window.total.calls == 1)
    }

    @Test("no open time overflows, however often the breaker reopens and whatever the callee asks for")
    func noOverflow() {
        var options = CircuitBreakerOptions.small
        options.open = .init(base: .seconds(3600), cap: .seconds(86_400), multiplier: 10, jitter: 1)
        var bench = BreakerBench(options)
        bench.trip()
        for _ in 0..<200 {
            bench.pass(.nanoseconds(bench.machine.until - bench.now))
            bench.end(bench.acquire(), .failure, retryAfter: .seconds(Int64.max / 2))
            #expect(bench.machine.state == .open)
            #expect(bench.machine.until > bench.now)
            #expect(bench.machine.until - bench.now <= 2 * 86_400 * 1_000_000_000)
        }
    }

    @Test("exactly at the end of the open time the next call is a probe (resilience4j still refuses)")
    func openTimeIsInclusive() {
        var bench = BreakerBench(.small)
        bench.trip()
        bench.pass(.nanoseconds(1_999_999_999))
        #expect(bench.acquire() == nil)
        bench.pass(.nanoseconds(1))
        #expect(bench.acquire() != nil)
    }

    @Test("closing forgets the failures that opened it")
    func closingClears() {
        var bench = BreakerBench(.small)
        bench.halfOpen()
        bench.call(.success)
        bench.call(.success)
        #expect(bench.machine.callsInWindow(at: bench.now) == 0)
        bench.call(.failure)
        #expect(bench.machine.state == .closed)
    }

    @Test("reset closes and forgets; on a closed breaker it reports nothing")
    func reset() {
        var bench = BreakerBench(.small)
        bench.trip()
        #expect(bench.machine.reset(at: bench.now)?.cause == .reset)
        #expect(bench.machine.callsInWindow(at: bench.now) == 0)
        #expect(bench.machine.reset(at: bench.now) == nil)
    }

    @Test("jitter spreads the open time within its bounds, the same for the same seed")
    func jitter() {
        func openTimes(seed: UInt64) -> [Int64] {
            (0..<100).map { index in
                var options = CircuitBreakerOptions.small
                options.open.jitter = 0.5
                var machine = CircuitBreaker.StateMachine(options: options, seed: seed &+ UInt64(index))
                for _ in 0..<4 {
                    guard case .admitted(let ticket) = machine.acquire(at: 0).admission else { break }
                    _ = machine.record(ticket, .failure, duration: 0, at: 0)
                }
                return machine.until
            }
        }
        let times = openTimes(seed: 7)
        #expect(times.allSatisfy { (1_000_000_000...3_000_000_000).contains($0) })
        #expect(Set(times).count > 50)
        #expect(times == openTimes(seed: 7))
    }

    @Test("new options keep the state, the window and the open time; only a window of another size starts empty")
    func reconfigure() {
        var bench = BreakerBench(.small)
        for _ in 0..<3 { bench.call(.failure) }
        var options = CircuitBreakerOptions.small
        options.minimumCalls = 3
        bench.machine.configure(options)
        #expect(bench.machine.callsInWindow(at: bench.now) == 3)
        #expect(bench.call(.success)?.to == .open, "three of four failures, kept from before")
        let until = bench.machine.until
        options.open.base = .seconds(50)
        bench.machine.configure(options)
        #expect(bench.machine.until == until)
        #expect(bench.machine.state == .open)
        options.window = .count(50)
        bench.machine.configure(options)
        #expect(bench.machine.callsInWindow(at: bench.now) == 0)
    }

    @Test("fewer probes, set while half open, still come to a decision")
    func fewerProbes() {
        var options = CircuitBreakerOptions.small
        options.halfOpen.probes = 5
        var bench = BreakerBench(options)
        bench.halfOpen()
        let tickets = (0..<4).map { _ in bench.acquire() }
        options.halfOpen.probes = 1
        bench.machine.configure(options)
        bench.end(tickets[0], .success)
        #expect(bench.machine.state == .closed)
        for ticket in tickets[1...] { bench.end(ticket, .failure) }
        #expect(bench.machine.state == .closed)
    }
}

@Suite("A breaker's windows")
struct CircuitBreakerWindowTests {
    @Test("a time window holds what a list of all results says", arguments: Seeds.some(40))
    func timeWindow(seed: UInt64) {
        var random = SplitMix64(seed: seed)
        var window = CircuitBreaker.TimeWindow(nanoseconds: 1_000_000_000)
        var results: [(bucket: Int64, tally: CircuitBreaker.Tally)] = []
        var now: Int64 = 123_456_789
        for _ in 0..<500 {
            now += Int64(random.chance(0.05) ? random.int(in: 0...3_000_000_000) : random.int(in: 0...40_000_000))
            let tally = CircuitBreaker.Tally.one(failed: random.chance(0.3), slow: random.chance(0.3))
            window.add(tally, at: now)
            results.append((now / 100_000_000, tally))
            var expected = CircuitBreaker.Tally()
            for result in results where result.bucket > now / 100_000_000 - 10 { expected += result.tally }
            #expect(window.total == expected, "seed \(seed)")
        }
    }

    @Test("a count window slides: the oldest result leaves (tower-resilience's never do)", arguments: Seeds.some(20))
    func countWindow(seed: UInt64) {
        var random = SplitMix64(seed: seed)
        let size = random.int(in: 1...20)
        var window = CircuitBreaker.CountWindow(capacity: size)
        var results: [CircuitBreaker.Tally] = []
        for _ in 0..<200 {
            let tally = CircuitBreaker.Tally.one(failed: random.chance(0.4), slow: random.chance(0.4))
            window.add(tally)
            results.append(tally)
            var expected = CircuitBreaker.Tally()
            for result in results.suffix(size) { expected += result }
            #expect(window.total == expected, "seed \(seed)")
        }
    }
}
