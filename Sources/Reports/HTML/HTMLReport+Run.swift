// SPDX-License-Identifier: Apache-2.0

internal import Measurement

extension HTMLReport {
    /// Everything about one run.
    static func section(_ run: Run, index: Int, of record: ExperimentRecord, scales: Scales) -> String {
        let summary = run.summary
        var parts = [
            Markup.tag(
                "div", ["class": "top"],
                Markup.text("h2", [:], record.runs.count > 1 ? name(of: run, in: record) : "The run")
                    + badge(run.record.generator.verdict)),
            reasons(run.record.generator),
        ]
        if let interruption = run.record.interruption, interruption != record.interruption {
            parts.append(Markup.text("p", ["class": "notice"], "Ended early: " + interruption))
        }
        if let cause = run.record.abortedBy {
            parts.append(Markup.text("p", ["class": "notice"], "Aborted: " + cause))
        }
        parts.append(tiles(summary))
        parts.append(accounting(run.record.accounting))
        let generator = GeneratorText(summary)
        parts.append(Markup.text("p", ["class": "dim"], "Generator: \(generator.cpu) \(generator.words)"))
        if let own = OwnPart(summary) {
            let text = "Of the generator itself: at most \(Format.duration(own.nanoseconds)) " + own.words
            parts.append(Markup.text("p", ["class": "dim"], text))
        }
        if summary.isEmpty {
            parts.append(Markup.text("p", ["class": "notice"], "No request came due in the measured time."))
        }
        parts += thresholds(run.record.thresholds) + charts(run, index, scales) + tables(run)
        return Markup.tag(
            "section", ["id": "run-\(index)"], parts.filter { !$0.isEmpty }.joined(separator: "\n"))
    }

    private static func reasons(_ generator: GeneratorHealth) -> String {
        if generator.reasons.isEmpty { return "" }
        return Markup.tag(
            "ul", ["class": "reasons"], generator.reasons.map { Markup.text("li", [:], $0) }.joined())
    }

    // MARK: Key figures

    private static func tiles(_ summary: RunSummary) -> String {
        let run = summary.run
        let achieved = Format.rate(summary.achievedRatePerSecond)
        let offered =
            run.offeredRatePerSecond > 0
            ? run.hasClosedLoads == true
                ? "\(Format.rate(run.offeredRatePerSecond)) offered, and closed loops"
                : "of \(Format.rate(run.offeredRatePerSecond)) offered" : "journeys, closed loop"
        let tiles = [
            tile("requests", Format.count(summary.total.requests), "in \(Format.seconds(summary.measuredNanoseconds))"),
            tile("journeys started", achieved, offered),
            tile("goodput", Format.rate(summary.goodputPerSecond), "answers as expected"),
            tile(
                "errors", Format.percent(summary.total.errorRatio), "\(Format.count(summary.total.errors)) requests",
                summary.total.errors > 0 ? "bad" : ""),
            tile("response p50", Format.duration(summary.total.response.p50), "successes"),
            tile(
                "response p99", Format.duration(summary.total.response.p99),
                "successes; service \(Format.duration(summary.total.serviceP99))"),
            tile("response p99 of all", Format.duration(summary.total.responseOfAll.p99), "every outcome, at its age"),
            tile("schedule lag p99", Format.duration(summary.scheduleLag.p99), "from due to sent"),
        ]
        return Markup.tag("div", ["class": "tiles"], tiles.joined(separator: "\n"))
    }

    private static func tile(_ label: String, _ value: String, _ remark: String, _ name: String = "") -> String {
        Markup.tag(
            "div", ["class": "tile " + name],
            Markup.text("span", ["class": "label"], label) + Markup.text("strong", [:], value)
                + Markup.text("span", ["class": "dim"], remark))
    }

    private static func accounting(_ accounting: Accounting) -> String {
        let text =
            "\(Format.count(accounting.scheduled)) scheduled = \(Format.count(accounting.completed)) completed + "
            + "\(Format.count(accounting.failed)) failed + \(Format.count(accounting.aborted)) aborted + "
            + "\(Format.count(accounting.neverStarted)) never started"
            + (accounting.isBalanced ? " ✓" : " ✗ does not add up")
        let connections =
            ", warm-up included · " + Format.count(accounting.connectionsOpened, "connection")
            + (Format.handshakes(accounting).map { ", " + $0 } ?? "")
        return Markup.text("p", ["class": accounting.isBalanced ? "dim" : "notice"], text + connections)
    }

