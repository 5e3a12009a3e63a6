// SPDX-License-Identifier: Apache-2.0

import TestSupport
import Testing

@testable import Resilience

/// The breaker written a second time, the slow and obvious way: lists of everything that happened, nothing incremental.
private struct NaiveBreaker {
    struct Call {
        var epoch: Int
        var start: Int64
        /// False when the slow-call duration has changed since.
        var isWatched = true
    }

    var options: CircuitBreakerOptions
    var mode = PolicyMode.enforced
    /// Drawn from once for each opening, as the breaker does.
    var random: SplitMix64
    var state = CircuitBreaker.State.closed
    var epoch = 0
    var results: [(bucket: Int64, failed: Bool, slow: Bool)] = []
    var underWay: [Int: Call] = [:]
    var nextID = 0
    var streak = 0
    var openings = 0
    var closedAt = Int64.min
    var until: Int64 = 0
    var probeResults: [(failed: Bool, slow: Bool)] = []
    var step = 0
    var stepCalls = 0
    var share = 1.0
    var unheard = 0
    var unheardSince: Int64 = 0

    /// Whether it has been closed for a whole window.
    func isLongClosed(_ now: Int64) -> Bool {
        switch options.window {
        case .time: closedAt == .min || now - closedAt >= 10_000_000_000
        case .count(let calls): results.count >= calls
        }
    }

    mutating func go(_ new: CircuitBreaker.State, _ now: Int64, resets: Bool = false, retryAfter: Double = 0) {
        if resets || (state == .closed && isLongClosed(now)) { openings = 0 }
        state = new
        epoch += 1
        probeResults = []
        switch new {
        case .closed, .ramping:
            streak = 0
            closedAt = now
            if new == .ramping { climb(to: 0, now) } else { results = [] }
        case .open:
            openings += 1
            var time = 2e9
            for _ in 1..<openings { time = min(60e9, time * 2) }
            time *= 1 + options.open.jitter * (2 * random.unit() - 1)
            until = now + max(1, Int64(max(time, min(retryAfter, 60e9))))
        case .halfOpen: until = now + 10_000_000_000
        }
    }

    mutating func climb(to next: Int, _ now: Int64) {
        step = next
        stepCalls = 0
        unheard = 0
        // Each step lets twice as many through: all ramps of this test are made so.
        share = options.rampUp!.share
        for _ in 0..<next { share *= 2 }
        results = []
        until = now + options.rampUp!.duration.nanosecondsSaturated / Int64(options.rampUp!.steps)
    }

    /// The calls of this epoch that are slow already: their eighth of the slow-call duration has ended so long ago.
    func slowNow(_ now: Int64) -> Int {
        guard let slow = options.slowCall?.duration.nanosecondsSaturated else { return 0 }
        let width = slow / 8 + 1
        return underWay.values.filter {
            $0.epoch == epoch && $0.isWatched && ($0.start / width + 1) * width + slow <= now
        }.count
    }

    func total(_ now: Int64) -> (calls: Int, failed: Int, slow: Int) {
        let window = window(now)
        let slow = slowNow(now)
        return (window.count + slow, window.filter(\.failed).count, window.filter(\.slow).count + slow)
    }

    func window(_ now: Int64) -> ArraySlice<(bucket: Int64, failed: Bool, slow: Bool)> {
        switch options.window {
        case .time: results.filter { $0.bucket > now / 1_000_000_000 - 10 }[...]
        case .count(let calls): results.suffix(calls)
        }
    }

    func isBad(_ now: Int64) -> Bool {
        let (calls, failed, slow) = total(now)
        if let rate = options.failureRate, Double(failed) >= rate * Double(calls) { return true }
        if let rate = options.slowCall?.rate, Double(slow) >= rate * Double(calls) { return true }
        let bad = window(now).filter { $0.failed || $0.slow }.count + slowNow(now)
        if let rate = options.badRate, Double(bad) >= rate * Double(calls) { return true }
        return false
    }

    func rulesTrip(_ now: Int64) -> Bool {
        if let limit = options.consecutiveFailures, streak >= limit { return true }
        var minimum = options.minimumCalls
        if case .count(let calls) = options.window { minimum = min(minimum, calls) }
        return total(now).calls >= minimum && isBad(now)
    }

    mutating func checkStep(_ now: Int64) {
        guard let ramp = options.rampUp else { return go(.closed, now, resets: true) }
        let calls = total(now).calls
        if now < until { return }
        if calls == 0 {
            if unheard >= options.halfOpen.probes, now - unheardSince >= 10_000_000_000 { go(.open, now) }
            return
        }
        if isBad(now) { return calls < options.halfOpen.probes ? () : go(.open, now) }
        step + 1 >= ramp.steps ? go(.closed, now, resets: true) : climb(to: step + 1, now)
    }

