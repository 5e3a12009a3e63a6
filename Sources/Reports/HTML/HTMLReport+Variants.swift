// SPDX-License-Identifier: Apache-2.0

internal import Measurement

extension HTMLReport {
    /// The variants side by side; nothing when there is one only.
    static func variants(_ record: ExperimentRecord, _ runs: [Run]) -> String {
        guard let comparison = Comparison(record, summaries: runs.map(\.summary)) else { return "" }
        // The first run of each variant stands for it in the charts; every run has a section of its own below.
        let shown = comparison.variants.compactMap { name in runs.first { $0.record.variant == name } }
        let charts = VariantCharts(
            variants: shown.map { .init(name: $0.record.variant, run: $0.record, bins: $0.bins) })
        let fault = comparison.sections.first { $0.kind == .fault }
        let others = comparison.sections.filter { $0.kind != .fault }
        var parts = ["<h2>Variants side by side</h2>", Markup.text("p", ["class": "notice"], comparison.caveat)]
        if let fault { parts += ["<h3>During the fault</h3>", table(fault, comparison)] }
        for section in others where fault == nil {
            parts += ["<h3>\(title(section.kind))</h3>", table(section, comparison)]
        }
        parts += [charts.tail(), charts.goodput(), charts.percentiles()].compactMap { $0?.html }
        parts.append(multiples(shown, Scales(runs)))
        for section in others where fault != nil {
            parts += ["<h3>\(title(section.kind))</h3>", table(section, comparison)]
        }
        parts.append(steps(fault ?? comparison.sections.first, comparison))
        return Markup.tag("section", ["id": "variants"], parts.filter { !$0.isEmpty }.joined(separator: "\n"))
    }

    private static func title(_ kind: Phase.Kind) -> String {
        switch kind {
        case .whole: "Whole run"
        case .baseline: "Before the fault"
        case .fault: "During the fault"
        case .recovery: "After the fault"
        }
    }

    private static func table(_ section: Comparison.Section, _ comparison: Comparison) -> String {
        var table = HTMLTable(titles: [
            "variant", "p50", "p\(section.tailPercent)", "p\(section.tailPercent) of all", "goodput", "errors",
            "attempts/call",
        ])
        if !section.recoveries.isEmpty { table.titles.append("back after") }
        let (p50, p99, goodput) = (section[.responseP50], section[.responseTail], section[.goodput])
        let all = section[.tailOfAll]
        let (errors, attempts) = (section[.errorRatio], section[.amplification])
        for (index, variant) in comparison.variants.enumerated() {
            var name = HTMLTable.Cell(variant)
            name.name = "swatch \(VariantCharts.style(index))"
            var row: [HTMLTable.Cell] = [
                name, cell(p50[index], ComparisonText.duration(p50[index]), lowerIsBetter: true, among: p50),
                cell(p99[index], ComparisonText.duration(p99[index]), lowerIsBetter: true, among: p99),
                cell(all[index], ComparisonText.duration(all[index]), lowerIsBetter: true, among: all),
                cell(
                    goodput[index], ComparisonText.value(goodput[index], Format.rate), lowerIsBetter: false,
                    among: goodput),
                .init(
                    ComparisonText.value(errors[index], Format.percent), (errors[index].value ?? 0) > 0 ? "bad" : "dim"),
                .init(ComparisonText.value(attempts[index], Format.number)),
            ]
            if !section.recoveries.isEmpty { row.append(.init(section.recoveries[index])) }
            table.add(row)
        }
        return table.html
    }

    /// A value with a bar as long as its share of the largest, and its ratio against the first variant.
    private static func cell(
        _ cell: Comparison.Cell, _ text: String, lowerIsBetter: Bool, among all: [Comparison.Cell]
    ) -> HTMLTable.Cell {
        let largest = all.compactMap(\.value).max() ?? 0
        var result = HTMLTable.Cell(text, share: largest > 0 ? cell.value.map { $0 / largest } : nil)
        if let ratio = cell.ratio {
            let gain = lowerIsBetter ? 1 / Swift.max(ratio, 1e-9) : ratio
            result.remark = Format.ratio(ratio)
            result.remarkName = gain > 1.1 ? "good" : gain < 0.9 ? "bad" : "dim"
        }
        return result
    }

    private static func steps(_ section: Comparison.Section?, _ comparison: Comparison) -> String {
        guard let section else { return "" }
        var table = HTMLTable(titles: ["step"] + comparison.variants)
        for (step, cells) in section.steps where cells.contains(where: { $0.value != nil }) {
            table.add(
                [.init("\(step.journey) · \(step.label)")]
                    + cells.map { cell($0, ComparisonText.duration($0), lowerIsBetter: true, among: cells) })
        }
        if table.rows.isEmpty { return "" }
        return "<h3>p\(section.stepTailPercent) of each step\(section.kind == .fault ? " during the fault" : "")</h3>"
            + table.html
    }

    /// The response times of every variant beside each other, on the same axes.
    private static func multiples(_ runs: [Run], _ scales: Scales) -> String {
        let span = runs.map(\.bins.span).max() ?? 1
        let chart = ResponseTimeChart(
            domain: scales.durations, size: .init(width: 370, height: 230, left: 54, right: 18))
        let figures = runs.filter { !$0.bins.bins.isEmpty }.map { run in
            Figure(
                title: run.record.variant, keys: [.init(name: "p50", label: "p50"), .init(name: "p99", label: "tail")],
                svg: chart.svg(
                    run.bins, TimeFrame(run.record, span: span), logarithmic: true,
                    label: "Response time over time of \(run.record.variant)")
            ).html
        }
        if figures.isEmpty { return "" }
        return "<h3>Response time, each variant on the same axes</h3>"
            + Markup.tag("div", ["class": "multiples"], figures.joined(separator: "\n"))
    }
}
