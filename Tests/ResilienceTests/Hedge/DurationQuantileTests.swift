// SPDX-License-Identifier: Apache-2.0

internal import Glibc
internal import TestSupport
internal import Testing

@testable internal import Resilience

@Suite("The quantile of durations")
struct DurationQuantileTests {
    private static let second: Int64 = 1_000_000_000
    private static let millisecond = 1_000_000.0

    /// Shapes that response times have.
    enum Distribution: String, CaseIterable, CustomTestStringConvertible {
        case constant, uniform, exponential, logNormal, bimodal, heavyTail, microseconds

        var testDescription: String { rawValue }

        func sample(_ random: inout SplitMix64) -> Int64 {
            func unit() -> Double { Double.random(in: 1e-12..<1, using: &random) }
            let milliseconds =
                switch self {
                case .constant: 20.0
                case .uniform: 5 + 95 * unit()
                case .exponential: -10 * log(unit())
                case .logNormal: exp(2 + 0.8 * (-2 * log(unit())).squareRoot() * cos(2 * .pi * unit()))
                case .bimodal: unit() < 0.93 ? 4 + unit() : 300 + 100 * unit()
                case .heavyTail: 2 / pow(unit(), 1 / 1.5)
                case .microseconds: 0.003 + 0.03 * unit()
                }
            return Int64(milliseconds * 1e6)
        }
    }

    private func known(_ estimator: inout DurationQuantile, at now: Int64) throws -> Int64 {
        let estimate = estimator.estimate(at: now)
        return try #require(estimate)
    }

    private func isKnown(_ estimator: inout DurationQuantile, at now: Int64) -> Bool {
        estimator.estimate(at: now) != nil
    }

    private func exact(_ samples: [Int64], _ quantile: Double) -> Int64 {
        let sorted = samples.sorted()
        return sorted[max(0, Int((quantile * Double(sorted.count)).rounded(.up)) - 1)]
    }

    @Test(
        "is at most 1/16 (or 1 µs) off the exact one", arguments: Distribution.allCases, [0.5, 0.9, 0.95, 0.99, 0.999])
    func errorBound(distribution: Distribution, quantile: Double) throws {
        for (seed, count) in zip(Seeds.some(4), [100, 101, 997, 20_000]) {
            var random = SplitMix64(seed: seed)
            var estimator = DurationQuantile(quantile, window: 60 * Self.second, minimum: 100)
            let samples = (0..<count).map { _ in distribution.sample(&random) }
            // The estimate is made anew when a sixteenth of the samples is new; asking before every sample makes that
            // as late as possible, so the last sixteenth is recorded before the first question.
            for sample in samples { estimator.record(sample, isComplete: true, at: 0) }
            let estimate = try known(&estimator, at: 0)
            let exact = exact(samples, quantile)
            let bound = max(1_024, exact / 16 + 1)
            #expect(abs(estimate - exact) <= bound, "seed \(seed), \(count): \(estimate) for \(exact)")
        }
    }

    @Test("stays off until there are 100 complete samples (failsafe-go: no hedge during warm-up)")
    func warmUp() {
        var estimator = DurationQuantile(0.95, window: 60 * Self.second, minimum: 100)
        for _ in 0..<500 { estimator.record(5_000_000, isComplete: false, at: 0) }
        let known1 = isKnown(&estimator, at: 0)
        #expect(!known1, "what was cut short does not say how long calls take")
        for _ in 0..<99 { estimator.record(5_000_000, isComplete: true, at: 0) }
        let known2 = isKnown(&estimator, at: 0)
        #expect(!known2)
        estimator.record(5_000_000, isComplete: true, at: 0)
        for _ in 0..<40 { estimator.record(5_000_000, isComplete: true, at: 0) }
        let known3 = isKnown(&estimator, at: 0)
        #expect(known3)
    }

