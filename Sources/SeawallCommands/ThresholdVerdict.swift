// SPDX-License-Identifier: Apache-2.0

internal import Measurement

/// What a record's thresholds say together, when they are not all met.
struct ThresholdVerdict {
    private let results: [ThresholdResult]
    private let aborted: [(variant: String, cause: String)]

    /// Nil when every threshold was met.
    init?(_ record: ExperimentRecord) {
        results = record.runs.flatMap(\.thresholds).filter { !$0.passed }
        aborted = record.runs.compactMap { run in run.abortedBy.map { (run.variant, $0) } }
        if results.isEmpty, aborted.isEmpty { return nil }
    }

    /// One line: how many were missed and how many could not be judged; and one for each run that was aborted.
    var text: String {
        let missed = results.count { $0.problem == nil }
        let unjudged = results.count - missed
        var parts: [String] = []
        if missed > 0 { parts.append(missed == 1 ? "1 threshold missed" : "\(missed) thresholds missed") }
        if unjudged > 0 {
            parts.append(
                "\(unjudged == 1 ? "1 threshold" : "\(unjudged) thresholds") could not be judged: "
                    + (results.first { $0.problem != nil }?.problem ?? "") + (unjudged > 1 ? ", …" : ""))
        }
        let lines = aborted.map { "  \($0.variant) was aborted: \($0.cause)" }
        return ([parts.joined(separator: ", ")] + lines).joined(separator: "\n")
    }
}
