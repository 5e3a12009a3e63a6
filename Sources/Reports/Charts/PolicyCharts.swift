// SPDX-License-Identifier: Apache-2.0

internal import Measurement

/// Breaker states over time: a lane per pipeline.
enum BreakerLanes {
    static let states = ["closed", "half-open", "open", "forced-open", "forced-closed"]

    static func svg(_ timelines: [PolicyTimeline], _ frame: TimeFrame, label: String) -> String {
        let lanes = timelines.filter { !$0.spans.isEmpty }
        let height = 34.0
        let size = Plot.Size(height: height * Double(lanes.count) + 36)
        var plot = Plot(size, x: frame.domain, y: 0...Double(Swift.max(1, lanes.count)))
        frame.draw(in: &plot)
        for (index, lane) in lanes.enumerated() {
            let top = size.top + height * Double(index)
            // The name stands above its lane, not beside it: the time axis lines up with that of the other charts.
            plot.draw(plot.text(size.left + 3, top + 12, TextWidth.cut(lane.pipeline, to: 80), class: "name"))
            for span in lane.spans {
                let (start, end) = (Double(span.startNanoseconds) / 1e9, Double(span.endNanoseconds) / 1e9)
                let known = states.contains(span.state) ? span.state : "other"
                let title =
                    "\(lane.pipeline): \(span.state), \(Format.seconds(span.startNanoseconds)) … "
                    + Format.seconds(span.endNanoseconds)
                plot.draw(
                    plot.rectangle(
                        plot.x(start), top + 17, plot.x(end) - plot.x(start), 13, class: "s-\(known)",
                        title: title))
            }
        }
        return plot.svg(label: label)
    }

    static func keys(_ timelines: [PolicyTimeline]) -> [Figure.Key] {
        states.filter { state in timelines.contains { $0.spans.contains { $0.state == state } } }
            .map { .init(name: "s-\($0)", label: $0, isLine: false) }
    }
}

/// What the policies did a second, summed over pipelines: attempts beyond calls, refusals, substitutes.
enum PolicyActivityChart {
    private static let counters: [(name: String, label: String, value: @Sendable (PolicyTotals) -> UInt64)] = [
        ("c-rejected", "rejected", { $0.rejected }), ("c-fallbacks", "fallbacks", { $0["fallbacks"] }),
        ("c-retries", "retries", { $0["retries"] }), ("c-timeouts", "timeouts", { $0["timeouts"] }),
    ]

    /// Nil when no policy did anything.
    static func figure(_ timelines: [PolicyTimeline], _ frame: TimeFrame) -> Figure? {
        let active = counters.filter { counter in timelines.contains { counter.value($0.totals()) > 0 } }
        guard !active.isEmpty else { return nil }
        let series = active.map { counter in (counter, Self.rates(timelines, counter.value)) }
        let highest = series.lazy.flatMap(\.1).map(\.value).max() ?? 1
        var plot = Plot(.init(height: 150), x: frame.domain, y: 0...Swift.max(1, highest) * 1.08)
        frame.draw(in: &plot)
        plot.yAxis(ticks: 3) { Format.axisNumber($0) + "/s" }
        for (counter, steps) in series { plot.steps(steps, class: counter.name) }
        let count = series.first?.1.count ?? 0
        for index in 0..<count {
            let values = series.map { "\(Format.rate($1[index].value)) \($0.label)" }
            let step = series[0].1[index]
            plot.hover(
                step.from, step.to, title: "\(Format.axisNumber(step.from)) s: " + values.joined(separator: ", "))
        }
        return Figure(
            title: "What the policies did, a second", keys: active.map { .init(name: $0.name, label: $0.label) },
            svg: plot.svg(label: "Retries, rejections, fallbacks and timeouts of the policies over time"),
            caption: "Summed over pipelines: "
                + timelines.filter(\.isInteresting).map(\.pipeline).joined(separator: ", ") + ".")
    }

    /// Sums over pipelines, in the intervals of the pipeline that was sampled most often.
    private static func rates(
        _ timelines: [PolicyTimeline], _ value: (PolicyTotals) -> UInt64
    ) -> [(from: Double, to: Double, value: Double)] {
        guard let clock = timelines.max(by: { $0.intervals.count < $1.intervals.count }) else { return [] }
        return clock.intervals.compactMap { interval in
            let (start, end) = (interval.startNanoseconds, interval.endNanoseconds)
            guard end > start else { return nil }
            let sum = timelines.reduce(UInt64(0)) { $0 + value($1.totals(from: start, to: end)) }
            let seconds = Double(end - start) / 1e9
            return (Double(start) / 1e9, Double(end) / 1e9, Double(sum) / seconds)
        }
    }
}
