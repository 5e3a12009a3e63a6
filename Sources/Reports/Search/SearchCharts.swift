// SPDX-License-Identifier: Apache-2.0

internal import Measurement

/// The levels of a search over their rates.
struct SearchCharts {
    let summary: SearchSummary

    /// The percentile that a goal is about, of every valid repetition, with the goal's limit; nil without any.
    func responseTime() -> Figure? {
        let (percent, limit) = summary.shown
        let values = summary.levels.flatMap { $0.percentiles(percent) }.map { Double($0) } + (limit.map { [$0] } ?? [])
        guard let lowest = values.min(), let highest = values.max(), let rates else { return nil }
        let name = summary.shownName
        var plot = Plot(
            .init(height: 330, top: 24), x: rates, y: Scale.logarithmicDomain(lowest, highest),
            logarithmicX: Self.isWide(rates), logarithmicY: true)
        drawAnswer(&plot)
        plot.yAxis(ticks: 8, Format.axisDuration)
        xAxis(&plot)
        if let limit {
            let ends = [plot.x.domain.lowerBound, plot.x.domain.upperBound]
            plot.curve(ends.map { .init(x: $0, y: limit) }, class: "goal")
        }
        plot.curve(
            summary.levels.map { level in
                let values = level.percentiles(percent)
                return .init(x: level.ratePerSecond, y: values.isEmpty ? nil : Double(values[values.count / 2]))
            }, class: "due")
        dots(&plot) { $0.responseTime.percentile(percent).map { Double($0) } }
        hovers(&plot) { "\(name) \(Format.duration($0.responseTime.percentile(percent)))" }
        var keys = Self.keys
        if limit != nil { keys.append(.init(name: "goal", label: "goal")) }
        return Figure(
            title: "\(name) response time by rate", keys: keys,
            svg: plot.svg(label: "\(name) response time of every repetition over the rate"),
            caption:
                "A dot for each repetition, a line through the middle ones. Successes and requests that never got an "
                + "answer, at their age.")
    }

    /// Answers as expected a second.
    func goodput() -> Figure? {
        guard let rates, let highest = summary.record.measurements.compactMap(\.goodputPerSecond).max() else {
            return nil
        }
        var plot = Plot(
            .init(height: 220, top: 24), x: rates, y: 0...max(1, highest) * 1.08,
            logarithmicX: Self.isWide(rates))
        drawAnswer(&plot)
        plot.yAxis(ticks: 4) { Format.axisNumber($0) + "/s" }
        xAxis(&plot)
        dots(&plot) { $0.goodputPerSecond }
        hovers(&plot) { "goodput \(Format.rate($0.goodputPerSecond))" }
        return Figure(
            title: "Goodput by rate", keys: Self.keys,
            svg: plot.svg(label: "Goodput of every repetition over the rate"),
            caption: "Rates are journeys a second, as asked for; goodput is requests answered as expected a second.")
    }

    private static let keys: [Figure.Key] = [
        .init(name: "met-dot", label: "met the goals", isLine: false),
        .init(name: "missed-dot", label: "missed them", isLine: false),
    ]

    private var rates: ClosedRange<Double>? {
        guard let low = summary.levels.first?.ratePerSecond, let high = summary.levels.last?.ratePerSecond, low > 0
        else { return nil }
        return low * 0.9...max(high, low * 1.2) * 1.1
    }

    /// Whether the rates span so much that equal ratios should take equal lengths.
    private static func isWide(_ rates: ClosedRange<Double>) -> Bool { rates.upperBound > rates.lowerBound * 10 }

    /// The interval of the answer.
    private func drawAnswer(_ plot: inout Plot) {
        let answer = summary.record.answer
        guard let low = answer.passing?.ratePerSecond, let high = answer.failing?.ratePerSecond else { return }
        plot.band(
            low, high, class: "between",
            title: "capacity between \(SearchSummary.rate(low)) and \(SearchSummary.rate(high))")
        plot.draw(plot.text((plot.x(low) + plot.x(high)) / 2, plot.plotTop - 8, "capacity", class: "tick middle"))
    }

    private func xAxis(_ plot: inout Plot) {
        plot.xAxis(plot.x.ticks(8)) { Format.axisNumber($0) + "/s" }
    }

    private func dots(_ plot: inout Plot, _ value: (SearchMeasurement) -> Double?) {
        for (verdict, name) in [(SearchMeasurement.Verdict.met, "met-dot"), (.missed, "missed-dot")] {
            plot.dots(
                summary.record.measurements.filter { $0.verdict == verdict }
                    .map { .init(x: $0.ratePerSecond, y: value($0)) }, radius: 4, class: name)
        }
    }

    private func hovers(_ plot: inout Plot, _ value: (SearchMeasurement) -> String) {
        let levels = summary.levels
        for (index, level) in levels.enumerated() {
            // From halfway to the neighbours, at equal ratios.
            let rate = level.ratePerSecond
            let low = index == 0 ? plot.x.domain.lowerBound : (levels[index - 1].ratePerSecond * rate).squareRoot()
            let high =
                index + 1 == levels.count
                ? plot.x.domain.upperBound : (levels[index + 1].ratePerSecond * rate).squareRoot()
            plot.hover(
                low, high,
                title: (["\(SearchSummary.rate(rate)): \(level.verdict)"] + level.runs.map(value))
                    .joined(separator: "\n"))
        }
    }
}