    @Test("forgets what is older than the window, by quarters, and is off again when nothing is left")
    func window() throws {
        var estimator = DurationQuantile(0.5, window: 40 * Self.second, minimum: 20)
        for second in 0..<10 {
            for _ in 0..<100 {
                estimator.record(100_000_000, isComplete: true, at: Int64(second) * Self.second)
            }
        }
        for second in 10..<20 {
            for _ in 0..<110 {
                estimator.record(1_000_000, isComplete: true, at: Int64(second) * Self.second)
            }
        }
        let quick = try known(&estimator, at: 20 * Self.second)
        #expect(quick < 2_000_000)
        #expect(estimator.count == 2_100)
        let known4 = isKnown(&estimator, at: 39 * Self.second)
        #expect(known4)
        #expect(estimator.count == 2_100)
        let known5 = isKnown(&estimator, at: 40 * Self.second)
        #expect(known5)
        #expect(estimator.count == 1_100, "the first ten seconds are gone")
        let known6 = isKnown(&estimator, at: 50 * Self.second)
        #expect(!known6)
        #expect(estimator.count == 0)
        estimator.record(1, isComplete: true, at: 1_000_000 * Self.second)
        #expect(estimator.count == 1)
    }

    @Test("takes any number: negative, zero and the greatest fall into the outermost buckets")
    func extremes() throws {
        var estimator = DurationQuantile(0.5, window: 4, minimum: 1)
        for value in [Int64.min, -1, 0] { estimator.record(value, isComplete: true, at: 0) }
        let least = try known(&estimator, at: 0)
        #expect(least <= 1_024)
        for _ in 0..<10 { estimator.record(.max, isComplete: true, at: 0) }
        let greatest = try known(&estimator, at: 0)
        #expect(greatest > 260 * Self.second)
        let known7 = isKnown(&estimator, at: .max)
        #expect(!known7)
        estimator.record(5, isComplete: true, at: .max)
    }

    @Test(
        "is not moved by hedges that cut slow calls short, where forgetting them or taking their age for their duration moves it",
        arguments: [Distribution.exponential, .logNormal, .heavyTail])
    func censored(distribution: Distribution) throws {
        var random = SplitMix64(seed: 11)
        let truth = exact((0..<200_000).map { _ in distribution.sample(&random) }, 0.95)
        /// What the quantile comes to when hedges run at it for a while; `learn` is given duration and age at the end.
        func settles(_ learn: (inout DurationQuantile, _ duration: Int64, _ cut: Int64?, _ now: Int64) -> Void)
            throws -> Double
        {
            var estimator = DurationQuantile(0.95, window: 60 * Self.second, minimum: 100)
            var now: Int64 = 0
            for _ in 0..<30_000 {
                // 200 calls a second: 12,000 in a window, two and a half windows.
                now += 5_000_000
                let duration = distribution.sample(&random)
                var cut: Int64?
                if let delay = estimator.estimate(at: now), duration > delay {
                    let hedged = delay + distribution.sample(&random)
                    if hedged < duration { cut = hedged }
                }
                learn(&estimator, duration, cut, now)
            }
            return Double(try known(&estimator, at: now)) / Double(truth)
        }
        let ours = try settles { $0.record($2 ?? $1, isComplete: $2 == nil, at: $3) }
        #expect((0.88...1.12).contains(ours), "\(ours)")
        let forgetting = try settles { if $2 == nil { $0.record($1, isComplete: true, at: $3) } }
        #expect(forgetting < ours - 0.05, "\(forgetting) when the losers are forgotten")
    }

    @Test("goes up with a callee that has become slower, although all that is slow is cut short")
    func drift() throws {
        var random = SplitMix64(seed: 5)
        var estimator = DurationQuantile(0.95, window: 20 * Self.second, minimum: 100)
        var now: Int64 = 0
        func calls(_ count: Int, factor: Int64) {
            for _ in 0..<count {
                now += 10_000_000
                let duration = Distribution.exponential.sample(&random) * factor
                let delay = estimator.estimate(at: now) ?? .max
                let hedged = delay.addingSaturated(Distribution.exponential.sample(&random) * factor)
                estimator.record(min(duration, hedged), isComplete: duration <= hedged, at: now)
            }
        }
        calls(4_000, factor: 1)
        let before = try known(&estimator, at: now)
        calls(12_000, factor: 10)
        let ratio = Double(try known(&estimator, at: now)) / Double(before)
        #expect((8...12).contains(ratio), "\(ratio)")
    }
}
