// SPDX-License-Identifier: Apache-2.0

import TestSupport
import Testing

@testable import Resilience

/// A policy that refuses the second of two calls at once, and with which reason.
private struct Refusing: Sendable, CustomTestStringConvertible {
    var kind: PolicyKind
    var options: ConfigurationMap
    var reason: Rejection.Reason
    /// What else has to be set.
    var beside: ConfigurationMap = .init()

    var testDescription: String { kind.rawValue }

    func edits(_ mode: PolicyMode) -> PolicyEdits? {
        var own = options
        own["mode"] = .string(mode.rawValue)
        var all = beside
        all[kind.rawValue] = .map(own)
        return try? PolicyEdits(.map(ConfigurationMap([.init("p", .map(all))])))
    }

    static let all = [
        Refusing(
            kind: .loadShedder,
            options: ConfigurationMap([.init("limit", 1), .init("queue", 0)]), reason: .shed),
        Refusing(
            kind: .loadShedder,
            options: ConfigurationMap([.init("limit", "adaptive"), .init("queue", 0)]), reason: .shed,
            beside: ConfigurationMap([
                .init("adaptive-limit", ["initial": 1, "max": 1, "mode": "shadow"])
            ])),
        Refusing(kind: .rateLimiter, options: ConfigurationMap([.init("rate", "1/h")]), reason: .rateLimited),
        Refusing(kind: .bulkhead, options: ConfigurationMap([.init("limit", 1)]), reason: .bulkheadFull),
        Refusing(
            kind: .adaptiveLimit, options: ConfigurationMap([.init("initial", 1), .init("max", 1)]),
            reason: .limitReached),
    ]
}

@Suite("Every policy that refuses calls, in a pipeline")
struct PolicyModesTests {
    let clock = ManualClock()

    /// Two calls, the second inside of the first.
    private func nestedCalls(_ pipeline: ResiliencePipeline) async throws -> Result<Int, ResilienceError<Never>> {
        try await pipeline.execute { _ in
            do throws(ResilienceError<Never>) {
                return .success(try await pipeline.execute { _ async throws(Never) -> Int in 2 })
            } catch {
                return .failure(error)
            }
        }
    }

    @Test(
        "enforced it refuses, in shadow mode it says so, disabled it sees nothing; a change counts at once",
        arguments: Refusing.all)
    fileprivate func modes(_ policy: Refusing) async throws {
        let registry = ResilienceRegistry(time: clock.source)
        let pipeline = registry.pipeline("p")
        try registry.apply(#require(policy.edits(.disabled)))
        #expect(try await nestedCalls(pipeline).get() == 2)
        try registry.apply(#require(policy.edits(.shadow)))
        #expect(try await nestedCalls(pipeline).get() == 2)
        #expect(pipeline.counters.shadowRejections(policy.reason) >= 1)
        #expect(pipeline.counters.rejections(policy.reason) == 0)
        clock.advance(by: .seconds(7200))
        try registry.apply(#require(policy.edits(.enforced)))
        let result = try await nestedCalls(pipeline)
        #expect(throws: ResilienceError<Never>.self) { try result.get() }
        #expect(pipeline.counters.rejections(policy.reason) == 1)
        try registry.apply(#require(policy.edits(.disabled)))
        #expect(try await nestedCalls(pipeline).get() == 2)
        #expect(pipeline.counters.rejections(policy.reason) == 1)
    }

    @Test("the breaker ignores what a policy further in refuses: its probe is given back", arguments: Refusing.all)
    fileprivate func ignoredByTheBreaker(_ policy: Refusing) async throws {
        let registry = ResilienceRegistry(time: clock.source)
        let pipeline = registry.pipeline("p")
        try registry.apply(#require(policy.edits(.enforced)))
        try registry.apply(PolicyEdits(["p": ["circuit-breaker": ["minimum-calls": 1]]]))
        _ = try await nestedCalls(pipeline)
        #expect(pipeline.circuitBreaker.status.calls == 1, "only the outer call")
        #expect(pipeline.circuitBreaker.status.state == .closed)
    }

    @Test("a refusal says when to come again, and a retry that fits the deadline waits for exactly that")
    func retriedWhenItFits() async throws {
        let registry = ResilienceRegistry(time: clock.source)
        try registry.apply(
            PolicyEdits([
                "p": ["deadline": "5s", "retry": ["backoff": "1ms"], "rate-limiter": ["rate": "1/s", "burst": 1]]
            ]))
        let pipeline = registry.pipeline("p")
        _ = try await pipeline.execute { _ in 1 }
        let clock = clock
        let start = clock.now
        let answer = try await clock.run {
            try await pipeline.execute { _ in clock.now }
        }
        let waited = start.duration(to: answer)
        #expect(waited >= .seconds(1) && waited <= .milliseconds(1_001))
        #expect(pipeline.counters.rejections(.rateLimited) == 1)
        #expect(pipeline.counters.retries == 1)
    }

    @Test(
        "a throttle counts calls before they are sent and its own refusals, and refuses what the callee does not serve")
    func throttle() async throws {
        let registry = ResilienceRegistry(time: clock.source, seed: 5)
        try registry.apply(PolicyEdits(["p": ["adaptive-throttle": ["multiplier": 1, "patience": "0s"]]]))
        let pipeline = registry.pipeline("p")
        for _ in 0..<200 { _ = try? await pipeline.execute { _ async throws(Broken) -> Int in throw Broken() } }
        let status = pipeline.adaptiveThrottle.status
        #expect(status.requests == 200, "refused ones included")
        #expect(status.accepts == 0)
        #expect(pipeline.counters.rejections(.throttled) > 100)
        #expect(pipeline.counters.attempts + pipeline.counters.rejections(.throttled) == 200)
    }

    @Test("an adaptive limit shrinks when attempts run into their limit, not when they fail quickly")
    func adaptiveLimitSamples() async throws {
        let registry = ResilienceRegistry(time: clock.source)
        try registry.apply(
            PolicyEdits([
                "p": [
                    "adaptive-limit": ["algorithm": "aimd", "window": "1ms", "minimum-calls": 1],
                    "attempt-timeout": "100ms",
                ]
            ]))
        let pipeline = registry.pipeline("p")
        let clock = clock
        for _ in 0..<10 {
            _ = try? await pipeline.execute { _ async throws(Broken) -> Int in
                clock.advance(by: .milliseconds(2))
                throw Broken()
            }
        }
        #expect(pipeline.adaptiveLimit.status.limit == 20)
        for _ in 0..<3 {
            _ = try? await clock.run {
                try await pipeline.execute { _ in
                    try await clock.source.sleep(until: .distantFuture)
                }
            }
        }
        #expect(pipeline.counters.timeouts == 3)
        #expect(pipeline.adaptiveLimit.status.limit < 20)
        #expect(pipeline.adaptiveLimit.status.inFlight == 0)
    }
}
