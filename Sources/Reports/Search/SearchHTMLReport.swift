// SPDX-License-Identifier: Apache-2.0

package import Measurement

/// The report of a search as one HTML file: the answer, the levels as charts and tables. A pure function of the record.
package enum SearchHTMLReport {
    package static func render(_ record: SearchRecord) -> String {
        let summary = SearchSummary(record)
        let charts = SearchCharts(summary: summary)
        return HTMLReport.page(
            title: record.scenario.name + " capacity",
            [
                header(summary),
                section(
                    "Levels", [levels(summary)] + [charts.responseTime(), charts.goodput()].compactMap { $0?.html }),
                section("Every repetition", [measurements(summary)]),
                identity(record),
            ])
    }

    private static func header(_ summary: SearchSummary) -> String {
        let record = summary.record
        var parts = [
            Markup.tag("div", ["class": "top"], Markup.text("h1", [:], record.scenario.name) + badge(record.answer)),
            Markup.text("p", ["class": "lead"], summary.headline),
            Markup.tag(
                "ul", ["class": "samples"], summary.details.map { Markup.text("li", [:], $0) }.joined(separator: "\n")),
            Markup.text("p", [:], "Goals: " + record.goals.map(\.expression).joined(separator: " · ")),
            Markup.text(
                "p", ["class": "dim"],
                "\(record.startedAt) · \(summary.method) · variant \(record.options.variant) · "
                    + "\(record.machine.cpuModel), \(record.machine.cores) cores · Seawall \(record.seawallVersion)"),
        ]
        if record.measurements.isEmpty {
            parts.append(Markup.text("p", ["class": "notice"], "Nothing was measured."))
        }
        return Markup.tag("header", [:], parts.joined(separator: "\n"))
    }

    private static func badge(_ answer: SearchAnswer) -> String {
        let (name, text) =
            switch answer.end {
            case .bracketed: ("valid", "FOUND")
            case .aboveRange: ("valid", "ABOVE THE RANGE")
            case .belowRange: ("invalid", "BELOW THE RANGE")
            case .invalid: ("invalid", "INVALID")
            case .stuck, .failed, .interrupted: ("degraded", "ENDED EARLY")
            }
        return Markup.text("span", ["class": "badge \(name)"], text)
    }

    private static func section(_ title: String, _ parts: [String]) -> String {
        Markup.tag("section", [:], (["<h2>" + Markup.escape(title) + "</h2>"] + parts).joined(separator: "\n"))
    }

    private static func levels(_ summary: SearchSummary) -> String {
        var table = HTMLTable(
            titles: ["rate", "goals", "p50", summary.shownName, "errors", "goodput"], textColumns: 2)
        for row in SearchRow.rows(summary) {
            table.add([
                .init(row.rate, "strong"), .init(row.verdict, row.passes ? "good" : "bad"), .init(row.median),
                .init(row.shown), .init(row.errors), .init(row.goodput),
            ])
        }
        return table.html
    }

    private static func measurements(_ summary: SearchSummary) -> String {
        var table = HTMLTable(
            titles: ["rate", "verdict", "goals", "generator", "run", "requests", "p50", summary.shownName, "errors"],
            textColumns: 4)
        for one in summary.record.measurements {
            let tone = one.verdict == .met ? "good" : one.verdict == .missed ? "bad" : "warn"
            let results = one.results.map { "\($0.passed ? "✓" : "✗") \($0.expression): \($0.words)" }
            table.add([
                .init(SearchSummary.rate(one.ratePerSecond)), .init(one.verdict.rawValue, tone),
                .init(
                    (results + (one.verdict == .met ? [] : [one.failure].compactMap { $0 })).joined(separator: " · ")),
                .init(one.generator.rawValue), .init(String(one.repetition)), .init(Format.count(one.requests)),
                .init(Format.duration(one.responseTime.percentile(50))),
                .init(Format.duration(one.responseTime.percentile(summary.shown.percent))),
                .init(Format.percent(one.requests == 0 ? nil : Double(one.errors) / Double(one.requests))),
            ])
        }
        return table.html + doubts(summary.record.measurements)
    }

    /// What the generator said of itself.
    private static func doubts(_ measurements: [SearchMeasurement]) -> String {
        let lines = measurements.flatMap { one in
            one.generatorReasons.map { "\(SearchSummary.rate(one.ratePerSecond)), run \(one.repetition): \($0)" }
        }
        guard !lines.isEmpty else { return "" }
        return Markup.tag("ul", ["class": "reasons"], lines.map { Markup.text("li", [:], $0) }.joined())
    }

    private static func identity(_ record: SearchRecord) -> String {
        let machine = record.machine
        let facts: [(String, String)] = [
            ("scenario", record.scenario.name), ("variant", record.options.variant),
            ("seed", String(record.scenario.seed)), ("Seawall", record.seawallVersion), ("record", record.schema),
            ("processor", "\(machine.cpuModel), \(machine.cores) cores"), ("memory", Format.bytes(machine.memoryBytes)),
            ("system", "\(machine.operatingSystem), kernel \(machine.kernel)"),
        ]
        let list = facts.map { Markup.text("dt", [:], $0) + Markup.text("dd", [:], $1) }
        return section(
            "What was searched",
            [
                Markup.tag("dl", ["class": "facts"], list.joined(separator: "\n")),
                Markup.tag(
                    "details", ["class": "script"],
                    "<summary>The script</summary>" + Markup.text("pre", [:], record.scenario.script)),
                Markup.text("p", ["class": "dim"], reading),
            ])
    }

    private static let reading = """
        A rate passes when more than half of its repetitions meet every goal. The search doubles the rate until it fails, then \
        halves the ratio between the highest passing and the lowest failing rate; both ends of the answer are measured as often \
        as asked for. A repetition in which the generator could not keep up says nothing about the system and is never counted \
        as a miss. The probabilities are one-sided 95 % limits after Clopper and Pearson, taking repetitions as independent.
        """
}
