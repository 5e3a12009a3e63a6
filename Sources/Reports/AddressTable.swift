// SPDX-License-Identifier: Apache-2.0

internal import Measurement

/// What was done with each address of each target as a table of texts, the same one in every report.
struct AddressTable {
    static let titles = ["target", "address", "connections", "tries failed"]

    /// One row for each address, over the whole run, warm-up included.
    let rows: [[String]]
    /// For each row, whether a try failed.
    let hasFailures: [Bool]
    /// Whether it says more than the number of all connections: a target has several addresses, or a try failed.
    let isTelling: Bool

    init(_ run: RunRecord) {
        rows = run.addresses.map { [$0.target, $0.address, Format.count($0.opened), Format.count($0.failed)] }
        hasFailures = run.addresses.map { $0.failed > 0 }
        isTelling = hasFailures.contains(true) || Set(run.addresses.map(\.target)).count < run.addresses.count
    }
}

extension TerminalReport {
    /// One row per address, where there is more to tell than their sum.
    static func addresses(_ summary: RunSummary, _ page: inout Page) {
        let addresses = AddressTable(summary.run)
        guard addresses.isTelling else { return }
        var table = TextTable(
            columns: AddressTable.titles.enumerated().map { index, title in
                .init(title: title, isRightAligned: index > 1, isFlexible: index == 0)
            })
        for (row, hasFailures) in zip(addresses.rows, addresses.hasFailures) {
            table.add(row.enumerated().map { .init($1, $0 == 3 && hasFailures ? .bad : .plain) })
        }
        page.table(table)
    }
}

extension HTMLReport {
    /// One row per address; nothing for records that know none.
    static func addresses(_ summary: RunSummary) -> String {
        let addresses = AddressTable(summary.run)
        guard !addresses.rows.isEmpty else { return "" }
        var table = HTMLTable(titles: AddressTable.titles, textColumns: 2)
        for (row, hasFailures) in zip(addresses.rows, addresses.hasFailures) {
            table.add(row.enumerated().map { .init($1, $0 == 3 && hasFailures ? "bad" : "") })
        }
        return "<h3>Addresses</h3>" + table.html
            + Markup.text("p", ["class": "caption"], "Over the whole run, warm-up included.")
    }
}

extension MarkdownReport {
    /// One row per address, where there is more to tell than their sum.
    static func addresses(_ summary: RunSummary) -> [String] {
        let addresses = AddressTable(summary.run)
        return addresses.isTelling ? table(AddressTable.titles, addresses.rows) : []
    }
}
