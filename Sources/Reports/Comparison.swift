// SPDX-License-Identifier: Apache-2.0

package import Measurement

/// The variants of an experiment beside each other: a metric per phase, with the ratio against the first variant.
///
/// The run is the unit of replication. With several rounds a cell is the median over the runs of its variant, with their range;
/// percentiles are never averaged. With one run per variant it is a single observation, and says so.
package struct Comparison: Sendable {
    /// One variant's values of one metric.
    package struct Cell: Sendable, Equatable {
        /// Median over the variant's runs; nil when no run has a value.
        package var value: Double?
        /// Lowest and highest run, when there are several.
        package var range: ClosedRange<Double>?
        /// Value over that of the first variant; nil for the first variant itself or without a reference above zero.
        package var ratio: Double?
    }

    /// One metric over all variants.
    package struct Metric: Sendable {
        package enum Kind: Sendable { case responseP50, responseTail, tailOfAll, goodput, errorRatio, amplification }

        package var kind: Kind
        /// In the order of ``Comparison/variants``.
        package var cells: [Cell]
    }

    /// A phase, or the whole run when there was no fault.
    package struct Section: Sendable {
        package var kind: Phase.Kind
        /// The percentile of `responseTail` and `tailOfAll`: 99, or 90 where no variant has enough samples for a p99.
        package var tailPercent = 99
        /// That of `steps`, which have fewer samples each.
        package var stepTailPercent = 99
        package var metrics: [Metric]
        /// Tail (`stepTailPercent`) of each step's response time; steps in the order of the first run.
        package var steps: [(step: StepInfo, cells: [Cell])]
        /// In the recovery section: each variant's way back to its baseline, in words. Otherwise empty.
        package var recoveries: [String] = []

        package subscript(_ kind: Metric.Kind) -> [Cell] { metrics.first { $0.kind == kind }?.cells ?? [] }
    }

    package var variants: [String]
    package var sections: [Section]
    /// Fewest runs of any variant.
    package var rounds: Int

    /// Nil when fewer than two variants were played.
    package init?(_ record: ExperimentRecord, summaries: [RunSummary]) {
        variants = record.playedVariants
        guard variants.count > 1 else { return nil }
        let groups = variants.map { name in summaries.filter { $0.run.variant == name } }
        rounds = groups.map(\.count).min() ?? 0
        let kinds: [Phase.Kind] = [.baseline, .fault, .recovery]
            .filter { kind in groups.contains { $0.contains { $0.phases.contains { $0.phase.kind == kind } } } }
        sections = (kinds.isEmpty ? [.whole] : kinds).map { Self.section($0, groups) }
    }

    private static func section(_ kind: Phase.Kind, _ groups: [[RunSummary]]) -> Section {
        func metric(_ metric: Metric.Kind, _ value: (View) -> Double?) -> Metric {
            Metric(kind: metric, cells: cells(groups) { View($0, kind).flatMap(value) })
        }
        let steps = groups.first { !$0.isEmpty }?.first?.run.steps ?? []
        let views = groups.joined().compactMap { View($0, kind) }
        let tail = views.contains { $0.row.response.p99 != nil } ? 99 : 90
        let stepTail = views.contains { $0.steps.contains { $0.response.p99 != nil } } ? 99 : 90
        var section = Section(
            kind: kind, tailPercent: tail, stepTailPercent: stepTail,
            metrics: [
                metric(.responseP50) { $0.row.response.p50.map { Double($0) } },
                metric(.responseTail) { $0.row.response.tail(tail).map { Double($0) } },
                metric(.tailOfAll) { $0.row.responseOfAll.tail(tail).map { Double($0) } },
                metric(.goodput) { $0.goodput },
                metric(.errorRatio) { $0.row.errorRatio },
                metric(.amplification) { $0.policies.amplification },
            ],
            steps: steps.enumerated().map { index, step in
                let cells = cells(groups) { summary in
                    guard let rows = View(summary, kind)?.steps, rows.indices.contains(index) else { return nil }
                    return rows[index].response.tail(stepTail).map { Double($0) }
                }
                return (step, cells)
            })
        if kind == .recovery { section.recoveries = groups.map { FaultText.recoveries($0.map(\.recovery)) } }
        return section
    }

    /// A run seen through one phase.
    private struct View {
        var row: RunSummary.Row
        var steps: [RunSummary.Row]
        var goodput: Double?
        var policies: PolicyTotals

        init?(_ summary: RunSummary, _ kind: Phase.Kind) {
            if kind == .whole {
                row = summary.total
                steps = summary.steps
                goodput = summary.goodputPerSecond
                policies = PolicyTimeline.totals(of: summary.policies, from: summary.run.warmupNanoseconds)
            } else if let phase = summary.phases.first(where: { $0.phase.kind == kind }) {
                row = phase.row
                steps = phase.steps
                goodput = phase.goodputPerSecond
                policies = phase.policies
            } else {
                return nil
            }
        }
    }

    private static func cells(_ groups: [[RunSummary]], _ value: (RunSummary) -> Double?) -> [Cell] {
        var reference: Double?
        return groups.enumerated().map { index, runs in
            let values = runs.compactMap(value).sorted()
            let median = Self.median(values)
            if index == 0 { reference = median }
            var ratio: Double?
            if index > 0, let median, let reference, reference > 0 { ratio = median / reference }
            return Cell(
                value: median, range: values.count > 1 ? values[0]...values[values.count - 1] : nil, ratio: ratio)
        }
    }

    private static func median(_ sorted: [Double]) -> Double? {
        guard !sorted.isEmpty else { return nil }
        let middle = sorted.count / 2
        return sorted.count.isMultiple(of: 2) ? (sorted[middle - 1] + sorted[middle]) / 2 : sorted[middle]
    }

    /// How far the numbers carry, in a sentence.
    package var caveat: String {
        rounds <= 1
            ? "One run per variant: a single observation without an interval. Repeat before you conclude from small differences."
            : "Medians over \(rounds) runs per variant, with the range of the runs."
    }
}
