// SPDX-License-Identifier: Apache-2.0

import TestSupport
import Testing

@testable import Resilience

@Suite("A retry budget")
struct RetryBudgetTests {
    private static let second: Int64 = 1_000_000_000

    /// Withdraws until nothing is left.
    private func drain(_ budget: inout RetryBudget.StateMachine, at now: Int64) -> Int {
        var count = 0
        while count < 1_000_000, budget.withdraw(at: now) { count += 1 }
        return count
    }

    @Test("a fifth of the calls and the floor may be repeated, and not one more")
    func ratioAndFloor() {
        var budget = RetryBudget.StateMachine(.init(ratio: 0.2, floorPerSecond: 3))
        for _ in 0..<100 { budget.earn(at: 0) }
        #expect(drain(&budget, at: 0) == 20 + 30)
    }

    @Test("what was earned is forgotten after ten seconds")
    func forgets() {
        var budget = RetryBudget.StateMachine(.init(ratio: 1, floorPerSecond: 0))
        for _ in 0..<5 { budget.earn(at: 0) }
        let answers = [budget.withdraw(at: 9_999_999_999), budget.withdraw(at: 10_000_000_000)]
        #expect(answers == [true, false])
    }

    @Test("what was spent is not charged to later calls when those that paid for it are forgotten (Finagle, Linkerd)")
    func retriesLeaveWithTheirCalls() {
        var budget = RetryBudget.StateMachine(.init(ratio: 0.2, floorPerSecond: 0))
        for _ in 0..<100 { budget.earn(at: 0) }
        #expect(drain(&budget, at: 9 * Self.second) == 20)
        for _ in 0..<10 { budget.earn(at: 10 * Self.second) }
        #expect(budget.balance(at: 10 * Self.second) == 2 * RetryBudget.StateMachine.retry)
        #expect(drain(&budget, at: 10 * Self.second) == 2)
    }

    @Test("the floor comes back as time goes by, and saves ten seconds of itself", arguments: [0.05, 0.5, 3, 1000])
    func floor(perSecond: Double) {
        var budget = RetryBudget.StateMachine(.init(ratio: 0, floorPerSecond: perSecond))
        let burst = max(1, Int(10 * perSecond))
        #expect(drain(&budget, at: 0) == burst)
        var now: Int64 = 0
        var retries = 0
        for _ in 0..<10_000 {
            now += 20_000_000
            if budget.withdraw(at: now) { retries += 1 }
        }
        #expect(abs(Double(retries) - min(10_000, 200 * perSecond)) <= 1, "200 seconds of it")
        #expect(drain(&budget, at: now + 3_600 * Self.second) == burst)
    }

    @Test("a small ratio counts, down to a millionth", arguments: [0.000_1, 0.000_01, 0.000_001, 0.000_000_1])
    func smallRatio(ratio: Double) {
        var budget = RetryBudget.StateMachine(.init(ratio: ratio, floorPerSecond: 0))
        let calls = Int((1 / max(ratio, 0.000_001)).rounded())
        for _ in 1..<calls { budget.earn(at: 0) }
        #expect(drain(&budget, at: 0) == 0)
        budget.earn(at: 0)
        #expect(drain(&budget, at: 0) == 1)
    }

    @Test("a retry that was not made comes back, and never more than was taken")
    func refund() {
        var budget = RetryBudget.StateMachine(.init(ratio: 1, floorPerSecond: 0))
        budget.earn(at: 0)
        var answers = [budget.withdraw(at: 0), budget.withdraw(at: 0)]
        budget.refund()
        budget.refund()
        answers += [budget.withdraw(at: 0), budget.withdraw(at: 0)]
        #expect(answers == [true, false, true, false])
    }

    @Test("other options count at once for what was earned and spent, and leave nothing overdrawn")
    func reconfigured() {
        var budget = RetryBudget.StateMachine(.init(ratio: 1, floorPerSecond: 1))
        for _ in 0..<20 { budget.earn(at: 0) }
        for _ in 0..<15 { _ = budget.withdraw(at: 0) }
        budget.configure(.init(ratio: 0.5, floorPerSecond: 0))
        #expect(budget.balance(at: 0) == 0)
        budget.configure(.init(ratio: 2, floorPerSecond: 0))
        #expect(budget.balance(at: 0) == 25 * RetryBudget.StateMachine.retry)
    }

