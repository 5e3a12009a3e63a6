// SPDX-License-Identifier: Apache-2.0

internal import Measurement

/// The checks of a run by name as a table of texts, the same one in every report.
struct CheckTable {
    static let titles = ["check", "passed", "failed", "share"]

    /// One row for each name; empty for a script without checks.
    let rows: [[String]]
    /// For each row, whether anything failed.
    let hasFailures: [Bool]

    init(_ run: RunRecord) {
        let results = run.checkResults()
        rows = results.map { result in
            [
                result.name, Format.count(result.passed), Format.count(result.failed),
                // 99.99 at most while something failed: rounding must not hide it.
                Format.percent(result.ratio.map { result.failed > 0 ? min($0, 0.9999) : $0 }),
            ]
        }
        hasFailures = results.map { $0.failed > 0 }
    }
}

extension TerminalReport {
    /// One row per check; nothing without checks.
    static func checks(_ summary: RunSummary, _ page: inout Page) {
        let checks = CheckTable(summary.run)
        guard !checks.rows.isEmpty else { return }
        var table = TextTable(
            columns: CheckTable.titles.enumerated().map { index, title in
                .init(title: title, isRightAligned: index > 0, isFlexible: index == 0)
            })
        for (row, hasFailures) in zip(checks.rows, checks.hasFailures) {
            table.add(row.enumerated().map { .init($1, $0 == 2 && hasFailures ? .bad : .plain) })
        }
        page.table(table)
    }
}

extension HTMLReport {
    /// One row per check; nothing without checks.
    static func checks(_ summary: RunSummary) -> String {
        let rows = CheckTable(summary.run).rows
        guard !rows.isEmpty else { return "" }
        var table = HTMLTable(titles: CheckTable.titles)
        for row in rows { table.add(row.map { .init($0) }) }
        return table.html
    }
}

extension MarkdownReport {
    /// One row per check; nothing without checks.
    static func checks(_ summary: RunSummary) -> [String] {
        let rows = CheckTable(summary.run).rows
        return rows.isEmpty ? [] : table(CheckTable.titles, rows)
    }
}