    private static func thresholds(_ thresholds: [ThresholdResult]) -> [String] {
        guard !thresholds.isEmpty else { return [] }
        var table = HTMLTable(titles: ["", "threshold", "measured"], textColumns: 3)
        for threshold in thresholds {
            table.add([
                .init(
                    threshold.passed ? "✓ met" : threshold.problem == nil ? "✗ missed" : "? not judged",
                    threshold.passed ? "good" : "bad"),
                .init(threshold.expression), .init(threshold.words),
            ])
        }
        return [table.html]
    }

    // MARK: Charts

    private static func charts(_ run: Run, _ index: Int, _ scales: Scales) -> [String] {
        guard !run.bins.bins.isEmpty else { return [] }
        let frame = TimeFrame(run.record, span: run.bins.span)
        let response = ResponseTimeChart(domain: scales.durations)
        var figures: [Figure?] = [
            Figure(
                title: "Response time", keys: ResponseTimeChart.keys(run.bins),
                svg: response.svg(run.bins, frame, logarithmic: true, label: "Response time over time"),
                linear: response.svg(run.bins, frame, logarithmic: false, label: "Response time over time, linear"),
                caption: responseCaption(run.bins), identifier: "run-\(index)-time"),
            StepChart.figure(run.record, frame, domain: scales.durations, identifier: "run-\(index)-steps"),
            Figure(
                title: "Requests ended a second, by outcome", keys: ThroughputChart.keys(run.bins),
                svg: ThroughputChart(highest: scales.rate).svg(
                    run.bins, frame, label: "Answers a second by outcome against requests due")),
        ]
        let policies = run.summary.policies
        if policies.contains(where: { !$0.spans.isEmpty }) {
            figures.append(
                Figure(
                    title: "Circuit breakers", keys: BreakerLanes.keys(policies),
                    svg: BreakerLanes.svg(policies, frame, label: "State of each circuit breaker over time"),
                    caption: "Seen about once a second."))
        }
        figures.append(PolicyActivityChart.figure(policies, frame))
        figures.append(GeneratorChart.inFlight(run.bins, frame))
        figures.append(GeneratorChart.lag(run.bins, frame))
        figures.append(percentiles(run, index))
        return figures.compactMap { $0?.html }
    }

    private static func responseCaption(_ bins: TimeBins) -> String {
        let column = bins.width == 1 ? "second" : "\(bins.width) seconds"
        return
            "From the instant at which a request was due to the end of its answer, by the \(column) in which it was due."
    }

    private static func percentiles(_ run: Run, _ index: Int) -> Figure? {
        var series = [
            PercentileChart.Series(
                name: "v0", label: "response time, successes", histogram: run.record.responseTime(.successes)),
            .init(name: "v3", label: "response time, all outcomes", histogram: run.record.responseTime()),
            .init(name: "v6", label: "service time", histogram: run.record.serviceTime(.successes)),
        ]
        for (style, kind) in [("v2", Phase.Kind.baseline), ("v1", .fault), ("v4", .recovery)] {
            guard let phase = run.record.phase(kind) else { continue }
            series.append(
                .init(
                    name: style, label: "response time, \(kind.rawValue)",
                    histogram: run.record.responseTime(SampleFilter(outcomes: [.ok], phase: phase))))
        }
        return PercentileChart(series: series).figure(
            title: "Response time and service time by percentile", identifier: "run-\(index)-percentiles",
            caption:
                "Successes, but for the curve of all outcomes. Each nine takes the same length; dashed where a curve rests on its last three samples."
        )
    }

    // MARK: Tables

    private static func tables(_ run: Run) -> [String] {
        let summary = run.summary
        guard !summary.isEmpty else { return [] }
        return [
            times(summary), "<h3>Requests</h3>", requests(summary), phases(summary), breakdown(summary),
            addresses(summary), errors(summary),
            checks(summary), stations(summary), policies(summary),
        ]
    }

    private static func requests(_ summary: RunSummary) -> String {
        var table = HTMLTable(titles: [
            "response time (ok)", "count", "errors", "p50", "p90", "p99", "p99.9", "max", "p99 of all", "service p99",
        ])
        func add(_ row: RunSummary.Row, _ label: String, name: String = "") {
            table.add(
                [
                    .init(label), .init(Format.count(row.requests)),
                    .init(Format.count(row.errors), row.errors > 0 ? "bad" : "dim"),
                    .init(Format.duration(row.response.p50)), .init(Format.duration(row.response.p90)),
                    .init(Format.duration(row.response.p99), "strong"), .init(Format.duration(row.response.p999)),
                    .init(Format.duration(row.response.max)), .init(Format.duration(row.responseOfAll.p99)),
                    .init(Format.duration(row.serviceP99)),
                ], name: name)
        }
        for step in summary.steps { add(step, (step.journey.map { $0 + " · " } ?? "") + step.label) }
        add(summary.total, summary.total.label, name: "sum")
        return table.html
    }

