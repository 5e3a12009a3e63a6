// SPDX-License-Identifier: Apache-2.0

internal import Measurement

extension TerminalReport {
    /// The variants side by side: a block per phase, a line per variant, each value with its ratio against the first.
    static func comparison(_ comparison: Comparison, _ page: inout Page) {
        page.heading("variants side by side")
        page.paragraph(comparison.caveat, .warning, indent: 2)
        page.paragraph("Ratios are against \(comparison.variants[0]), the first variant.", .dim, indent: 2)
        for section in comparison.sections { block(section, comparison, &page) }
        guard let section = comparison.sections.first(where: { $0.kind == .fault }) ?? comparison.sections.first else {
            return
        }
        steps(section, comparison, &page)
    }

    private static func block(_ section: Comparison.Section, _ comparison: Comparison, _ page: inout Page) {
        var table = TextTable(columns: [
            .init(
                title: section.kind == .whole ? "whole run" : section.kind.rawValue, isRightAligned: false,
                isFlexible: true),
            .init(title: "p50"), .init(title: "", isRightAligned: false, expendability: 2),
            .init(title: "p\(section.tailPercent)"), .init(title: "", isRightAligned: false, expendability: 1),
            .init(title: "p\(section.tailPercent) of all"),
            .init(title: "goodput"), .init(title: "", isRightAligned: false, expendability: 4),
            .init(title: "errors"), .init(title: "attempts/call", expendability: 3),
        ])
        if !section.recoveries.isEmpty { table.columns.append(.init(title: "back after")) }
        for (index, variant) in comparison.variants.enumerated() {
            let (p50, p99) = (section[.responseP50][index], section[.responseTail][index])
            let (goodput, errors) = (section[.goodput][index], section[.errorRatio][index])
            var row: [TextTable.Cell] = [
                .init(variant, .accent),
                .init(ComparisonText.duration(p50)), ratio(p50, lowerIsBetter: true),
                .init(ComparisonText.duration(p99), .strong), ratio(p99, lowerIsBetter: true),
                .init(ComparisonText.duration(section[.tailOfAll][index])),
                .init(ComparisonText.value(goodput, Format.rate)), ratio(goodput, lowerIsBetter: false),
                .init(ComparisonText.value(errors, Format.percent), (errors.value ?? 0) > 0 ? .bad : .dim),
                .init(ComparisonText.value(section[.amplification][index], Format.number)),
            ]
            if !section.recoveries.isEmpty { row.append(.init(section.recoveries[index])) }
            table.add(row)
        }
        page.table(table)
    }

    private static func steps(_ section: Comparison.Section, _ comparison: Comparison, _ page: inout Page) {
        let title = "p\(section.stepTailPercent)" + (section.kind == .fault ? " during the fault" : "")
        var columns = [TextTable.Column(title: title, isRightAligned: false, isFlexible: true)]
        for (index, variant) in comparison.variants.enumerated() {
            columns.append(.init(title: TextWidth.printable(variant)))
            if index > 0 { columns.append(.init(title: "", isRightAligned: false, expendability: 1)) }
        }
        var table = TextTable(columns: columns)
        for (step, cells) in section.steps where cells.contains(where: { $0.value != nil }) {
            var row: [TextTable.Cell] = [.init("\(step.journey) · \(step.label)")]
            for (index, cell) in cells.enumerated() {
                row.append(.init(ComparisonText.duration(cell)))
                if index > 0 { row.append(ratio(cell, lowerIsBetter: true)) }
            }
            table.add(row)
        }
        if !table.rows.isEmpty { page.table(table) }
    }

    /// The ratio, coloured only when it differs by more than a tenth: less is noise in a single run.
    private static func ratio(_ cell: Comparison.Cell, lowerIsBetter: Bool) -> TextTable.Cell {
        guard let ratio = cell.ratio else { return "" }
        let gain = lowerIsBetter ? 1 / Swift.max(ratio, 1e-9) : ratio
        return .init(Format.ratio(ratio), gain > 1.1 ? .good : gain < 0.9 ? .bad : .dim)
    }
}

/// Cells of a comparison in words, with their range where several runs give one.
enum ComparisonText {
    static func duration(_ cell: Comparison.Cell) -> String {
        value(cell) { Format.duration($0.map { UInt64($0) }) }
    }

    static func value(_ cell: Comparison.Cell, _ format: (Double?) -> String) -> String {
        let text = format(cell.value)
        guard let range = cell.range else { return text }
        return "\(text) [\(format(range.lowerBound)) … \(format(range.upperBound))]"
    }
}