    @Test(
        "it is never overdrawn, gives exactly what is there, and holds its bound in every period",
        arguments: Seeds.some(40))
    func bound(seed: UInt64) {
        var random = SplitMix64(seed: seed)
        let ratio = [0, 0.001, 0.2, 1, 10][random.int(in: 0...4)]
        let floor = [0, 0.05, 1, 3][random.int(in: 0...3)]
        var budget = RetryBudget.StateMachine(.init(ratio: ratio, floorPerSecond: floor))
        var events: [(instant: Int64, isCall: Bool)] = []
        var now: Int64 = -5_123_456_789
        for _ in 0..<600 {
            now += Int64(random.int(in: 0...(random.chance(0.02) ? 12_000_000_000 : 200_000_000)))
            if random.chance(0.6) {
                budget.earn(at: now)
                events.append((now, true))
                continue
            }
            let left = budget.balance(at: now)
            #expect(left >= 0, "seed \(seed)")
            let isAllowed = budget.withdraw(at: now)
            #expect(isAllowed == (left >= RetryBudget.StateMachine.retry), "seed \(seed)")
            #expect(budget.balance(at: now) == left - (isAllowed ? RetryBudget.StateMachine.retry : 0), "seed \(seed)")
            if isAllowed { events.append((now, false)) }
        }
        let burst = floor == 0 ? 0 : max(10 * floor, 1)
        for (first, start) in events.enumerated() where !start.isCall {
            var calls = events[..<first].filter { $0.isCall && $0.instant >= start.instant - 10 * Self.second }.count
            var retries = 0
            for event in events[first...] {
                if event.isCall { calls += 1 } else { retries += 1 }
                let seconds = Double(event.instant - start.instant) / 1e9
                let bound = ratio * Double(calls) + floor * seconds + burst
                if Double(retries) > bound + 1e-6 {
                    Issue.record("seed \(seed): \(retries) retries in \(seconds) s, at most \(bound)")
                    return
                }
            }
        }
    }

    @Test("retries that are given back are not lost, and no more are made than were earned", arguments: Seeds.some(40))
    func conserved(seed: UInt64) {
        var random = SplitMix64(seed: seed)
        let ratio = Double(random.int(in: 0...10)) / 10
        let floor = Double(random.int(in: 0...2))
        var budget = RetryBudget.StateMachine(.init(ratio: ratio, floorPerSecond: floor))
        var (calls, made, pending) = (0, 0, 0)
        var now: Int64 = 0
        for _ in 0..<3_000 {
            now += Int64(random.int(in: 0...100_000_000))
            switch random.int(in: 0...9) {
            case 0..<4:
                budget.earn(at: now)
                calls += 1
            case 4..<7: if budget.withdraw(at: now) { pending += 1 }
            case 7 where pending > 0:
                pending -= 1
                made += 1
            case 8 where pending > 0:
                pending -= 1
                budget.refund()
            default: budget.configure(.init(ratio: ratio, floorPerSecond: floor))
            }
            #expect(budget.balance(at: now) >= 0, "seed \(seed)")
            let bound = ratio * Double(calls) + floor * (Double(now) / 1e9 + 10)
            #expect(Double(made + pending) <= bound + 1e-6, "seed \(seed)")
        }
    }
}

@Suite("A retry budget in pipelines")
struct SharedRetryBudgetTests {
    let clock = ManualClock()

    func fail(_ pipeline: ResiliencePipeline) async {
        _ = try? await pipeline.execute(idempotency: .safe) { _ async throws(Broken) -> Int in throw Broken() }
    }

    private func faults(_ registry: ResilienceRegistry, _ tree: ConfigurationValue) -> [String] {
        do throws(ConfigurationFaults) {
            try registry.apply(PolicyEdits(tree))
            return []
        } catch {
            return error.faults.map(\.description)
        }
    }

    @Test("a call that a breaker refuses earns nothing")
    func refusedCalls() async throws {
        let pipeline = try ResiliencePipeline(name: "p", time: clock.source, seed: 1) {
            RetryOptions(attempts: 1, budget: .init(ratio: 1, floorPerSecond: 0))
            CircuitBreakerOptions(failureRate: nil, consecutiveFailures: 1)
        }
        for _ in 0..<10 { await fail(pipeline) }
        #expect(pipeline.counters.rejections(.circuitOpen) == 9)
        #expect(pipeline.retry.budget.balance(at: clock.now) == 1)
    }

    @Test("a hedged call earns once")
    func hedgedCalls() async throws {
        let pipeline = try ResiliencePipeline(name: "p", time: clock.source, seed: 1) {
            RetryOptions(attempts: 1, budget: .init(ratio: 1, floorPerSecond: 0))
            HedgeOptions(delay: .fixed(.zero), budget: nil)
        }
        for _ in 0..<3 { await fail(pipeline) }
        #expect(pipeline.retry.budget.balance(at: clock.now) == 3)
    }

    @Test("a retry that is refused before it reaches the callee is given back")
    func refusedRetry() async throws {
        let pipeline = try ResiliencePipeline(name: "p", time: clock.source, seed: 1) {
            RetryOptions(backoff: .constant(.zero), budget: .init(ratio: 0, floorPerSecond: 1))
            CircuitBreakerOptions(failureRate: nil, consecutiveFailures: 1)
        }
        await fail(pipeline)
        #expect(pipeline.counters.rejections(.circuitOpen) == 1)
        #expect(pipeline.counters.attempts == 1)
        #expect(pipeline.retry.budget.balance(at: clock.now) == 10)
    }

