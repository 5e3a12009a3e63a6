// SPDX-License-Identifier: Apache-2.0

internal import Measurement

/// The four times of a run side by side, over all its steps, the same table in every report.
///
/// Response time of successes alone would flatter a system that lets its slowest requests fail; of all outcomes it counts those
/// too, at their age. Service time leaves out what requests waited for before they were sent, which is the schedule lag.
struct TimesTable {
    static let titles = ["times", "of", "count", "p50", "p90", "p99", "p99.9", "max"]

    let rows: [[String]]

    init(_ summary: RunSummary) {
        rows = [
            Self.row("response time", "successes", summary.total.response),
            Self.row("response time", "all outcomes", summary.total.responseOfAll),
            Self.row("service time", "successes", summary.service),
            Self.row("schedule lag", "all sent", summary.scheduleLag),
        ]
    }

    private static func row(_ name: String, _ population: String, _ latency: Latency) -> [String] {
        [
            name, population, Format.count(latency.count), Format.duration(latency.p50), Format.duration(latency.p90),
            Format.duration(latency.p99), Format.duration(latency.p999), Format.duration(latency.max),
        ]
    }
}

extension TerminalReport {
    /// Response time of successes and of all outcomes, service time and schedule lag below each other.
    static func times(_ summary: RunSummary, _ page: inout Page) {
        var table = TextTable(
            columns: TimesTable.titles.enumerated().map { index, title in
                .init(title: title, isRightAligned: index > 1)
            })
        for row in TimesTable(summary).rows {
            table.add(row.enumerated().map { .init($1, $0 == 5 ? .strong : .plain) })
        }
        page.table(table)
    }
}

extension HTMLReport {
    static func times(_ summary: RunSummary) -> String {
        var table = HTMLTable(titles: TimesTable.titles, textColumns: 2)
        for row in TimesTable(summary).rows {
            table.add(row.enumerated().map { .init($1, $0 == 5 ? "strong" : "") })
        }
        let note =
            "Of all outcomes: what timed out, was reset, was aborted at the end or never started counts at its age, so that a "
            + "wait in vain is in the percentiles; so do fast failures, which is why successes stand apart."
        return "<h3>Times</h3>" + table.html + Markup.text("p", ["class": "caption"], note)
    }
}

extension MarkdownReport {
    static func times(_ summary: RunSummary) -> [String] { table(TimesTable.titles, TimesTable(summary).rows) }
}
