// SPDX-License-Identifier: Apache-2.0

package import Measurement

/// The percentiles that reports show of a distribution, in nanoseconds.
///
/// A percentile is nil when there are too few samples to say it: a percentile p has a finite 95 % interval from order statistics
/// only when 1 − pⁿ − (1 − p)ⁿ ≥ 0.95, which takes 6 samples for the median, 29 for p90, 299 for p99 and 2 995 for
/// p99.9 (Le Boudec, Performance Evaluation, appendix A). The maximum is always said.
package struct Latency: Sendable, Equatable {
    package var count: UInt64
    package var p50: UInt64?
    package var p90: UInt64?
    package var p99: UInt64?
    package var p999: UInt64?
    package var max: UInt64?

    package init(_ histogram: LatencyHistogram) {
        count = histogram.count
        p50 = Self.percentile(50, of: histogram)
        p90 = Self.percentile(90, of: histogram)
        p99 = Self.percentile(99, of: histogram)
        p999 = Self.percentile(99.9, of: histogram)
        max = histogram.max
    }

    /// The p99 for 99, otherwise the p90.
    func tail(_ percent: Int) -> UInt64? { percent == 99 ? p99 : p90 }

    /// The percentile, or nil when the histogram has too few samples for it.
    package static func percentile(_ percent: Double, of histogram: LatencyHistogram) -> UInt64? {
        histogram.count >= samplesNeeded(for: percent) ? histogram.percentile(percent) : nil
    }

    /// Fewest samples from which a percentile is reported.
    package static func samplesNeeded(for percent: Double) -> UInt64 {
        switch percent {
        case ...50: 6
        case ...90: 29
        case ...95: 59
        case ...99: 299
        case ...99.9: 2_995
        default: 29_956
        }
    }
}
