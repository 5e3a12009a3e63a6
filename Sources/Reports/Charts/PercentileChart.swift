// SPDX-License-Identifier: Apache-2.0

internal import Measurement

/// The percentile curve as HdrHistogram draws it: the x axis stretches the tail, each nine taking the same length.
struct PercentileChart {
    struct Series {
        var name: String
        var label: String
        var histogram: LatencyHistogram
    }

    var series: [Series]
    var size = Plot.Size(height: 320)

    /// The drawing, or nil when no series has a sample.
    func svg(logarithmic: Bool, label: String) -> String? {
        let shown = series.filter { !$0.histogram.isEmpty }
        guard let most = shown.map(\.histogram.count).max() else { return nil }
        let lowest = shown.compactMap { $0.histogram.percentile(1) }.min() ?? 1_000_000
        let highest = shown.compactMap(\.histogram.max).max() ?? lowest
        let durations = Scale.logarithmicDomain(Double(lowest), Double(highest))
        // x is 1 / (1 − p) on a logarithmic axis; the last sample of n lies at n.
        var plot = Plot(
            size, x: 1...Swift.max(100, Double(most)), y: logarithmic ? durations : 0...durations.upperBound,
            logarithmicX: true, logarithmicY: logarithmic)
        plot.yAxis(ticks: logarithmic ? 8 : 5, Format.axisDuration)
        plot.xAxis(Self.ticks.map(\.place).filter { $0 <= plot.x.domain.upperBound }) { place in
            Self.ticks.first { $0.place == place }?.name ?? ""
        }
        for one in shown { draw(one, &plot) }
        for tick in Self.ticks.dropFirst() where tick.place <= plot.x.domain.upperBound {
            plot.hover(tick.place * 0.82, tick.place * 1.22, title: title(tick, shown))
        }
        return plot.svg(label: label)
    }

    private static let ticks: [(place: Double, percent: Double, name: String)] = [
        (1, 0, "0 %"), (2, 50, "50 %"), (4, 75, "75 %"), (10, 90, "90 %"), (20, 95, "95 %"), (100, 99, "99 %"),
        (1_000, 99.9, "99.9 %"), (10_000, 99.99, "99.99 %"), (100_000, 99.999, "99.999 %"),
        (1_000_000, 99.9999, "99.9999 %"),
    ]

    /// Beyond the percentile that three samples stand for, the curve is dashed: there it is those few samples, no more.
    private func draw(_ series: Series, _ plot: inout Plot) {
        let count = Double(series.histogram.count)
        let points = series.histogram.percentileCurve().map { point in
            Plot.Point(
                x: point.percent >= 100 ? count : 1 / Swift.max(1 - point.percent / 100, 1 / count),
                y: Double(point.nanoseconds))
        }
        let certain = points.prefix { $0.x <= count / 3 }
        plot.curve(Array(certain), class: series.name)
        plot.curve(Array(points.suffix(from: Swift.max(0, certain.endIndex - 1))), class: series.name + " uncertain")
    }

    private func title(_ tick: (place: Double, percent: Double, name: String), _ shown: [Series]) -> String {
        ([tick.name]
            + shown.map { "\($0.label): \(Format.duration(Latency.percentile(tick.percent, of: $0.histogram)))" })
            .joined(separator: "\n")
    }

    func figure(title: String, identifier: String, caption: String? = nil) -> Figure? {
        guard let svg = svg(logarithmic: true, label: title) else { return nil }
        return Figure(
            title: title, keys: series.filter { !$0.histogram.isEmpty }.map { .init(name: $0.name, label: $0.label) },
            svg: svg, linear: self.svg(logarithmic: false, label: title + ", linear"), caption: caption,
            identifier: identifier)
    }
}
