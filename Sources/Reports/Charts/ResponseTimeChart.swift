// SPDX-License-Identifier: Apache-2.0

internal import Measurement

/// Response time over time: where the requests lie (heat), and median, tail and maximum of each column.
struct ResponseTimeChart {
    /// Durations that the axis spans, in nanoseconds; charts to be compared share it.
    var domain: ClosedRange<Double>
    var size = Plot.Size(height: 310, top: 22)

    private static let heatRows = 44

    /// The lowest and the highest duration that the charts of these runs have to show.
    static func domain(_ all: [TimeBins]) -> ClosedRange<Double> {
        var (lowest, highest) = (Double.infinity, 0.0)
        for bin in all.lazy.flatMap(\.bins) {
            // A few very fast answers must not stretch the axis: the body begins at the first percentile.
            if let low = bin.successes.percentile(1) { lowest = Swift.min(lowest, Double(low)) }
            if bin.successes.isEmpty, let low = bin.failures.min { lowest = Swift.min(lowest, Double(low)) }
            highest = Swift.max(highest, Double(Swift.max(bin.successes.max ?? 0, bin.failures.max ?? 0)))
        }
        return Scale.logarithmicDomain(lowest.isFinite ? lowest : 1e6, Swift.max(highest, 1e6))
    }

    func svg(_ bins: TimeBins, _ frame: TimeFrame, logarithmic: Bool, label: String) -> String {
        let domain = logarithmic ? domain : 0...domain.upperBound
        var plot = Plot(size, x: frame.domain, y: domain, logarithmicY: logarithmic)
        frame.draw(in: &plot, namesFaults: size.width >= 600)
        plot.yAxis(ticks: logarithmic ? 8 : 5, Format.axisDuration)
        heat(bins, &plot)
        plot.dots(
            bins.bins.map { .init(x: $0.middle, y: $0.failures.max.map { Double($0) }) }, radius: 2.6,
            class: "failed-dot")
        plot.curve(bins.bins.map { .init(x: $0.middle, y: $0.successes.max.map { Double($0) }) }, class: "max")
        plot.curve(bins.percentile(50), class: "p50")
        if let tail = bins.tailPercent { plot.curve(bins.percentile(tail), class: "p99") }
        for bin in bins.bins { plot.hover(bin.start, bin.end, title: title(bin, bins.tailPercent)) }
        return plot.svg(label: label)
    }

    static func keys(_ bins: TimeBins) -> [Figure.Key] {
        var keys = [Figure.Key(name: "p50", label: "p50")]
        if let tail = bins.tailPercent { keys.append(.init(name: "p99", label: "p\(Int(tail))")) }
        keys.append(.init(name: "max", label: "max"))
        keys.append(.init(name: "heat", label: "where the requests lie", isLine: false))
        if bins.bins.contains(where: { !$0.failures.isEmpty }) {
            keys.append(.init(name: "failed-dot", label: "slowest failed request", isLine: false))
        }
        return keys
    }

    private func title(_ bin: TimeBins.Bin, _ tail: Double?) -> String {
        let successes = bin.successes
        var text =
            "\(Int(bin.start)) – \(Int(bin.end)) s: \(Format.count(bin.due)) due, \(Format.count(successes.count)) ok"
        text += "\np50 \(Format.duration(successes.percentile(50)))"
        if let tail { text += ", p\(Int(tail)) \(Format.duration(successes.percentile(tail)))" }
        text += ", max \(Format.duration(successes.max))"
        if let failed = bin.failures.max {
            text +=
                "\n\(Format.count(bin.failures.count)) did not succeed, the slowest after \(Format.duration(failed))"
        }
        return text
    }

    /// A cell per column and row; its darkness goes with the square root of its share, so that a thin tail stays visible.
    private func heat(_ bins: TimeBins, _ plot: inout Plot) {
        let edges = (0...Self.heatRows).map { plot.y.value(at: Double($0) / Double(Self.heatRows)) }
        var cells: [Plot.Cell] = []
        for bin in bins.bins where !bin.successes.isEmpty {
            var counts = [UInt64](repeating: 0, count: Self.heatRows)
            for bucket in bin.successes.buckets {
                let place = (plot.y.start - plot.y(Double(bucket.range.upperBound))) / (plot.y.start - plot.y.end)
                counts[Swift.min(Self.heatRows - 1, Swift.max(0, Int(place * Double(Self.heatRows))))] += bucket.count
            }
            for (row, count) in counts.enumerated() where count > 0 {
                let share = (Double(count) / Double(bin.successes.count)).squareRoot()
                cells.append(.init(from: bin.start, to: bin.end, low: edges[row], high: edges[row + 1], share: share))
            }
        }
        plot.heat(cells)
    }
}
