// SPDX-License-Identifier: Apache-2.0

internal import Measurement
internal import Scenarios

/// Takes the value of a metric from some seconds of a run.
struct ThresholdSamples {
    /// Indices of the steps in question.
    let steps: Set<Int>
    /// Requests under way, which count as if they were going to end in the best way.
    let inFlight: UInt64
    /// Whether a higher value is the better one.
    let prefersHigh: Bool

    /// Outcomes whose times make the response time that goals and thresholds speak of: successes, and requests that never got an
    /// answer.
    static let answers: Set<Outcome> = [.ok, .timeout, .noConnection, .aborted, .neverStarted]

    /// Nil when no request has anything to say about it.
    ///
    /// - Parameter seconds: Length of the time that the slices cover.
    func value(of metric: Scenario.Threshold.Metric, _ slices: ArraySlice<Slice>, seconds: Double) -> Double? {
        switch metric {
        case .time(let statistic, let times): return value(of: statistic, durations(times, slices))
        case .share(let kind):
            let (part, all) = counts(kind, slices)
            guard all > 0 else { return nil }
            // Counted, not 1 - another share: that is not exactly 1 % when 99 of 100 succeed.
            return Double(part + (prefersHigh ? inFlight : 0)) / Double(all + inFlight)
        case .number(let kind):
            let (part, all) = counts(kind, slices)
            return all > 0 ? Double(part + (prefersHigh ? inFlight : 0)) : nil
        case .rate:
            let sent = count(slices) { $0 != .neverStarted }
            return seconds > 0 ? Double(sent + (prefersHigh ? inFlight : 0)) / seconds : nil
        case .goodput:
            let good = slices.reduce(UInt64(0)) { $0 + $1.ended[.ok, default: 0] }
            return seconds > 0 ? Double(good) / seconds : nil
        case .recovery: return nil
        }
    }

    private func value(of statistic: Scenario.Threshold.Statistic, _ durations: LatencyHistogram) -> Double? {
        switch statistic {
        case .percentile(let percent): durations.percentile(percent).map { Double($0) }
        case .mean: durations.mean
        case .min: durations.min.map { Double($0) }
        case .max: durations.max.map { Double($0) }
        }
    }

    private func durations(_ times: Scenario.Threshold.Times, _ slices: ArraySlice<Slice>) -> LatencyHistogram {
        var durations = LatencyHistogram()
        for sample in samples(slices, { times.outcomes.contains($0) }) {
            durations.merge(times == .serviceTime ? sample.serviceTime : sample.responseTime)
        }
        // An hour is beyond any limit, and within what a histogram's mean can bear.
        if !durations.isEmpty { durations.record(prefersHigh ? 3_600_000_000_000 : 0, count: inFlight) }
        return durations
    }

    /// Those of the kind, and those out of which they are.
    private func counts(
        _ kind: Scenario.Threshold.Kind, _ slices: ArraySlice<Slice>
    ) -> (part: UInt64, all: UInt64) {
        let ok = { (outcome: Outcome) in outcome == .ok }
        switch kind {
        case .success: return (count(slices, ok), count(slices) { _ in true })
        case .errors: return (count(slices) { $0 != .ok }, count(slices) { _ in true })
        case .dropped: return (count(slices) { $0 == .neverStarted }, count(slices) { _ in true })
        case .checks: return (count(slices, ok), count(slices) { $0 == .ok || $0 == .checkFailed })
        case .requests:
            let all = count(slices) { _ in true }
            return (all, all)
        }
    }

    private func count(_ slices: ArraySlice<Slice>, _ matches: (Outcome) -> Bool) -> UInt64 {
        samples(slices, matches).reduce(0) { $0 + $1.responseTime.count }
    }

    private func samples(_ slices: ArraySlice<Slice>, _ matches: (Outcome) -> Bool) -> [Sample] {
        slices.flatMap { slice in slice.samples.filter { steps.contains($0.step) && matches($0.outcome) } }
    }
}

extension Scenario.Threshold.Times {
    /// Outcomes whose times are looked at.
    fileprivate var outcomes: Set<Outcome> {
        switch self {
        case .answers: ThresholdSamples.answers
        case .successes, .serviceTime: [.ok]
        case .all: Set(Outcome.allCases)
        }
    }
}
