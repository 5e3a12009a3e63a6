// SPDX-License-Identifier: Apache-2.0

package import Measurement

/// The report as one HTML file: no scripts, no fonts, nothing to fetch, charts as SVG drawn here.
///
/// A pure function of the record. It is well-formed XML as well as HTML, and every text from the record is escaped.
package enum HTMLReport {
    package static func render(_ record: ExperimentRecord) -> String {
        let runs = record.runs.map { Run(summary: RunSummary($0), bins: TimeBins($0)) }
        let body = [
            header(record, runs),
            variants(record, runs),
            runs.enumerated().map { section($1, index: $0, of: record, scales: Scales(runs)) }.joined(separator: "\n"),
            identity(record),
        ]
        return page(title: record.scenario.name, body)
    }

    /// A whole page with these parts, of which empty ones are left out. The title is escaped here.
    static func page(title: String, _ body: [String]) -> String {
        """
        <!DOCTYPE html>
        <html lang="en"><head><meta charset="utf-8"/>
        <meta name="viewport" content="width=device-width, initial-scale=1"/>
        <meta name="color-scheme" content="light dark"/>
        <title>\(Markup.escape(title + " · Seawall"))</title>
        <style>
        \(StyleSheet.text)
        </style></head>
        <body><main>
        \(body.filter { !$0.isEmpty }.joined(separator: "\n"))
        </main></body></html>

        """
    }

    /// A run with what its charts need, computed once.
    struct Run {
        var summary: RunSummary
        var bins: TimeBins

        var record: RunRecord { summary.run }
    }

    /// What charts of several runs share, so that they can be compared by eye.
    struct Scales {
        var durations: ClosedRange<Double>
        var rate: Double

        init(_ runs: [Run]) {
            durations = ResponseTimeChart.domain(runs.map(\.bins))
            rate = ThroughputChart.highest(runs.map(\.bins))
        }
    }

    // MARK: Head of the page

    private static func header(_ record: ExperimentRecord, _ runs: [Run]) -> String {
        let worst = worstVerdict(record)
        var parts = [
            Markup.tag(
                "div", ["class": "top"],
                Markup.text("h1", [:], record.scenario.name) + (worst.map(badge) ?? "") + thresholdBadge(record))
        ]
        if !record.scenario.description.isEmpty {
            parts.append(Markup.text("p", ["class": "lead"], record.scenario.description))
        }
        parts.append(
            Markup.text(
                "p", ["class": "dim"],
                "\(record.startedAt) · seed \(record.scenario.seed) · \(record.machine.cpuModel), "
                    + "\(record.machine.cores) cores · Seawall \(record.seawallVersion)"))
        if let interruption = record.interruption {
            parts.append(Markup.text("p", ["class": "notice"], "Ended early: " + interruption))
        }
        if runs.isEmpty { parts.append(Markup.text("p", ["class": "notice"], "Nothing was played.")) }
        if runs.count > 1 {
            let links = runs.enumerated().map { index, run in
                "<a href=\"#run-\(index)\">" + Markup.escape(name(of: run, in: record)) + "</a>"
            }
            parts.append(
                Markup.tag("nav", [:], (["<a href=\"#variants\">Side by side</a>"] + links).joined(separator: " ")))
        }
        return Markup.tag("header", [:], parts.joined(separator: "\n"))
    }

    static func worstVerdict(_ record: ExperimentRecord) -> GeneratorHealth.Verdict? {
        let verdicts = record.runs.map(\.generator.verdict)
        return [.invalid, .degraded, .valid].first { verdicts.contains($0) }
    }

    static func badge(_ verdict: GeneratorHealth.Verdict) -> String {
        Markup.text("span", ["class": "badge \(verdict.rawValue.lowercased())"], verdict.rawValue)
    }

    private static func thresholdBadge(_ record: ExperimentRecord) -> String {
        let all = record.runs.flatMap(\.thresholds)
        guard !all.isEmpty else { return "" }
        let missed = all.count { !$0.passed }
        return missed == 0
            ? Markup.text(
                "span", ["class": "badge valid"], all.count == 1 ? "threshold met" : "all \(all.count) thresholds met")
            : Markup.text("span", ["class": "badge invalid"], "\(missed) of \(all.count) thresholds missed")
    }

    static func name(of run: Run, in record: ExperimentRecord) -> String {
        run.record.variant + (record.runs.contains { $0.round > 0 } ? ", round \(run.record.round + 1)" : "")
    }

    // MARK: Foot of the page

    private static func identity(_ record: ExperimentRecord) -> String {
        let machine = record.machine
        let facts: [(String, String)] = [
            ("scenario", record.scenario.name), ("seed", String(record.scenario.seed)),
            ("variants", record.scenario.variants.joined(separator: ", ")), ("started", record.startedAt),
            ("Seawall", record.seawallVersion), ("record", record.schema),
            ("processor", "\(machine.cpuModel), \(machine.cores) cores"), ("memory", Format.bytes(machine.memoryBytes)),
            ("system", "\(machine.operatingSystem), kernel \(machine.kernel)"), ("clock", machine.clockSource),
        ]
        let list = facts.map { Markup.text("dt", [:], $0) + Markup.text("dd", [:], $1) }
        return Markup.tag(
            "section", ["id": "identity"],
            "<h2>What was run</h2>" + Markup.tag("dl", ["class": "facts"], list.joined(separator: "\n"))
                + Markup.tag(
                    "details", ["class": "script"],
                    "<summary>The script</summary>" + Markup.text("pre", [:], record.scenario.script))
                + Markup.text("p", ["class": "dim"], reading))
    }

    /// What the words of the report mean, for a reader who got nothing but this file.
    private static let reading = """
        Response time runs from the instant at which a request was due to the end of its answer, so waiting for a busy \
        generator or connection is part of it; service time runs from the instant at which it was sent. Percentiles are \
        those of successes unless they are said to be of all outcomes, in which every request counts, the ones that never got an \
        answer at their age; they are left out where there are too few samples (p50 takes 6, p90 29, p99 299, p99.9 2,995). \
        Requests that did not succeed are counted apart, never left out; thresholds on response times include those that \
        never got an answer, at their age. Goodput is answers as expected, a second.
        """
}
