// SPDX-License-Identifier: Apache-2.0

internal import Foundation
package import Measurement
package import Scenarios

/// Holds a run, finished or under way, against the thresholds of its script.
///
/// Over a whole part of the run a threshold is judged from the merged histograms of all its requests. A sliding window moves in
/// steps of one second, the resolution of a record, and covers the requests that were *due* in it (`goodput`: answers that
/// came in it); every window that lies wholly in the part must hold. Windows in which nothing came due are passed over.
///
/// While a run is under way, requests in flight count as if they were going to end in the best way for the threshold, so
/// that whatever is missed live stays missed.
package struct ThresholdEvaluator {
    private let run: RunRecord
    private let inFlight: UInt64
    /// End of the last second that was played to its end.
    private let endSecond: Int

    /// - Parameters:
    ///   - run: A record with its phases, or as much of one as there is so far.
    ///   - inFlight: Requests that are under way; 0 for a finished run.
    package init(_ run: RunRecord, inFlight: UInt64 = 0) {
        self.run = run
        self.inFlight = inFlight
        endSecond = Int(min(run.plannedNanoseconds, run.actualNanoseconds) / 1_000_000_000)
    }

    /// The verdict on one threshold. One about which nothing was measured is not passed, and says why.
    package func evaluate(_ threshold: Scenario.Threshold) -> ThresholdResult {
        switch finding(threshold) {
        case .value(let value, let window):
            var measured = Self.text(value, threshold.metric)
            if let window { measured += " in \(window.lowerBound)–\(window.upperBound) s" }
            return ThresholdResult(
                expression: threshold.expression, passed: threshold.comparison.holds(value, threshold.value),
                measured: measured)
        case .missed(let words):
            return ThresholdResult(expression: threshold.expression, passed: false, measured: words)
        case .nothing(let reason):
            return ThresholdResult(
                expression: threshold.expression, passed: false, measured: "–", problem: reason)
        }
    }

    private enum Finding {
        /// What was measured; of several windows the worst, with its seconds.
        case value(Double, window: Range<Int>?)
        /// Missed without a value.
        case missed(String)
        /// Nothing was shown.
        case nothing(String)
    }

    private func finding(_ threshold: Scenario.Threshold) -> Finding {
        if threshold.metric == .recovery { return recovery() }
        let phase: Phase?
        switch threshold.part {
        case nil: phase = nil
        case .phase(let name):
            guard let kind = Phase.Kind(rawValue: name), let found = run.phase(kind) else {
                return .nothing("the run has no phase '\(name)'")
            }
            phase = found
        case .time(let from, let to):
            phase = Phase(kind: .whole, startNanoseconds: from.nanoseconds, endNanoseconds: to.nanoseconds)
        }
        let slices = phase.map(run.slices(in:)) ?? run.measuredSlices
        let steps = run.steps.indices.filter { index in
            (threshold.journey.map { $0 == run.steps[index].journey } ?? true)
                && (threshold.step.map { $0 == run.steps[index].label } ?? true)
        }
        guard !slices.isEmpty else { return .nothing("nothing was measured in its time") }
        let samples = ThresholdSamples(
            steps: Set(steps), checks: run.checks, inFlight: inFlight, prefersHigh: threshold.prefersHigh,
            holds: { threshold.comparison.holds($0, threshold.value) })
        if let window = threshold.windowSeconds { return worst(threshold, samples, slices, window) }
        let (counted, seconds) = run.countedSeconds(of: phase)
        guard let value = samples.value(of: threshold.metric, counted[...], seconds: seconds) else {
            return .nothing("no requests")
        }
        return .value(value, window: nil)
    }

    /// The worst of the windows, the first of equals.
    private func worst(
        _ threshold: Scenario.Threshold, _ samples: ThresholdSamples, _ slices: [Slice], _ window: Int
    ) -> Finding {
        let played = slices.filter { $0.second < endSecond }
        guard played.count >= window else {
            return .nothing("only \(played.count) s were measured in its time, less than a window of \(window) s")
        }
        var worst: (value: Double, window: Range<Int>)?
        for start in 0...(played.count - window) {
            let value = samples.value(of: threshold.metric, played[start..<start + window], seconds: Double(window))
            guard let value, worst.map({ threshold.isWorse(value, than: $0.value) }) ?? true else { continue }
            worst = (value, played[start].second..<played[start].second + window)
        }
        return worst.map { .value($0.value, window: $0.window) } ?? .nothing("no requests")
    }

    private func recovery() -> Finding {
        switch RecoveryTime.measure(run) {
        case .recovered(let time): .value(Double(time), window: nil)
        case .never(let time): .missed("not within \(Self.durationText(Double(time)))")
        case .unknown: .nothing("the run has no baseline or no time after the fault")
        }
    }

    // MARK: - Words

    /// A measured value as the report shows it.
    static func text(_ value: Double, _ metric: Scenario.Threshold.Metric) -> String {
        switch metric {
        case .time, .recovery: durationText(value)
        case .share, .check: percentText(value)
        case .number: String(UInt64(max(0, min(value, 1e18))))
        case .rate, .goodput: String(format: value >= 100 ? "%.0f/s" : "%.1f/s", value)
        }
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

extension Scenario.Threshold {
    /// Whether a higher value is the better one.
    fileprivate var prefersHigh: Bool {
        [.greater, .greaterOrEqual].contains(comparison) || comparison == .equal && isHighest
    }

    /// Whether the limit is the highest value that there is, all of the requests.
    private var isHighest: Bool {
        switch metric {
        case .share, .check: value == 1
        case .time, .number, .rate, .goodput, .recovery: false
        }
    }

    /// Whether a value that misses the threshold may still turn into one that meets it as requests under way end well. Only
    /// limits of none and of all can't be reached again.
    var isOpenWhileInFlight: Bool { comparison == .equal && value > 0 && !isHighest }

    fileprivate func isWorse(_ value: Double, than other: Double) -> Bool {
        switch comparison {
        case .less, .lessOrEqual: value > other
        case .greater, .greaterOrEqual: value < other
        case .equal, .notEqual: comparison.holds(other, self.value) && !comparison.holds(value, self.value)
        }
    }
}
