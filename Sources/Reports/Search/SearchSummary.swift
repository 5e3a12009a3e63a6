// SPDX-License-Identifier: Apache-2.0

package import Measurement

/// What every report of a search says, in the same words.
package struct SearchSummary: Sendable {
    /// All repetitions of one rate.
    package struct Level: Sendable {
        package var ratePerSecond: Double
        package var measurements: [SearchMeasurement]

        /// The valid ones.
        package var runs: [SearchMeasurement] { measurements.filter { $0.verdict != .invalid } }
        package var met: Int { measurements.count { $0.verdict == .met } }
        package var missed: Int { measurements.count { $0.verdict == .missed } }
        package var invalid: Int { measurements.count { $0.verdict == .invalid } }
        /// The percentile of each valid repetition, ascending.
        package func percentiles(_ percent: Double) -> [UInt64] {
            runs.compactMap { $0.responseTime.percentile(percent) }.sorted()
        }

        /// "3 of 3 met", "2 of 3 missed", "invalid".
        package var verdict: String {
            guard met + missed > 0 else { return "invalid" }
            return met > missed ? "\(met) of \(met + missed) met" : "\(missed) of \(met + missed) missed"
        }

        package var passes: Bool { met > missed }
    }

    package var record: SearchRecord
    /// In ascending order of rates.
    package var levels: [Level]

    package init(_ record: SearchRecord) {
        self.record = record
        let rates = Set(record.measurements.map(\.ratePerSecond)).sorted()
        levels = rates.map { rate in
            Level(ratePerSecond: rate, measurements: record.measurements.filter { $0.ratePerSecond == rate })
        }
    }

    /// The goal that the chart and the tables show, a percentile and perhaps its limit: the first of its kind, else p99.
    package var shown: (percent: Double, limitNanoseconds: Double?) {
        for goal in record.goals {
            if let percent = goal.percentile { return (percent, goal.limitNanoseconds) }
        }
        return (99, nil)
    }

    /// "p99", "p99.9".
    package var shownName: String { "p" + Format.plain(shown.percent) }

    // MARK: Words

    /// The answer in one sentence.
    package var headline: String {
        let answer = record.answer
        let low = answer.passing.map { Self.rate($0.ratePerSecond) }
        let high = answer.failing.map { Self.rate($0.ratePerSecond) }
        switch answer.end {
        case .bracketed:
            return "The capacity lies between \(low ?? "?") and \(high ?? "?")."
        case .aboveRange: return "The capacity is at least \(low ?? "?"), the highest rate that was tried."
        case .belowRange: return "The capacity is below \(high ?? "?"), the lowest rate that was tried."
        case .invalid, .stuck, .failed, .interrupted:
            let known =
                switch (low, high) {
                case (let low?, let high?): "the capacity lies between \(low) and \(high)"
                case (let low?, nil): "the capacity is at least \(low)"
                case (nil, let high?): "the capacity is below \(high)"
                case (nil, nil): "nothing is known yet"
                }
            return "The search ended early; \(known)."
        }
    }

    /// What stands behind the answer, a sentence each.
    package var details: [String] {
        let answer = record.answer
        var lines: [String] = []
        if let reason = answer.reason { lines.append(reason) }
        if let bound = answer.passing {
            lines.append(
                "\(Self.rate(bound.ratePerSecond)): \(bound.met) of \(Self.runs(bound.runs)) met the goals; with 95 % confidence "
                    + "a run there meets them with a probability of at least \(Format.percent(bound.probabilityAtLeast))"
            )
        }
        if let bound = answer.failing {
            lines.append(
                "\(Self.rate(bound.ratePerSecond)): \(bound.runs - bound.met) of \(Self.runs(bound.runs)) missed them; with 95 % "
                    + "confidence a run there misses them with a probability of at least \(Format.percent(bound.missProbabilityAtLeast))"
            )
        }
        return lines + record.notes
    }

    /// How it was searched, in one line.
    package var method: String {
        let options = record.options
        return "\(Self.rate(options.fromPerSecond)) to \(Self.rate(options.toPerSecond)), precision "
            + "\(Format.percent(options.precision)), \(options.repeats) \(options.repeats == 1 ? "run" : "runs") a level, "
            + "\(Format.seconds(options.levelNanoseconds)) each after \(Format.seconds(options.warmupNanoseconds)) of warm-up"
    }

    /// A rate as it was asked for, with up to four digits.
    package static func rate(_ perSecond: Double) -> String {
        perSecond == perSecond.rounded() && perSecond < 1e15
            ? Format.count(UInt64(perSecond)) + "/s" : Format.rate(perSecond)
    }

    private static func runs(_ count: Int) -> String { count == 1 ? "1 run" : "\(count) runs" }
}
