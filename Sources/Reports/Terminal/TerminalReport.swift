// SPDX-License-Identifier: Apache-2.0

package import Measurement

/// The report that is printed at the end of a run: what happened, whether to believe it, and how the variants compare.
///
/// A pure function of the record. Plain text with an ending line end; colours only where the style says so.
package enum TerminalReport {
    /// The whole report: every run, then the comparison of the variants where there are several.
    package static func render(_ record: ExperimentRecord, style: Style = .plain) -> String {
        let summaries = record.runs.map(RunSummary.init)
        var page = Page(style)
        header(record, &page)
        for summary in summaries { run(summary, of: record, &page) }
        if let comparison = Comparison(record, summaries: summaries) { Self.comparison(comparison, &page) }
        return page.text
    }

    private static func header(_ record: ExperimentRecord, _ page: inout Page) {
        page.blank()
        page.line(TextWidth.printable(record.scenario.name), .strong)
        page.paragraph(record.scenario.description, .dim)
        page.line(
            "seed \(record.scenario.seed) · \(record.startedAt) · \(record.machine.cpuModel), "
                + "\(record.machine.cores) cores · Seawall \(record.seawallVersion)", .dim)
        if let interruption = record.interruption { page.paragraph("Ended early: " + interruption, .warning) }
        if record.runs.isEmpty { page.line("Nothing was played.", .warning) }
    }

    private static func run(_ summary: RunSummary, of record: ExperimentRecord, _ page: inout Page) {
        let run = summary.run
        page.heading(title(run, of: record))
        verdict(run.generator, &page)
        if let interruption = run.interruption, interruption != record.interruption {
            page.paragraph("Ended early: " + interruption, .warning, indent: 2)
        }
        if let cause = run.abortedBy { page.paragraph("Aborted: " + cause, .bad, indent: 2) }
        facts(summary, &page)
        if summary.isEmpty {
            page.blank()
            page.paragraph(
                "No request came due in the measured time, so there is nothing to tabulate.", .warning, indent: 2)
        } else {
            times(summary, &page)
            requests(summary, &page)
            phases(summary, &page)
            breakdown(summary, &page)
            addresses(summary, &page)
            checks(summary, &page)
            stations(summary, &page)
        }
        errors(summary, &page)
        policies(summary, &page)
        thresholds(run.thresholds, &page)
    }

    private static func title(_ run: RunRecord, of record: ExperimentRecord) -> String {
        let rounds = record.runs.contains { $0.round > 0 }
        return run.variant + (rounds ? ", round \(run.round + 1)" : "")
    }

    private static func verdict(_ generator: GeneratorHealth, _ page: inout Page) {
        switch generator.verdict {
        case .valid: page.field("verdict", "VALID", .good, "— the generator kept its schedule")
        case .degraded: page.field("verdict", "DEGRADED", .warning, "— read the numbers with these in mind:")
        case .invalid: page.field("verdict", "INVALID", .bad, "— do not use these numbers:")
        }
        for reason in generator.reasons { page.paragraph("• " + reason, .plain, indent: 14) }
    }

    /// How much of the tail is the generator's own.
    private static func doubt(_ summary: RunSummary, _ page: inout Page) {
        guard let own = OwnPart(summary) else { return }
        page.field("own part", "≤ " + Format.duration(own.nanoseconds), .plain, own.words)
    }

    private static func facts(_ summary: RunSummary, _ page: inout Page) {
        let run = summary.run
        if run.offeredRatePerSecond > 0, run.hasClosedLoads == true {
            // What closed loops started is in what was achieved, so that a share of the arrivals would say nothing.
            page.field(
                "offered", Format.rate(run.offeredRatePerSecond), .plain,
                "journeys, and closed loops; achieved \(Format.rate(summary.achievedRatePerSecond)) together")
        } else if run.offeredRatePerSecond > 0 {
            let share = summary.achievedRatePerSecond.map { Format.percent($0 / run.offeredRatePerSecond) }
            page.field(
                "offered", Format.rate(run.offeredRatePerSecond), .plain,
                "journeys; achieved \(Format.rate(summary.achievedRatePerSecond))" + (share.map { ", \($0)" } ?? ""))
        } else {
            page.field("achieved", Format.rate(summary.achievedRatePerSecond), .plain, "journeys")
        }
        let warmup = run.warmupNanoseconds > 0 ? ", after \(Format.seconds(run.warmupNanoseconds)) of warm-up" : ""
        page.field(
            "requests", Format.count(summary.total.requests), .plain,
            "in \(Format.seconds(summary.measuredNanoseconds)) measured" + warmup)
        page.field(
            "goodput", Format.rate(summary.goodputPerSecond), .plain,
            "answers as expected; errors \(Format.percent(summary.total.errorRatio))")
        accounting(run.accounting, &page)
        let generator = GeneratorText(summary)
        page.field("generator", generator.cpu, .plain, generator.words)
        doubt(summary, &page)
    }

    private static func accounting(_ accounting: Accounting, _ page: inout Page) {
        page.field(
            "accounting", Format.count(accounting.scheduled), .plain,
            "scheduled = \(Format.count(accounting.completed)) completed + \(Format.count(accounting.failed)) failed "
                + "+ \(Format.count(accounting.aborted)) aborted + \(Format.count(accounting.neverStarted)) never started "
                + (accounting.isBalanced ? "✓" : "✗ DOES NOT ADD UP"))
        guard accounting.connectionsOpened > 0 else { return }
        page.field(
            "connections", Format.count(accounting.connectionsOpened), .plain,
            "opened" + (Format.handshakes(accounting).map { ", " + $0 } ?? ""))
    }
}

