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
            failureRate = Self.threshold(options.failureRate)
            slowRate = Self.threshold(options.slowCall?.rate)
            badRate = Self.threshold(options.badRate)
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
            func share(_ threshold: Double) -> Int {
                threshold == .infinity ? .max : max(1, Int((threshold * Double(count)).rounded(.up)))
            }
            // Without a failure rate one failed probe is one too many.
            failedProbes = options.failureRate == nil ? 1 : share(failureRate)
            slowProbes = share(slowRate)
            badProbes = share(badRate)
            ramp = options.rampUp.map { RampLimits($0) }
        }

        /// A rate that calls are compared with, lower by 2⁻⁴⁰ of itself.
        ///
        /// Rates are inclusive, and most of them are no binary fractions: 0.55 × 100 is a little above 55 and 0.07 × 100
        /// above 7. The roundings of a rate and of its product with a count are some 2⁻⁵³; a whole call is at least
        /// 2⁻³² of what a window counts. In between nothing is taken for something else.
        private static func threshold(_ rate: Double?) -> Double {
            rate.map { $0 * (1 - 0x1p-40) } ?? .infinity
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
