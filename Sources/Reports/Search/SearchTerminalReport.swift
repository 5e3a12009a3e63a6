// SPDX-License-Identifier: Apache-2.0

package import Measurement

/// A level of a search as a row of a table.
struct SearchRow {
    var rate: String
    var verdict: String
    var passes: Bool
    var median: String
    /// The percentile of the goal: one value, or the lowest and the highest of the repetitions.
    var shown: String
    var errors: String
    var goodput: String

    /// In ascending order of rates.
    static func rows(_ summary: SearchSummary) -> [SearchRow] {
        summary.levels.map { level in
            let requests = level.runs.reduce(UInt64(0)) { $0 + $1.requests }
            let errors = level.runs.reduce(UInt64(0)) { $0 + $1.errors }
            let goodput = level.runs.compactMap(\.goodputPerSecond).sorted()
            return SearchRow(
                rate: SearchSummary.rate(level.ratePerSecond),
                verdict: level.verdict + (level.invalid > 0 && !level.runs.isEmpty ? ", \(level.invalid) invalid" : ""),
                passes: level.passes, median: span(level.percentiles(50)),
                shown: span(level.percentiles(summary.shown.percent)),
                errors: Format.percent(requests == 0 ? nil : Double(errors) / Double(requests)),
                goodput: Format.rate(goodput.isEmpty ? nil : goodput[goodput.count / 2]))
        }
    }

    private static func span(_ values: [UInt64]) -> String {
        guard let low = values.first, let high = values.last else { return Format.missing }
        let (first, last) = (Format.duration(low), Format.duration(high))
        return first == last ? first : "\(first) – \(last)"
    }
}

/// The report of a search for the terminal. A pure function of the record.
package enum SearchTerminalReport {
    package static func render(_ record: SearchRecord, style: Style = .plain) -> String {
        let summary = SearchSummary(record)
        var page = TerminalReport.Page(style)
        page.blank()
        page.line("\(record.scenario.name): capacity", .strong)
        page.paragraph("goals: " + record.goals.map(\.expression).joined(separator: " · "), .dim)
        page.paragraph("\(summary.method) · variant \(record.options.variant) · \(record.startedAt)", .dim)
        page.blank()
        var table = TextTable(columns: [
            .init(title: "rate"), .init(title: "goals", isRightAligned: false), .init(title: "p50", expendability: 1),
            .init(title: summary.shownName), .init(title: "errors"), .init(title: "goodput", expendability: 2),
        ])
        for row in SearchRow.rows(summary) {
            table.add([
                .init(row.rate, .strong), .init((row.passes ? "✓ " : "✗ ") + row.verdict, row.passes ? .good : .bad),
                .init(row.median), .init(row.shown), .init(row.errors), .init(row.goodput),
            ])
        }
        page.table(table)
        page.blank()
        page.paragraph(summary.headline, .strong)
        for line in summary.details { page.paragraph(line, indent: 2) }
        return page.text
    }
}
