// SPDX-License-Identifier: Apache-2.0

internal import Measurement

/// The virtual stations of a run as a table of texts, the same one in every report.
struct StationTable {
    static let titles = [
        "station", "service", "slots", "busy", "served", "turned away", "service mean", "service p99", "wait p99",
        "waiting", "longest", "timer late p99",
    ]

    /// One row for each station; empty for a run on another system.
    let rows: [[String]]

    init(_ run: RunRecord) {
        rows = run.stations.map { station in
            [
                station.name, station.service, station.slots.map { "\($0)" } ?? "∞",
                station.utilization.map { Format.percent($0) } ?? Format.missing, Format.count(station.served),
                Self.turnedAway(station), Format.duration(station.serviceTime.mean.map { UInt64($0.rounded()) }),
                Format.duration(station.serviceTime.percentile(99)), Format.duration(station.waitTime.percentile(99)),
                Format.number(station.meanWaiting), Format.count(UInt64(station.longestQueue)),
                Format.duration(station.timerLateness.percentile(99)),
            ]
        }
    }

    /// "12 rejected, 3 expired": requests that got no service.
    private static func turnedAway(_ station: StationRecord) -> String {
        let counts = [(station.rejected, "rejected"), (station.expired, "expired"), (station.failed, "failed")]
        let words = counts.filter { $0.0 > 0 }.map { "\(Format.count($0.0)) \($0.1)" }
        return words.isEmpty ? "0" : words.joined(separator: ", ")
    }
}

extension TerminalReport {
    /// One row per virtual station; nothing on other systems.
    static func stations(_ summary: RunSummary, _ page: inout Page) {
        let rows = StationTable(summary.run).rows
        guard !rows.isEmpty else { return }
        let expendability = [0, 6, 3, 0, 0, 0, 0, 4, 1, 5, 7, 2]
        var table = TextTable(
            columns: zip(StationTable.titles, expendability).enumerated().map { index, column in
                .init(
                    title: column.0, isRightAligned: index > 1, expendability: column.1, isFlexible: index == 0)
            })
        for row in rows { table.add(row.map { .init($0) }) }
        page.table(table)
    }
}

extension HTMLReport {
    /// One row per virtual station; nothing on other systems.
    static func stations(_ summary: RunSummary) -> String {
        let rows = StationTable(summary.run).rows
        guard !rows.isEmpty else { return "" }
        var table = HTMLTable(titles: StationTable.titles)
        for row in rows { table.add(row.map { .init($0) }) }
        return table.html
    }
}

extension MarkdownReport {
    /// One row per virtual station; nothing on other systems.
    static func stations(_ summary: RunSummary) -> [String] {
        let rows = StationTable(summary.run).rows
        return rows.isEmpty ? [] : table(StationTable.titles, rows)
    }
}