    mutating func decide(_ now: Int64, retryAfter: Double = 0) {
        let probes = options.halfOpen.probes
        func share(_ rate: Double?) -> Int { rate.map { max(1, Int(($0 * Double(probes)).rounded(.up))) } ?? .max }
        let needed = options.failureRate == nil ? 1 : share(options.failureRate)
        let (slowNeeded, badNeeded) = (share(options.slowCall?.rate), share(options.badRate))
        let missing = max(0, probes - probeResults.count)
        let failures = probeResults.filter(\.failed).count
        let slows = probeResults.filter(\.slow).count
        let bad = probeResults.filter { $0.failed || $0.slow }.count
        if failures >= needed || slows + slowNow(now) >= slowNeeded || bad + slowNow(now) >= badNeeded {
            return go(.open, now, retryAfter: retryAfter)
        }
        if failures + missing < needed, slows + missing < slowNeeded, bad + missing < badNeeded {
            go(options.rampUp == nil ? .closed : .ramping, now)
        }
    }

    enum Answer {
        /// The number of the call; nil when its result is not the machine's business.
        case admitted(Int?)
        case refused
    }

    /// Whether the call may be made in the mode.
    mutating func answer(_ now: Int64) -> Answer {
        switch mode {
        case .disabled: return .admitted(nil)
        case .forcedOpen: return .refused
        case .enforced: return acquire(now).map { .admitted($0) } ?? .refused
        case .shadow, .forcedClosed: return .admitted(acquire(now))
        }
    }

    /// The number of the call, if the machine admits it.
    mutating func acquire(_ now: Int64) -> Int? {
        switch state {
        case .open: if now >= until { go(.halfOpen, now) }
        case .halfOpen: now >= until ? go(.open, now) : decide(now)
        case .closed, .ramping:
            if slowNow(now) > 0, rulesTrip(now) { go(.open, now) }
            if state == .ramping { checkStep(now) }
        }
        switch state {
        case .open: return nil
        case .halfOpen:
            let probesUnderWay = underWay.values.filter { $0.epoch == epoch }.count
            if probesUnderWay + probeResults.count >= options.halfOpen.probes { return nil }
        case .ramping:
            // The share of the first calls of a step, as a whole number that rounds up: it grows when this one passes.
            stepCalls += 1
            let passed = (Double(stepCalls) * share).rounded(.up)
            if passed == (Double(stepCalls - 1) * share).rounded(.up) { return nil }
            if unheard == 0 { unheardSince = now }
            unheard += 1
        case .closed: break
        }
        nextID += 1
        underWay[nextID] = Call(epoch: epoch, start: now)
        return nextID
    }

    mutating func abandon(_ id: Int) {
        underWay[id] = nil
    }

    mutating func record(_ id: Int, _ verdict: Verdict, slow: Bool, retryAfter: Double, _ now: Int64) {
        let call = underWay.removeValue(forKey: id)!
        if call.epoch != epoch || verdict == .ignore || mode == .disabled || mode == .forcedOpen { return }
        let failed = verdict != .success
        if state == .halfOpen {
            probeResults.append((failed, slow))
            return decide(now, retryAfter: retryAfter)
        }
        results.append((now / 1_000_000_000, failed, slow))
        unheard = 0
        if verdict == .success { streak = 0 } else if verdict == .failure { streak += 1 }
        if rulesTrip(now) { return go(.open, now, retryAfter: retryAfter) }
        if state == .ramping { checkStep(now) }
    }

    mutating func configure(_ new: CircuitBreakerOptions) {
        if new.slowCall?.duration != options.slowCall?.duration {
            for id in underWay.keys { underWay[id]?.isWatched = false }
        }
        if new.window != options.window { results = [] }
        options = new
    }
}

