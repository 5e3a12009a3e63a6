// SPDX-License-Identifier: Apache-2.0

internal import Resilience

/// What the callee says when it fails.
private struct Broken: Error {}

extension HotPath {
    /// The policies that stand by themselves, beside a pipeline.
    package static func policies() throws -> [HotPath] {
        let generous = RateLimiterOptions(rate: CallRate(1_000_000, per: .milliseconds(1)), burst: 1_000_000)
        let limiter = try RateLimiter(generous)
        let disabledLimiter = try RateLimiter(generous, mode: .disabled)
        let empty = try RateLimiter(RateLimiterOptions(rate: CallRate(1, per: .seconds(3600))))
        try empty.acquireNow()
        let keyed = try KeyedRateLimiter<Int>(generous)
        let limit = try AdaptiveLimit()
        let throttle = try AdaptiveThrottle()
        let shedder = try LoadShedder(LoadShedderOptions(limit: 64))
        let endpoints = try OutlierEjection([0, 1, 2])
        let hedge = try Hedge()
        let hedging = try Hedge(HedgeOptions(delay: .fixed(.seconds(60)), budget: nil))
        let enforced = [
            HotPath("rate-limiter-admitted") { count in
                for _ in 0..<count { try limiter.acquireNow() }
            },
            HotPath("rate-limiter-disabled") { count in
                for _ in 0..<count { try disabledLimiter.acquireNow() }
            },
            HotPath("rate-limiter-refused") { count in
                for _ in 0..<count { try? empty.acquireNow() }
            },
            HotPath("keyed-rate-limiter-admitted") { count in
                for key in 0..<count { try keyed.acquire(key & 1023) }
            },
            HotPath("adaptive-limit") { count in
                for _ in 0..<count { try limit.acquire().end(.completed) }
            },
            HotPath("adaptive-throttle") { count in
                for _ in 0..<count { try throttle.acquire().end(.success) }
            },
            HotPath("load-shedder") { count in
                for _ in 0..<count { try await shedder.acquire().release() }
            },
            HotPath("outlier-ejection") { count in
                for _ in 0..<count { endpoints.end(endpoints.begin(1), .success) }
            },
            HotPath("hedge-not-needed") { count in
                var sum = 0
                for index in 0..<count {
                    sum &+= try await hedge.run(idempotency: .safe) { context async throws(Rejection) in
                        context.attempt &+ index
                    }
                }
                consume(sum)
            },
            // The first attempt fails at once, which starts the second one without its delay.
            HotPath("hedge-started") { count in
                var sum = 0
                for _ in 0..<count {
                    sum &+= try await hedging.run(idempotency: .safe) { context async throws(Broken) in
                        if !context.isHedge { throw Broken() }
                        return context.attempt
                    }
                }
                consume(sum)
            },
        ]
        return try enforced + disabled()
    }

    /// Policies that are switched off: what an operator pays for having them at hand.
    private static func disabled() throws -> [HotPath] {
        let limit = try AdaptiveLimit(mode: .disabled)
        let throttle = try AdaptiveThrottle(mode: .disabled)
        let shedder = try LoadShedder(LoadShedderOptions(limit: 64), mode: .disabled)
        let endpoints = try OutlierEjection([0, 1, 2], mode: .disabled)
        let hedge = try Hedge(mode: .disabled)
        return [
            HotPath("adaptive-limit-disabled") { count in
                for _ in 0..<count { try limit.acquire().end(.completed) }
            },
            HotPath("adaptive-throttle-disabled") { count in
                for _ in 0..<count { try throttle.acquire().end(.success) }
            },
            HotPath("load-shedder-disabled") { count in
                for _ in 0..<count { try await shedder.acquire().release() }
            },
            HotPath("outlier-ejection-disabled") { count in
                for _ in 0..<count { endpoints.end(endpoints.begin(1), .success) }
            },
            HotPath("hedge-disabled") { count in
                var sum = 0
                for index in 0..<count {
                    sum &+= try await hedge.run(idempotency: .safe) { context async throws(Rejection) in
                        context.attempt &+ index
                    }
                }
                consume(sum)
            },
            // The bare closure, to be taken off the one above.
            HotPath("hedge-none") { count in
                var sum = 0
                for index in 0..<count { sum &+= try await attempt { $0.attempt &+ index } }
                consume(sum)
            },
        ]
    }

    /// What is left of a hedge that does nothing.
    @inline(never)
    private static func attempt(_ operation: @Sendable (CallContext) async throws(Rejection) -> Int) async throws -> Int
    {
        try await operation(CallContext(attempt: 1, idempotency: .safe))
    }
}
