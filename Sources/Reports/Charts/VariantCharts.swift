// SPDX-License-Identifier: Apache-2.0

internal import Measurement

/// The variants over each other in one chart, each in the colour and dash that it keeps on the whole page.
struct VariantCharts {
    struct Variant {
        var name: String
        var run: RunRecord
        var bins: TimeBins
    }

    var variants: [Variant]

    /// Class of the n-th variant's lines. After eight they repeat.
    static func style(_ index: Int) -> String { "v\(index % 8)" }

    private var keys: [Figure.Key] {
        variants.enumerated().map { .init(name: Self.style($0), label: $1.name) }
    }

    private var frame: TimeFrame? {
        variants.first.map { first in TimeFrame(first.run, span: variants.map(\.bins.span).max() ?? 1) }
    }

    /// The tail of each column's response times, or nil when there are too few samples for one.
    func tail() -> Figure? {
        guard let frame, let percent = variants.compactMap(\.bins.tailPercent).min() else { return nil }
        let domain = ResponseTimeChart.domain(variants.map(\.bins))
        func svg(logarithmic: Bool) -> String {
            var plot = Plot(
                .init(height: 310, top: 22), x: frame.domain, y: logarithmic ? domain : 0...domain.upperBound,
                logarithmicY: logarithmic)
            frame.draw(in: &plot, namesFaults: true)
            plot.yAxis(ticks: logarithmic ? 8 : 5, Format.axisDuration)
            for (index, variant) in variants.enumerated() {
                plot.curve(variant.bins.percentile(percent), class: Self.style(index))
            }
            hovers(&plot) { "\(Format.duration($0.successes.percentile(percent)))" }
            return plot.svg(label: "p\(Int(percent)) response time of every variant over time")
        }
        return Figure(
            title: "p\(Int(percent)) response time", keys: keys, svg: svg(logarithmic: true),
            linear: svg(logarithmic: false), caption: "Successes of each second, by the second in which they were due.",
            identifier: "variants-tail")
    }

    func goodput() -> Figure? {
        guard let frame else { return nil }
        let highest = ThroughputChart.highest(variants.map(\.bins))
        var plot = Plot(.init(height: 200), x: frame.domain, y: 0...highest * 1.08)
        frame.draw(in: &plot)
        plot.yAxis(ticks: 4) { Format.axisNumber($0) + "/s" }
        for (index, variant) in variants.enumerated() {
            plot.curve(
                variant.bins.bins.map { bin in
                    // After the plan nothing new comes due: a fall to zero there means nothing.
                    .init(x: bin.middle, y: bin.start < frame.planned ? Self.goodput(bin) : nil)
                }, class: Self.style(index))
        }
        hovers(&plot) { Format.rate(Self.goodput($0)) }
        return Figure(
            title: "Goodput", keys: keys, svg: plot.svg(label: "Goodput of every variant over time"),
            caption: "Answers as expected, by the second in which they ended.")
    }

    func percentiles() -> Figure? {
        let hasFault = variants.contains { $0.run.phase(.fault) != nil }
        let series = variants.enumerated().map { index, variant in
            PercentileChart.Series(
                name: Self.style(index), label: variant.name,
                histogram: variant.run.responseTime(
                    SampleFilter(outcomes: [.ok], phase: hasFault ? variant.run.phase(.fault) : nil)))
        }
        return PercentileChart(series: series).figure(
            title: hasFault ? "Response time during the fault, by percentile" : "Response time by percentile",
            identifier: "variants-percentiles",
            caption: "Successes. Each nine takes the same length; dashed where a curve rests on its last three samples."
        )
    }

    private static func goodput(_ bin: TimeBins.Bin) -> Double {
        Double(bin.ended[.ok, default: 0]) / Swift.max(bin.seconds, 1)
    }

    private func hovers(_ plot: inout Plot, _ value: (TimeBins.Bin) -> String) {
        guard let first = variants.max(by: { $0.bins.bins.count < $1.bins.bins.count }) else { return }
        for bin in first.bins.bins {
            let values = variants.map { variant in
                "\(variant.name): " + (variant.bins.bins.first { $0.start == bin.start }.map(value) ?? Format.missing)
            }
            plot.hover(
                bin.start, bin.end, title: (["\(Int(bin.start)) – \(Int(bin.end)) s"] + values).joined(separator: "\n"))
        }
    }
}
