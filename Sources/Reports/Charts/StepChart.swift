// SPDX-License-Identifier: Apache-2.0

internal import Measurement

/// The tail of each step's response times over time, so that one sees which step a fault hurts.
enum StepChart {
    /// Lines beyond which a chart can't be read; the steps with the most requests are shown.
    private static let mostSteps = 8

    /// Nil when there is one step only, or none with a sample.
    static func figure(
        _ run: RunRecord, _ frame: TimeFrame, domain: ClosedRange<Double>, identifier: String
    ) -> Figure? {
        let counts = run.steps.indices.map { step in (step, run.count(SampleFilter(step: step, outcomes: [.ok]))) }
        let busiest = counts.filter { $0.1 > 0 }.sorted { ($1.1, $0.0) < ($0.1, $1.0) }.prefix(mostSteps)
        let steps = busiest.map(\.0).sorted()
        guard steps.count > 1 else { return nil }
        let all = steps.map { TimeBins(run, step: $0) }
        // One percentile for all lines: what the busiest step has samples for.
        let percent = all.compactMap(\.tailPercent).max() ?? 90
        func svg(logarithmic: Bool) -> String {
            var plot = Plot(
                .init(height: 240), x: frame.domain, y: logarithmic ? domain : 0...domain.upperBound,
                logarithmicY: logarithmic)
            frame.draw(in: &plot)
            plot.yAxis(ticks: logarithmic ? 7 : 5, Format.axisDuration)
            for (index, bins) in all.enumerated() {
                plot.curve(bins.percentile(percent), class: VariantCharts.style(index))
            }
            for (column, bin) in (all.first?.bins ?? []).enumerated() {
                let values = zip(steps, all).map { step, bins in
                    let value =
                        bins.bins.indices.contains(column) ? bins.bins[column].successes.percentile(percent) : nil
                    return "\(run.steps[step].label): \(Format.duration(value))"
                }
                plot.hover(
                    bin.start, bin.end,
                    title: (["\(Int(bin.start)) – \(Int(bin.end)) s"] + values).joined(separator: "\n"))
            }
            return plot.svg(label: "p\(Int(percent)) response time of each step over time")
        }
        let isThin = all.contains { ($0.tailPercent ?? 0) < percent }
        let caption = isThin ? "A step with few requests in a column shows about its slowest one." : nil
        return Figure(
            title: "p\(Int(percent)) response time by step",
            keys: steps.enumerated().map { .init(name: VariantCharts.style($0), label: run.steps[$1].label) },
            svg: svg(logarithmic: true), linear: svg(logarithmic: false), caption: caption, identifier: identifier)
    }
}
