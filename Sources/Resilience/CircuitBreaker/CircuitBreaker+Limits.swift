// SPDX-License-Identifier: Apache-2.0

extension CircuitBreaker {
    /// The options in the units of the state machine; "off" is a limit that nothing reaches.
    struct Limits: Sendable {
        var slowNanoseconds: Int64
        var failureRate: Double
        var slowRate: Double
        var badRate: Double
        var consecutiveFailures: Int
        var minimumCalls: Int
        var openNanoseconds: Double
        var openCapNanoseconds: Double
        var halfOpenNanoseconds: Int64
        var probes: Int
        var failedProbes: Int
        var slowProbes: Int
        var badProbes: Int
        var ramp: RampLimits?

        init(_ options: CircuitBreakerOptions) {
            slowNanoseconds = options.slowCall?.duration.nanosecondsSaturated ?? .max
            failureRate = options.failureRate ?? .infinity
            slowRate = options.slowCall?.rate ?? .infinity
            badRate = options.badRate ?? .infinity
            consecutiveFailures = options.consecutiveFailures ?? .max
            minimumCalls = options.minimumCalls
            // A count window never holds more than its size: a larger minimum would switch the rates off unseen.
            if case .count(let size) = options.window { minimumCalls = min(minimumCalls, size) }
            openNanoseconds = Double(options.open.base.nanosecondsSaturated)
            openCapNanoseconds = Double(options.open.effectiveCap.nanosecondsSaturated)
            let longest = max(options.open.base, (options.slowCall?.duration ?? .zero) * 2, .seconds(10))
            halfOpenNanoseconds = (options.halfOpen.maximumDuration ?? longest).nanosecondsSaturated
            let count = options.halfOpen.probes
            probes = count
            func share(_ rate: Double?) -> Int { rate.map { max(1, Int(($0 * Double(count)).rounded(.up))) } ?? .max }
            // Without a failure rate one failed probe is one too many.
            failedProbes = options.failureRate == nil ? 1 : share(options.failureRate)
            slowProbes = share(options.slowCall?.rate)
            badProbes = share(options.badRate)
            ramp = options.rampUp.map { RampLimits($0) }
        }

        /// Whether there is a threshold for slow calls.
        @inline(__always)
        var hasSlowCalls: Bool {
            slowNanoseconds != .max
        }

        /// The first rate that has reached its limit, in a fixed order.
        func cause(_ total: Tally) -> CircuitBreakerEvent.Cause? {
            let calls = Double(total.calls)
            if Double(total.failed) >= failureRate * calls { return .failureRate }
            if Double(total.slow) >= slowRate * calls { return .slowCallRate }
            if Double(total.bad) >= badRate * calls { return .badRate }
            return nil
        }

        /// Whether so many bad probes can't be outweighed by others.
        func haveFailed(probes: Tally) -> Bool {
            Int(probes.failed) >= failedProbes || Int(probes.slow) >= slowProbes || Int(probes.bad) >= badProbes
        }
    }
}
