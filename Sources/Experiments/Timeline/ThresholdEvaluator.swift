// SPDX-License-Identifier: Apache-2.0

internal import Foundation
package import Measurement
package import Scenarios

/// Holds a run against the thresholds of its script.
///
/// Response times are those of successes together with the requests that never got an answer (timeouts, aborted, never
/// started) at their age, so that waiting in vain can't make a percentile better. Fast failures are not among them: they
/// count in `success` and `errors`.
package struct ThresholdEvaluator {
    /// Outcomes whose response times a threshold looks at.
    package static let timed: Set<Outcome> = [.ok, .timeout, .aborted, .neverStarted]

    private let run: RunRecord

    package init(_ run: RunRecord) { self.run = run }

    /// The verdict on one threshold. One whose phase or journey has no requests is not passed: nothing was shown.
    package func evaluate(_ threshold: Scenario.Threshold) -> ThresholdResult {
        let phase: Phase?
        if let name = threshold.phase {
            guard let kind = Phase.Kind(rawValue: name), let found = run.phase(kind) else {
                return result(threshold, false, "the run has no phase '\(name)'")
            }
            phase = found
        } else {
            phase = nil
        }
        switch threshold.metric {
        case .recovery: return recovery(threshold)
        case .success, .errors:
            guard let success = run.successRatio(journey: threshold.journey, in: phase) else {
                return result(threshold, false, "no requests")
            }
            // Counted, not 1 - success: that is not exactly 1 % when 99 of 100 succeed.
            let all = run.count(SampleFilter(journey: threshold.journey, phase: phase))
            let good = run.count(SampleFilter(journey: threshold.journey, outcomes: [.ok], phase: phase))
            let value = threshold.metric == .success ? success : Double(all - good) / Double(all)
            return result(threshold, holds(value, threshold), Self.percentText(value))
        case .percentile, .mean, .max:
            let times = run.responseTime(
                SampleFilter(journey: threshold.journey, outcomes: Self.timed, phase: phase))
            let value: Double? =
                switch threshold.metric {
                case .percentile(let percent): times.percentile(percent).map { Double($0) }
                case .mean: times.mean
                default: times.max.map { Double($0) }
                }
            guard let value else { return result(threshold, false, "no requests") }
            return result(threshold, holds(value, threshold), Self.durationText(value))
        }
    }

    private func recovery(_ threshold: Scenario.Threshold) -> ThresholdResult {
        switch RecoveryTime.measure(run) {
        case .recovered(let time): result(threshold, holds(Double(time), threshold), Self.durationText(Double(time)))
        case .never(let time): result(threshold, false, "not within \(Self.durationText(Double(time)))")
        case .unknown: result(threshold, false, "the run has no baseline or no time after the fault")
        }
    }

    private func holds(_ value: Double, _ threshold: Scenario.Threshold) -> Bool {
        switch threshold.comparison {
        case .less: value < threshold.value
        case .lessOrEqual: value <= threshold.value
        case .greater: value > threshold.value
        case .greaterOrEqual: value >= threshold.value
        }
    }

    private func result(_ threshold: Scenario.Threshold, _ passed: Bool, _ measured: String) -> ThresholdResult {
        ThresholdResult(expression: threshold.expression, passed: passed, measured: measured)
    }

    /// "99.87 %": never rounded up to 100, since a failure must stay visible.
    static func percentText(_ ratio: Double) -> String {
        ratio == 1 ? "100 %" : String(format: "%.2f %%", min(ratio * 100, 99.99))
    }

    /// "312 ms", "1.25 s", "48.2 µs": three digits.
    static func durationText(_ nanoseconds: Double) -> String {
        let (value, unit) =
            nanoseconds >= 1e9
            ? (nanoseconds / 1e9, "s") : nanoseconds >= 1e6 ? (nanoseconds / 1e6, "ms") : (nanoseconds / 1e3, "µs")
        let digits = value >= 100 ? 0 : value >= 10 ? 1 : 2
        let text = String(format: "%.\(digits)f", value)
        return nanoseconds == 0 ? "0 s" : "\(text) \(unit)"
    }
}
