// SPDX-License-Identifier: Apache-2.0

import TestSupport
import Testing

@testable import Resilience

@Suite("A breaker that many tasks share", .timeLimit(.minutes(1)))
struct CircuitBreakerContentionTests {
    let clock = ManualClock()

    /// Runs the body in tasks at once, and adds up what they return.
    func sum(tasks: Int, _ body: @escaping @Sendable (Int) -> Int) async -> Int {
        await withTaskGroup(of: Int.self) { group in
            for index in 0..<tasks { group.addTask { body(index) } }
            return await group.reduce(0, +)
        }
    }

    @Test("no result is lost (gobreaker TestRollingWindowCircuitBreakerInParallel)", arguments: [true, false])
    func nothingIsLost(timeWindow: Bool) async throws {
        let breaker = try CircuitBreaker(
            CircuitBreakerOptions(window: timeWindow ? .time(.seconds(10)) : .count(50_000), failureRate: 1),
            time: clock.source)
        let recorded = await sum(tasks: 8) { task in
            for call in 0..<1_000 {
                guard let permit = try? breaker.acquire() else { return 0 }
                if (call + task) % 3 == 0 { permit.fail() } else { permit.succeed() }
            }
            return 1_000
        }
        #expect(recorded == 8_000)
        #expect(breaker.status.calls == 8_000)
        #expect(breaker.status.state == .closed)
    }

    @Test(
        "exactly as many probes are let through as there are slots, however many ask at once (tower-resilience contract)"
    )
    func probes() async throws {
        var options = CircuitBreakerOptions.small
        options.halfOpen.probes = 5
        let breaker = try CircuitBreaker(options, time: clock.source)
        for _ in 0..<30 {
            while breaker.status.state == .closed { (try? breaker.acquire())?.fail() }
            clock.advance(by: .seconds(200))
            let admitted = await sum(tasks: 8) { _ in
                (0..<20).reduce(0) { count, _ in
                    if case .admitted = breaker.admit(at: breaker.time.now()) { count + 1 } else { count }
                }
            }
            #expect(admitted == 5)
            // These probes never come back: the breaker has to open again by itself, and probe again.
            clock.advance(by: .seconds(200))
            #expect(throws: Rejection.self) { _ = try breaker.acquire() }
            clock.advance(by: .seconds(200))
            for _ in 0..<5 { (try? breaker.acquire())?.succeed() }
            #expect(breaker.status.state == .closed)
        }
    }

    @Test("changes of mode while calls are under way lose no call and leave the breaker usable")
    func toggling() async throws {
        let registry = ResilienceRegistry(time: clock.source, seed: 1)
        let pipeline = registry.pipeline("a")
        let modes: [ConfigurationValue] = ["enforced", "shadow", "disabled", "forced-closed", "forced-open"]
        await withTaskGroup(of: Void.self) { group in
            for _ in 0..<4 {
                group.addTask {
                    for call in 0..<500 {
                        _ = try? await pipeline.execute { _ async throws(Broken) -> Int in
                            if call % 4 == 0 { throw Broken() }
                            return call
                        }
                    }
                }
            }
            group.addTask {
                for round in 0..<200 {
                    try? registry.apply(PolicyEdits(["a": ["circuit-breaker": modes[round % modes.count]]]))
                    await Task.yield()
                }
            }
        }
        let counters = pipeline.counters
        #expect(counters.calls == 2_000)
        #expect(counters.successes + counters.failures == 2_000)
        try registry.apply(PolicyEdits(["a": ["circuit-breaker": "enforced"]]))
        pipeline.circuitBreaker.reset()
        #expect(try await pipeline.execute { _ in 1 } == 1)
    }
}