    @Test("a retry that is cancelled in a queue is given back")
    func queuedRetry() async throws {
        let pipeline = try ResiliencePipeline(name: "p", time: clock.source, seed: 1) {
            RetryOptions(backoff: .constant(.zero), budget: .init(ratio: 0, floorPerSecond: 1))
            RateLimiterOptions(rate: .perSecond(1), burst: 1, maximumWait: .seconds(10))
        }
        let task = Task { await fail(pipeline) }
        try await waitUntil("the retry waits for its turn") { pipeline.rateLimiter.status.waiting == 1 }
        #expect(pipeline.retry.budget.balance(at: clock.now) == 9)
        task.cancel()
        await task.value
        #expect(pipeline.retry.budget.balance(at: clock.now) == 10)
    }

    @Test("one object serves several pipelines, whatever their options say of the budget")
    func handedOver() async throws {
        let budget = try RetryBudget(.init(ratio: 0, floorPerSecond: 0.1))
        let pipelines = try ["a", "b"].map { name in
            try ResiliencePipeline(name: name, time: clock.source, seed: 1, retryBudget: budget) {
                RetryOptions(attempts: 2, backoff: .constant(.zero))
            }
        }
        for pipeline in pipelines { await fail(pipeline) }
        #expect(pipelines.map(\.counters.retries) == [1, 0])
        var configuration = pipelines[1].configuration
        configuration.retry.options?.budget = nil
        try pipelines[1].apply(configuration)
        #expect(budget.balance(at: clock.now) == 0)
        try budget.configure(.init(ratio: 0, floorPerSecond: 1))
        for pipeline in pipelines { await fail(pipeline) }
        #expect(pipelines.map(\.counters.retries) == [2, 1])
    }

    @Test("pipelines of a registry that name the same budget share it, also with those that come later")
    func named() async throws {
        let registry = ResilienceRegistry(time: clock.source, seed: 1)
        let shared: ConfigurationValue = [
            "attempts": 2, "backoff": "0s",
            "budget": ["shared": "comments", "ratio": 0, "floor-per-second": 0.2],
        ]
        try registry.apply(PolicyEdits(["a": ["retry": shared], "b": ["retry": shared]]))
        let (a, b) = (registry.pipeline("a"), registry.pipeline("b", partition: "host-1"))
        for pipeline in [a, b, a, b] { await fail(pipeline) }
        #expect([a.counters.retries, b.counters.retries] == [1, 1])
        #expect(a.retry.budget.balance(at: clock.now) == 0)
        #expect(b.retry.budget.balance(at: clock.now) == 0)

        // Other figures for both, and a budget of its own again.
        let more: ConfigurationValue = ["retry": ["budget": ["floor-per-second": 0.3]]]
        try registry.apply(PolicyEdits(["a": more, "b": more]))
        #expect(b.retry.budget.balance(at: clock.now) == 1)
        try registry.apply(PolicyEdits(["b": ["retry": ["budget": ["shared": "off"]]]]))
        #expect(b.retry.budget.balance(at: clock.now) == 3)
        #expect(a.retry.budget.balance(at: clock.now) == 1)
    }

    @Test("a budget that is named with different figures is refused with both")
    func contradicting() {
        let registry = ResilienceRegistry(time: clock.source, seed: 1)
        #expect(
            faults(
                registry,
                [
                    "a": ["retry": ["budget": ["shared": "x", "ratio": "10%"]]],
                    "b": ["retry": ["budget": ["shared": "x"]]],
                    "c": ["retry": ["budget": ["shared": "y"]]],
                ]) == [
                    "b: retry: budget: shares \"x\" with ratio 20% and floor-per-second 3.0, but a with ratio 10% and "
                        + "floor-per-second 3.0: give both the same figures in one edit"
                ])
        #expect(faults(registry, ["a": ["retry": ["budget": ["shared": ""]]]]).count == 1)
        #expect(faults(registry, ["all": ["retry": ["budget": ["shared": "x"]]], "a": ["retry": 4]]) == [])
        #expect(faults(registry, ["a": ["retry": ["budget": "30%"]]]).count == 1)
        #expect(faults(registry, ["all": ["retry": ["budget": "30%"]]]) == [])
    }

    @Test("options out of their bounds are refused")
    func hostile() throws {
        #expect(throws: ConfigurationFaults.self) { try RetryBudget(.init(ratio: .nan)) }
        #expect(throws: ConfigurationFaults.self) { try RetryBudget(.init(floorPerSecond: -1)) }
        let budget = try RetryBudget()
        #expect(throws: ConfigurationFaults.self) { try budget.configure(.init(ratio: .infinity)) }
        #expect(budget.balance(at: clock.now) == 30)
        try budget.configure(nil)
        #expect(budget.balance(at: clock.now) == nil)
    }
}