    private static func phases(_ summary: RunSummary) -> String {
        guard !summary.phases.isEmpty else { return "" }
        var table = HTMLTable(
            titles: [
                "phase", "from … to", "count", "errors", "p50", "p90", "p99", "max", "p99 of all", "goodput", "lag p99",
                "attempts/call",
            ], textColumns: 2)
        for phase in summary.phases {
            let latency = phase.row.response
            table.add([
                .init(phase.phase.kind.rawValue, phase.phase.kind == .fault ? "warn" : ""),
                .init(
                    "\(Format.seconds(phase.phase.startNanoseconds)) … \(Format.seconds(phase.phase.endNanoseconds))"),
                .init(Format.count(phase.row.requests)),
                .init(Format.percent(phase.row.errorRatio), phase.row.errors > 0 ? "bad" : "dim"),
                .init(Format.duration(latency.p50)), .init(Format.duration(latency.p90)),
                .init(Format.duration(latency.p99), "strong"), .init(Format.duration(latency.max)),
                .init(Format.duration(phase.row.responseOfAll.p99)),
                .init(Format.rate(phase.goodputPerSecond)), .init(Format.duration(phase.scheduleLagP99)),
                .init(Format.number(phase.policies.amplification)),
            ])
        }
        let faults = summary.run.faults.map { Markup.text("p", ["class": "warn"], FaultText.line($0)) }
        let isBack = if case .recovered = summary.recovery { true } else { false }
        let recovery = FaultText.recovery(summary.recovery).map {
            Markup.text("p", ["class": isBack ? "good" : "bad"], $0.prefix(1).uppercased() + $0.dropFirst() + ".")
        }
        return "<h3>Phases</h3>" + table.html + faults.joined() + (recovery ?? "")
    }

    private static func errors(_ summary: RunSummary) -> String {
        guard !summary.errors.isEmpty || !summary.run.failureSamples.isEmpty else { return "" }
        var table = HTMLTable(titles: ["outcome", "count", "share", "after p50", "p99", "max"])
        for error in summary.errors {
            let share = Double(error.count) / Double(Swift.max(1, summary.total.requests))
            table.add([
                .init(error.outcome.rawValue), .init(Format.count(error.count)), .init(Format.percent(share)),
                .init(Format.duration(error.after.p50)), .init(Format.duration(error.after.p99)),
                .init(Format.duration(error.after.max)),
            ])
        }
        let samples = summary.run.failureSamples.map {
            Markup.text("li", [:], "\(Format.count($0.count))× \($0.message)")
        }
        let caption =
            summary.failuresHoldMore
            ? Markup.text("p", ["class": "caption"], "In words, over the whole run with its warm-up:") : ""
        return "<h3>Errors</h3>" + (summary.errors.isEmpty ? "" : table.html) + caption
            + (samples.isEmpty ? "" : Markup.tag("ul", ["class": "samples"], samples.joined(separator: "\n")))
    }

    private static func policies(_ summary: RunSummary) -> String {
        let shown = summary.policies.filter(\.isInteresting)
        guard !shown.isEmpty else { return "" }
        var table = HTMLTable(titles: [
            "pipeline", "calls", "attempts/call", "retries", "timeouts", "rejected", "fallbacks", "opened", "open for",
        ])
        for policy in shown {
            let totals = policy.totals(from: summary.run.warmupNanoseconds)
            var rejected = HTMLTable.Cell(Format.count(totals.rejected), totals.rejected > 0 ? "warn" : "dim")
            rejected.remark = totals.rejectionText
            table.add([
                .init(policy.pipeline), .init(Format.count(totals["calls"])),
                .init(Format.number(totals.amplification)),
                .init(Format.count(totals["retries"])), .init(Format.count(totals["timeouts"])), rejected,
                .init(Format.count(totals["fallbacks"])),
                .init(policy.spans.isEmpty ? Format.missing : String(policy.openings)),
                .init(Format.seconds(policy.openNanoseconds)),
            ])
        }
        return "<h3>Policies</h3>" + table.html
    }
}
