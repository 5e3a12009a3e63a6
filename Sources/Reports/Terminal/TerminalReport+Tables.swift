// SPDX-License-Identifier: Apache-2.0

internal import Measurement

extension TerminalReport {
    /// One row per step under the name of its journey, then the sum.
    static func requests(_ summary: RunSummary, _ page: inout Page) {
        var table = TextTable(columns: [
            .init(title: "response time (ok)", isRightAligned: false, isFlexible: true),
            .init(title: "count"), .init(title: "errors"),
            .init(title: "p50"), .init(title: "p90", expendability: 4), .init(title: "p99"),
            .init(title: "p99.9", expendability: 3), .init(title: "max", expendability: 1), .init(title: "p99 of all"),
            .init(title: "service p99", expendability: 2),
        ])
        for journey in summary.run.journeyNames {
            table.add([.init(journey, .accent)])
            for step in summary.steps where step.journey == journey {
                table.add(cells(step, label: "  " + step.label))
            }
        }
        table.add(cells(summary.total, label: summary.total.label))
        page.table(table)
        if summary.total.response.p99 == nil
            || summary.steps.contains(where: { $0.requests > 0 && $0.response.p99 == nil })
        {
            page.line("  – means too few samples: p50 takes 6, p90 29, p99 299 and p99.9 2,995 of them", .dim)
        }
    }

    private static func cells(_ row: RunSummary.Row, label: String) -> [TextTable.Cell] {
        let latency = row.response
        return [
            .init(label), .init(Format.count(row.requests)), errorCell(row.errors),
            .init(Format.duration(latency.p50)), .init(Format.duration(latency.p90)),
            .init(Format.duration(latency.p99), .strong), .init(Format.duration(latency.p999)),
            .init(Format.duration(latency.max)), tailOfAll(row), .init(Format.duration(row.serviceP99)),
        ]
    }

    /// The p99 of all outcomes, which stands out where it is worse than that of successes by more than a tenth.
    private static func tailOfAll(_ row: RunSummary.Row) -> TextTable.Cell {
        let isWorse = row.responseOfAll.p99.map { Double($0) > 1.1 * Double(row.response.p99 ?? 0) } ?? false
        return .init(Format.duration(row.responseOfAll.p99), isWorse ? .bad : .plain)
    }

    private static func errorCell(_ count: UInt64) -> TextTable.Cell {
        .init(Format.count(count), count > 0 ? .bad : .dim)
    }

    /// Baseline, fault and recovery; nothing when no fault was played.
    static func phases(_ summary: RunSummary, _ page: inout Page) {
        guard !summary.phases.isEmpty else { return }
        var table = TextTable(columns: [
            .init(title: "phase", isRightAligned: false), .init(title: "from … to", isRightAligned: false),
            .init(title: "count"), .init(title: "errors"), .init(title: "p50"), .init(title: "p90", expendability: 5),
            .init(title: "p99"), .init(title: "max", expendability: 3), .init(title: "p99 of all"),
            .init(title: "goodput"), .init(title: "lag p99", expendability: 4),
            .init(title: "attempts/call", expendability: 2),
        ])
        for phase in summary.phases {
            let latency = phase.row.response
            table.add([
                .init(phase.phase.kind.rawValue, phase.phase.kind == .fault ? .warning : .plain),
                .init(
                    "\(Format.seconds(phase.phase.startNanoseconds)) … \(Format.seconds(phase.phase.endNanoseconds))"),
                .init(Format.count(phase.row.requests)),
                .init(Format.percent(phase.row.errorRatio), phase.row.errors > 0 ? .bad : .dim),
                .init(Format.duration(latency.p50)), .init(Format.duration(latency.p90)),
                .init(Format.duration(latency.p99), .strong), .init(Format.duration(latency.max)), tailOfAll(phase.row),
                .init(Format.rate(phase.goodputPerSecond)), .init(Format.duration(phase.scheduleLagP99)),
                .init(Format.number(phase.policies.amplification)),
            ])
        }
        page.table(table)
        for fault in summary.run.faults { page.paragraph(FaultText.line(fault), .warning, indent: 2) }
        if let recovery = FaultText.recovery(summary.recovery) {
            if case .recovered = summary.recovery {
                page.paragraph(recovery, .good, indent: 2)
            } else {
                page.paragraph(recovery, .bad, indent: 2)
            }
        }
    }

