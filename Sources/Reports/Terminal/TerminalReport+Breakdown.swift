// SPDX-License-Identifier: Apache-2.0

internal import Measurement

extension TerminalReport {
    /// The p99 of each part of a request, a line for each target, and where requests died.
    static func breakdown(_ summary: RunSummary, _ page: inout Page) {
        let rows = summary.breakdown
        let parts = RequestPart.allCases.filter { part in rows.contains { $0.parts.contains { $0.part == part } } }
        guard !parts.isEmpty else { return }
        var table = TextTable(
            columns: [.init(title: "p99 of each part", isRightAligned: false, isFlexible: true)]
                + parts.map { .init(title: $0.title) })
        for row in rows {
            table.add(
                [.init(row.target)]
                    + parts.map { part in
                        guard let found = row.parts.first(where: { $0.part == part }) else { return .init("") }
                        // With too few samples for a p99 the maximum says more than nothing.
                        return .init(Format.duration(found.time.p99 ?? found.time.max))
                    })
        }
        page.table(table)
        for row in rows {
            if let losses = row.losses { page.paragraph("\(row.target): \(losses)", .dim, indent: 4) }
        }
    }
}