@Suite("A breaker under random schedules")
struct CircuitBreakerModelTests {
    /// Options whose time window, open time and probing the model has built in.
    func options(_ random: inout SplitMix64) -> CircuitBreakerOptions {
        let steps = random.int(in: 1...3)
        let slowCall: CircuitBreakerOptions.SlowCall? =
            random.chance(0.6) ? .init(duration: .milliseconds(random.chance(0.5) ? 100 : 900), rate: 0.6) : nil
        let failureRate: Double? = random.chance(0.9) ? 0.5 : nil
        // Something has to be able to open it.
        let hasStreak = (failureRate == nil && slowCall == nil) || random.chance(0.5)
        return CircuitBreakerOptions(
            window: random.chance(0.6) ? .time(.seconds(10)) : .count(random.int(in: 1...25)),
            failureRate: failureRate, slowCall: slowCall,
            badRate: slowCall != nil && random.chance(0.5) ? 0.75 : nil,
            consecutiveFailures: hasStreak ? random.int(in: 2...6) : nil, minimumCalls: random.int(in: 2...12),
            open: .init(base: .seconds(2), cap: .seconds(60), jitter: random.chance(0.5) ? 0 : 0.5),
            halfOpen: .init(probes: random.int(in: 1...6), maximumDuration: .seconds(10)),
            rampUp: random.chance(0.5)
                ? .init(duration: .seconds(random.int(in: 1...6)), share: [0.5, 0.25, 0.125][steps - 1], steps: steps)
                : nil)
    }

    @Test(
        "it agrees with a naive model after every step, also when options and mode change under way and it is reset",
        arguments: Seeds.some(60))
    func agreesWithModel(seed: UInt64) throws {
        var random = SplitMix64(seed: seed)
        let first = options(&random)
        let clock = ManualClock(start: .seconds(50))
        let breaker = try CircuitBreaker(first, time: clock.source, seed: seed)
        var model = NaiveBreaker(options: first, random: SplitMix64(seed: seed))
        var calls: [(ticket: CircuitBreaker.Ticket, id: Int?, start: Int64)] = []
        var health = 0.5
        var visited: Set<CircuitBreaker.State> = []
        for step in 0..<2_000 {
            let now = clock.now
            switch random.int(in: 0...99) {
            case 0..<42:
                let admission = breaker.admit(at: now)
                switch (admission, model.answer(now.nanoseconds)) {
                case (.admitted(let ticket), .admitted(let id)) where ticket.isAdmitted == (id != nil):
                    calls.append((ticket, id, now.nanoseconds))
                case (.refused, .refused): break
                case (_, let expected):
                    Issue.record("seed \(seed) step \(step): admission \(admission), model \(expected)")
                    return
                }
            case 42..<84 where !calls.isEmpty:
                // Mostly the oldest, so that calls hang now and then and end mostly.
                let call = calls.remove(at: random.chance(0.7) ? 0 : random.int(in: 0...calls.count - 1))
                let duration = now.nanoseconds - call.start
                let isSlow = model.options.slowCall.map { duration > $0.duration.nanosecondsSaturated } ?? false
                let verdict: Verdict =
                    random.chance(0.05)
                    ? .ignore : random.chance(0.05) ? .throttled : random.chance(health) ? .success : .failure
                let retryAfter = random.chance(0.1) ? random.int(in: 0...100) : 0
                breaker.record(
                    call.ticket, verdict, duration: duration, retryAfter: .seconds(retryAfter), at: now)
                if let id = call.id {
                    model.record(id, verdict, slow: isSlow, retryAfter: Double(retryAfter) * 1e9, now.nanoseconds)
                }
            case 84..<87 where !calls.isEmpty:
                let call = calls.remove(at: random.int(in: 0...calls.count - 1))
                breaker.abandon(call.ticket)
                if let id = call.id { model.abandon(id) }
            case 87..<90:
                health = Double(random.int(in: 0...10)) / 10
            case 90:
                let new = options(&random)
                let mode = random.chance(0.6) ? .enforced : PolicyMode.allCases[random.int(in: 0...4)]
                try breaker.configure(new, mode: mode)
                model.configure(new)
                model.mode = mode
            case 91 where random.chance(0.1):
                breaker.reset()
                model.go(.closed, now.nanoseconds, resets: true)
            default:
                clock.advance(by: .milliseconds(random.int(in: 0...(random.chance(0.2) ? 2_500 : 120))))
            }
            visited.insert(model.state)
            // Looking ends the round of what is counted without the lock, so not after every step.
            if random.chance(0.7) { continue }
            let status = breaker.status
            try #require(status.state == model.state, "seed \(seed) step \(step)")
            let (expected, at) = (model.total(clock.now.nanoseconds), clock.now.nanoseconds)
            if model.state == .closed || model.state == .ramping {
                try #require(
                    status.calls + status.slowCallsUnderWay == expected.calls, "seed \(seed) step \(step)")
                try #require(status.slowCallsUnderWay == model.slowNow(at), "seed \(seed) step \(step)")
            }
            if model.state == .open {
                try #require(
                    status.openFor == .nanoseconds(max(0, model.until - at)), "seed \(seed) step \(step): openings")
            }
        }
        #expect(visited.isSuperset(of: [.open, .halfOpen]), "seed \(seed)")
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