extension TerminalReport {
    /// The text under construction, line by line.
    struct Page {
        let style: Style
        private var lines: [String] = []

        init(_ style: Style) { self.style = style }

        var text: String { lines.joined(separator: "\n") + "\n" }

        mutating func blank() {
            if lines.last?.isEmpty == false { lines.append("") }
        }

        /// One line, cut to the width.
        mutating func line(_ text: String, _ tone: Style.Tone = .plain) {
            lines.append(style.paint(TextWidth.cut(TextWidth.printable(text), to: style.width), tone))
        }

        /// Text broken into lines of the width.
        mutating func paragraph(_ text: String, _ tone: Style.Tone = .plain, indent: Int = 0) {
            let margin = String(repeating: " ", count: indent)
            for line in TextWidth.wrap(TextWidth.printable(text), to: style.width - indent) {
                lines.append(margin + style.paint(line, tone))
            }
        }

        /// A rule with a name in it, to find the start of a run.
        mutating func heading(_ text: String) {
            blank()
            let name = TextWidth.cut(TextWidth.printable(text), to: style.width - 8)
            let rule = String(repeating: "─", count: Swift.max(2, style.width - TextWidth.of(name) - 4))
            lines.append(style.paint("── ", .dim) + style.paint(name, .strong) + style.paint(" " + rule, .dim))
        }

        /// `label   value  explanation`, with the explanation broken into lines below each other.
        mutating func field(_ label: String, _ value: String, _ tone: Style.Tone, _ explanation: String) {
            let start = "  " + TextWidth.pad(label, to: 12)
            let beside = 15 + TextWidth.of(value)
            let explanation = TextWidth.printable(explanation)
            let value = style.paint(value, tone == .plain ? .strong : tone)
            // A narrow terminal has no room beside the value: then the explanation stands below it.
            let isBelow = style.width - beside < 20
            let margin = isBelow ? 14 : beside
            let wrapped = TextWidth.wrap(explanation, to: Swift.max(1, style.width - margin))
            let first = isBelow ? nil : wrapped.first
            lines.append(style.paint(start, .dim) + value + (first.map { " " + $0 } ?? ""))
            for rest in wrapped.dropFirst(isBelow ? 0 : 1) {
                lines.append(String(repeating: " ", count: margin) + rest)
            }
        }

        /// A table under a blank line and, when it has one, a title.
        mutating func table(_ table: TextTable, title: String? = nil) {
            blank()
            if let title { line("  " + title, .strong) }
            lines += table.lines(style)
        }
    }
}
