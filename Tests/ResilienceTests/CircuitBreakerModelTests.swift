// SPDX-License-Identifier: Apache-2.0

import TestSupport
import Testing

@testable import Resilience

/// The breaker written a second time, the slow and obvious way: lists of everything that happened, nothing incremental.
private struct NaiveBreaker {
    struct Call {
        var id: Int
        var epoch: Int
    }

    var options: CircuitBreakerOptions
    var state = CircuitBreaker.State.closed
    var epoch = 0
    var results: [(bucket: Int64, failed: Bool, slow: Bool)] = []
    var streak = 0
    var openings = 0
    var until: Int64 = 0
    var probesUnderWay = 0
    var probeResults: [(failed: Bool, slow: Bool)] = []

    mutating func go(_ new: CircuitBreaker.State, _ now: Int64) {
        state = new
        epoch += 1
        probesUnderWay = 0
        probeResults = []
        switch new {
        case .closed:
            results = []
            streak = 0
            openings = 0
        case .open:
            openings += 1
            var seconds = 2.0
            for _ in 1..<openings { seconds = min(60, seconds * 2) }
            until = now + Int64(seconds * 1e9)
        case .halfOpen: until = now + 10_000_000_000
        }
    }

    mutating func acquire(_ now: Int64) -> Int? {
        if state == .open, now >= until { go(.halfOpen, now) }
        if state == .halfOpen, now >= until { go(.open, now) }
        if state == .open { return nil }
        if state == .halfOpen {
            if probesUnderWay + probeResults.count >= options.halfOpen.probes { return nil }
            probesUnderWay += 1
        }
        return epoch
    }

    mutating func abandon(_ callEpoch: Int) {
        if callEpoch == epoch, state == .halfOpen { probesUnderWay -= 1 }
    }

    mutating func record(_ callEpoch: Int, _ verdict: Verdict, slow: Bool, _ now: Int64) {
        guard callEpoch == epoch else { return }
        if verdict == .ignore { return abandon(callEpoch) }
        let failed = verdict != .success
        if state == .halfOpen {
            probesUnderWay -= 1
            probeResults.append((failed, slow))
            let probes = options.halfOpen.probes
            let needed = Int((options.failureRate! * Double(probes)).rounded(.up))
            let slowNeeded = Int((options.slowCall!.rate * Double(probes)).rounded(.up))
            let missing = probes - probeResults.count
            let failures = probeResults.filter(\.failed).count
            let slows = probeResults.filter(\.slow).count
            if failures >= needed || slows >= slowNeeded { return go(.open, now) }
            if failures + missing < needed, slows + missing < slowNeeded { go(.closed, now) }
            return
        }
        results.append((now / 1_000_000_000, failed, slow))
        if verdict == .success { streak = 0 } else if verdict == .failure { streak += 1 }
        if let limit = options.consecutiveFailures, streak >= limit { return go(.open, now) }
        let window = results.filter { $0.bucket > now / 1_000_000_000 - 10 }
        if window.count < options.minimumCalls { return }
        let count = Double(window.count)
        if Double(window.filter(\.failed).count) >= options.failureRate! * count { return go(.open, now) }
        if Double(window.filter(\.slow).count) >= options.slowCall!.rate * count { return go(.open, now) }
    }
}

@Suite("A breaker under random schedules")
struct CircuitBreakerModelTests {
    @Test(
        "it agrees with a naive model after every step, and never admits more probes than it may",
        arguments: Seeds.some(60))
    func agreesWithModel(seed: UInt64) throws {
        var random = SplitMix64(seed: seed)
        let options = CircuitBreakerOptions(
            failureRate: 0.5, slowCall: .init(duration: .milliseconds(100), rate: 0.6),
            consecutiveFailures: random.chance(0.5) ? random.int(in: 2...6) : nil, minimumCalls: random.int(in: 2...12),
            open: .init(base: .seconds(2), cap: .seconds(60), jitter: 0),
            halfOpen: .init(probes: random.int(in: 1...6), maximumDuration: .seconds(10)))
        var machine = CircuitBreaker.StateMachine(options: options, seed: seed)
        var model = NaiveBreaker(options: options)
        var now: Int64 = 50_000_000_000
        var calls: [(ticket: CircuitBreaker.Ticket, epoch: Int)] = []
        var health = 0.5
        for step in 0..<1_500 {
            switch random.int(in: 0...99) {
            case 0..<40:
                let admission = machine.acquire(at: now).admission
                let expected = model.acquire(now)
                if case .admitted(let ticket) = admission, let epoch = expected {
                    calls.append((ticket, epoch))
                } else {
                    guard case .refused = admission, expected == nil else {
                        Issue.record(
                            "seed \(seed) step \(step): admission \(admission), model \(String(describing: expected))")
                        return
                    }
                }
            case 40..<80 where !calls.isEmpty:
                let call = calls.remove(at: random.int(in: 0...calls.count - 1))
                let isSlow = random.chance(0.2)
                let verdict: Verdict =
                    random.chance(0.1)
                    ? .ignore : random.chance(0.1) ? .throttled : random.chance(health) ? .success : .failure
                _ = machine.record(call.ticket, verdict, duration: isSlow ? 200_000_000 : 1, at: now)
                model.record(call.epoch, verdict, slow: isSlow, now)
            case 80..<88 where !calls.isEmpty:
                let call = calls.remove(at: random.int(in: 0...calls.count - 1))
                machine.abandon(call.ticket)
                model.abandon(call.epoch)
            case 88..<92:
                health = Double(random.int(in: 0...10)) / 10
            default:
                now += Int64(random.int(in: 0...1_500)) * 1_000_000
            }
            try #require(machine.state == model.state, "seed \(seed) step \(step)")
            try #require(machine.openings == model.openings, "seed \(seed) step \(step)")
        }
    }

    @Test("from wherever it stands, time and healthy calls close it", arguments: Seeds.some(60))
    func neverStuck(seed: UInt64) {
        var random = SplitMix64(seed: seed)
        var bench = BreakerBench(
            CircuitBreakerOptions(
                failureRate: random.chance(0.7) ? 0.5 : nil, slowCall: .init(duration: .milliseconds(50)), badRate: 0.7,
                consecutiveFailures: 4, minimumCalls: 3, halfOpen: .init(probes: random.int(in: 1...7))))
        var open: [CircuitBreaker.Ticket] = []
        for _ in 0..<random.int(in: 10...400) {
            if random.chance(0.5), let ticket = bench.acquire() { open.append(ticket) }
            if random.chance(0.3), !open.isEmpty { bench.end(open.removeLast(), .failure, took: .milliseconds(60)) }
            if random.chance(0.2) { bench.pass(.milliseconds(random.int(in: 0...9_000))) }
        }
        // Whatever is still under way never comes back.
        for _ in 0..<40 where bench.machine.state != .closed {
            bench.pass(.seconds(100))
            for _ in 0..<10 { bench.call(.success) }
        }
        #expect(bench.machine.state == .closed, "seed \(seed)")
    }
}
