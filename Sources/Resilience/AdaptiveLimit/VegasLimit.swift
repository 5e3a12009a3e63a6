// SPDX-License-Identifier: Apache-2.0

#if canImport(Glibc)
    internal import Glibc
#elseif canImport(Musl)
    internal import Musl
#elseif canImport(Darwin)
    internal import Darwin
#endif

/// TCP Vegas (Brakmo, Peterson, 1995) with the constants of Netflix' concurrency-limits: keeps a short queue at the
/// callee.
///
/// The queue is estimated as `⌈limit · (1 − baseline / round trip)⌉`. With l = max(1, log10 limit): at most l long,
/// the limit grows by 6 l; shorter than 3 l, by l; longer than 6 l, or when calls were dropped, it shrinks by l. The
/// baseline is the least round trip since the last probe; probes keep it from locking onto a lucky minimum.
public struct VegasLimit: LimitAlgorithm {
    private var estimate: Double
    private var bounds: LimitBounds
    private var baseline: Int64?

    /// An algorithm that starts at `initial` within `bounds`.
    public init(initial: Int, bounds: LimitBounds) {
        self.bounds = bounds
        estimate = bounds.clamp(Double(initial))
    }

    public var limit: Int {
        Int(estimate)
    }

    public var baselineNanoseconds: Int64? {
        baseline
    }

    public mutating func update(_ sample: LimitSample) {
        if let roundTrip = sample.roundTripNanoseconds {
            baseline = min(baseline ?? .max, max(1, roundTrip), bounds.maximumHealthyNanoseconds)
        }
        let step = max(1, log10(estimate))
        if bounds.isOverload(sample) {
            estimate = bounds.clamp(estimate - step)
            return
        }
        guard let roundTrip = sample.roundTripNanoseconds, let baseline, !sample.isApplicationLimited(estimate) else {
            return
        }
        let queue = (estimate * (1 - Double(baseline) / Double(max(1, roundTrip)))).rounded(.up)
        let change =
            if queue <= step { 6 * step } else if queue < 3 * step { step } else if queue > 6 * step { -step } else {
                0.0
            }
        estimate = bounds.clamp(estimate + change)
    }

    public mutating func rebase(roundTripNanoseconds: Int64) {
        baseline = min(max(1, roundTripNanoseconds), bounds.maximumHealthyNanoseconds)
    }

    public mutating func configure(_ bounds: LimitBounds) {
        self.bounds = bounds
        estimate = bounds.clamp(estimate)
        baseline = baseline.map { min($0, bounds.maximumHealthyNanoseconds) }
    }
}