    /// Unsuccessful requests by outcome, and the failures in words.
    static func errors(_ summary: RunSummary, _ page: inout Page) {
        guard !summary.errors.isEmpty || !summary.run.failureSamples.isEmpty else { return }
        var table = TextTable(columns: [
            .init(title: "errors", isRightAligned: false), .init(title: "count"), .init(title: "share"),
            .init(title: "after p50"), .init(title: "p99"), .init(title: "max"),
        ])
        for error in summary.errors {
            let share = Double(error.count) / Double(Swift.max(1, summary.total.requests))
            table.add([
                .init(error.outcome.rawValue, .bad), .init(Format.count(error.count)), .init(Format.percent(share)),
                .init(Format.duration(error.after.p50)), .init(Format.duration(error.after.p99)),
                .init(Format.duration(error.after.max)),
            ])
        }
        if !summary.errors.isEmpty { page.table(table) }
        if summary.failuresHoldMore {
            page.paragraph("in words, over the whole run with its warm-up:", .dim, indent: 4)
        }
        for sample in summary.run.failureSamples {
            page.paragraph("\(Format.count(sample.count))× \(sample.message)", .dim, indent: 4)
        }
    }

    /// What the policies of each pipeline did over the run.
    static func policies(_ summary: RunSummary, _ page: inout Page) {
        let shown = summary.policies.filter(\.isInteresting)
        guard !shown.isEmpty else { return }
        var table = TextTable(columns: [
            .init(title: "policies", isRightAligned: false, isFlexible: true), .init(title: "calls"),
            .init(title: "attempts/call", expendability: 2), .init(title: "retries"), .init(title: "timeouts"),
            .init(title: "rejected"), .init(title: "fallbacks"), .init(title: "opened", expendability: 1),
            .init(title: "open for", expendability: 3),
        ])
        for policy in shown {
            let totals = policy.totals(from: summary.run.warmupNanoseconds)
            let hasBreaker = !policy.spans.isEmpty
            table.add([
                .init(policy.pipeline), .init(Format.count(totals["calls"])),
                .init(Format.number(totals.amplification)),
                counter(totals["retries"]), counter(totals["timeouts"]), counter(totals.rejected),
                counter(totals["fallbacks"]),
                hasBreaker ? counter(UInt64(policy.openings)) : .init(Format.missing, .dim),
                policy.openNanoseconds > 0 ? .init(Format.seconds(policy.openNanoseconds), .warning) : .init("0", .dim),
            ])
        }
        page.table(table)
        for policy in shown {
            let rejections = policy.totals(from: summary.run.warmupNanoseconds).rejectionText
            guard !rejections.isEmpty else { continue }
            page.paragraph("rejected by \(policy.pipeline): \(rejections)", .dim, indent: 4)
        }
    }

    private static func counter(_ count: UInt64) -> TextTable.Cell {
        .init(Format.count(count), count > 0 ? .warning : .dim)
    }

    static func thresholds(_ thresholds: [ThresholdResult], _ page: inout Page) {
        guard !thresholds.isEmpty else { return }
        var table = TextTable(columns: [
            .init(title: "", isRightAligned: false), .init(title: "threshold", isRightAligned: false, isFlexible: true),
            .init(title: "measured", isRightAligned: false),
        ])
        for threshold in thresholds {
            table.add([
                threshold.passed ? .init("✓", .good) : .init(threshold.problem == nil ? "✗" : "?", .bad),
                .init(threshold.expression), .init(threshold.words, threshold.passed ? .plain : .bad),
            ])
        }
        page.table(table)
    }
}
