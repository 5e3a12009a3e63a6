// SPDX-License-Identifier: Apache-2.0

internal import Measurement
internal import Scenarios

/// Takes the value of a metric from some seconds of a run.
struct ThresholdSamples {
    /// Indices of the steps in question.
    let steps: Set<Int>
    /// The checks of the run, which tallies refer to.
    let checks: [CheckInfo]
    /// Requests under way, which count as if they were going to end in the best way.
    let inFlight: UInt64
    /// Whether a higher value is the better one.
    let prefersHigh: Bool
    /// Whether the threshold holds for a value.
    let holds: (Double) -> Bool

    /// Outcomes whose times make the response time that goals and thresholds speak of: successes, and requests that gave up
    /// waiting for an answer.
    static let answers: Set<Outcome> = [.ok, .timeout, .noConnection, .aborted, .neverStarted]
    /// Requests that got no usable answer because something cut them off, at once or after a long wait.
    private static let cutOff: Set<Outcome> = [.connection, .tls, .malformed]

    /// Nil when no request has anything to say about it.
    ///
    /// - Parameter seconds: Length of the time that the slices cover.
    func value(of metric: Scenario.Threshold.Metric, _ slices: ArraySlice<Slice>, seconds: Double) -> Double? {
        switch metric {
        case .time(let statistic, .answers): return answerTime(statistic, slices)
        case .time(let statistic, let times):
            let service = times == .serviceTime
            return value(
                of: statistic, durations(slices, times == .all ? Set(Outcome.allCases) : [.ok], service: service))
        case .check(let name):
            let tally = tally(of: name, slices)
            guard tally.count > 0 else { return nil }
            return Double(tally.passed + (prefersHigh ? inFlight : 0)) / Double(tally.count + inFlight)
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

    private func value(of statistic: Scenario.Threshold.Statistic, _ ended: LatencyHistogram) -> Double? {
        var durations = ended
        // An hour is beyond any limit, and within what a histogram's mean can bear.
        if !durations.isEmpty { durations.record(prefersHigh ? 3_600_000_000_000 : 0, count: inFlight) }
        return switch statistic {
        case .percentile(let percent): durations.percentile(percent).map { Double($0) }
        case .mean: durations.mean
        case .min: durations.min.map { Double($0) }
        case .max: durations.max.map { Double($0) }
        }
    }

    /// The worse of two: over the requests that were answered or gave up waiting, and over those together with the ones that
    /// were cut off. So a server that resets after nine seconds is seen, and one that refuses at once flatters nothing.
    private func answerTime(_ statistic: Scenario.Threshold.Statistic, _ slices: ArraySlice<Slice>) -> Double? {
        var all = durations(slices, Self.cutOff)
        let answers = durations(slices, Self.answers)
        if all.isEmpty { return value(of: statistic, answers) }
        all.merge(answers)
        guard let whole = value(of: statistic, all) else { return nil }
        // Where nothing was answered, failures can miss a limit; that they are fast shows nothing.
        guard let answered = value(of: statistic, answers) else { return holds(whole) ? nil : whole }
        return prefersHigh ? min(answered, whole) : max(answered, whole)
    }

    private func durations(
        _ slices: ArraySlice<Slice>, _ outcomes: Set<Outcome>, service: Bool = false
    ) -> LatencyHistogram {
        var durations = LatencyHistogram()
        for sample in samples(slices, outcomes.contains) {
            durations.merge(service ? sample.serviceTime : sample.responseTime)
        }
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

    /// What the check of this name found in the steps in question.
    private func tally(of name: String, _ slices: ArraySlice<Slice>) -> CheckResult {
        let wanted = Set(checks.indices.filter { checks[$0].name == name && steps.contains(checks[$0].step) })
        var result = CheckResult(name: name, passed: 0, failed: 0)
        for tally in slices.lazy.flatMap(\.checks) where wanted.contains(tally.check) {
            result.passed += tally.passed
            result.failed += tally.failed
        }
        return result
    }

    private func count(_ slices: ArraySlice<Slice>, _ matches: (Outcome) -> Bool) -> UInt64 {
        samples(slices, matches).reduce(0) { $0 + $1.responseTime.count }
    }

    private func samples(_ slices: ArraySlice<Slice>, _ matches: (Outcome) -> Bool) -> [Sample] {
        slices.flatMap { slice in slice.samples.filter { steps.contains($0.step) && matches($0.outcome) } }
    }
}
