// SPDX-License-Identifier: Apache-2.0

package import Measurement

/// The summary as Markdown for a comment on a change: verdict, thresholds, the variants or the steps.
///
/// A pure function of the record. Text from the record can't break out of its cell or start markup of its own.
package enum MarkdownReport {
    package static func render(_ record: ExperimentRecord) -> String {
        let summaries = record.runs.map(RunSummary.init)
        var lines = ["## " + escape(record.scenario.name), ""]
        if !record.scenario.description.isEmpty { lines += [escape(record.scenario.description), ""] }
        if let interruption = record.interruption { lines += ["**Ended early:** " + escape(interruption), ""] }
        if record.runs.isEmpty { lines += ["Nothing was played.", ""] }
        lines += runs(summaries)
        if let comparison = Comparison(record, summaries: summaries) {
            lines += Self.comparison(comparison)
        } else if let summary = summaries.first {
            lines += times(summary) + steps(summary) + addresses(summary) + checks(summary) + stations(summary)
        }
        lines += thresholds(summaries)
        lines.append(
            "<sub>seed \(record.scenario.seed) · \(escape(record.startedAt)) · \(escape(record.machine.cpuModel)), "
                + "\(record.machine.cores) cores · Seawall \(escape(record.seawallVersion))</sub>")
        return lines.joined(separator: "\n") + "\n"
    }

    private static func runs(_ summaries: [RunSummary]) -> [String] {
        guard !summaries.isEmpty else { return [] }
        let rows = summaries.map { summary in
            [
                summary.run.variant, summary.run.generator.verdict.rawValue, Format.count(summary.total.requests),
                Format.rate(summary.goodputPerSecond), Format.percent(summary.total.errorRatio),
                Format.duration(summary.total.response.p50), Format.duration(summary.total.response.p99),
                Format.duration(summary.total.responseOfAll.p99), Format.duration(summary.scheduleLag.p99),
            ]
        }
        let reasons = summaries.flatMap { summary in
            summary.run.generator.reasons.map { "- \(escape(summary.run.variant)): \(escape($0))" }
        }
        let aborted = summaries.compactMap { summary in
            summary.run.abortedBy.map { "**\(escape(summary.run.variant)) was aborted:** \(escape($0))" }
        }
        return table(
            ["variant", "verdict", "requests", "goodput", "errors", "p50", "p99", "p99 of all", "lag p99"], rows)
            + (reasons.isEmpty ? [] : reasons + [""]) + generators(summaries) + aborted.flatMap { [$0, ""] }
    }

    private static func comparison(_ comparison: Comparison) -> [String] {
        var lines: [String] = []
        for section in comparison.sections {
            let rows = comparison.variants.enumerated().map { index, variant in
                func cell(_ kind: Comparison.Metric.Kind, _ text: (Comparison.Cell) -> String) -> String {
                    let cell = section[kind][index]
                    return text(cell) + (cell.ratio.map { " (" + Format.ratio($0) + ")" } ?? "")
                }
                return [
                    variant, cell(.responseP50, ComparisonText.duration), cell(.responseTail, ComparisonText.duration),
                    cell(.tailOfAll, ComparisonText.duration),
                    cell(.goodput) { ComparisonText.value($0, Format.rate) },
                    ComparisonText.value(section[.errorRatio][index], Format.percent),
                    ComparisonText.value(section[.amplification][index], Format.number),
                ]
            }
            lines += ["### " + (section.kind == .whole ? "Whole run" : section.kind.rawValue.capitalizedFirst), ""]
            lines += table(
                [
                    "variant", "p50", "p\(section.tailPercent)", "p\(section.tailPercent) of all", "goodput", "errors",
                    "attempts/call",
                ], rows)
        }
        return lines + [comparison.caveat, ""]
    }

    private static func steps(_ summary: RunSummary) -> [String] {
        let rows = (summary.steps + [summary.total]).map { row in
            [
                (row.journey.map { $0 + " · " } ?? "") + row.label, Format.count(row.requests),
                Format.count(row.errors),
                Format.duration(row.response.p50), Format.duration(row.response.p99), Format.duration(row.response.max),
                Format.duration(row.responseOfAll.p99),
            ]
        }
        return table(["step", "count", "errors", "p50", "p99", "max", "p99 of all"], rows)
    }

    private static func thresholds(_ summaries: [RunSummary]) -> [String] {
        let rows = summaries.flatMap { summary in
            summary.run.thresholds.map { [$0.passed ? "✅" : "❌", summary.run.variant, $0.expression, $0.words] }
        }
        return rows.isEmpty ? [] : table(["", "variant", "threshold", "measured"], rows)
    }

    static func table(_ titles: [String], _ rows: [[String]]) -> [String] {
        let rule = titles.indices.map { $0 == 0 ? "---" : "---:" }
        return ([titles, rule] + rows.map { $0.map(escape) }).map { "| " + $0.joined(separator: " | ") + " |" } + [""]
    }

    /// One line in which Markdown's and HTML's signs stand for themselves.
    static func escape(_ text: String) -> String {
        TextWidth.printable(text).reduce(into: "") { result, character in
            if "\\`*_{}[]<>#|~&!".contains(character) { result.append("\\") }
            result.append(character)
        }
    }
}

extension String {
    fileprivate var capitalizedFirst: String { prefix(1).uppercased() + dropFirst() }
}
