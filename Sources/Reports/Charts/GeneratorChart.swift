// SPDX-License-Identifier: Apache-2.0

internal import Measurement

/// How late the generator itself sent: schedule lag over time, and requests in flight.
enum GeneratorChart {
    static func lag(_ bins: TimeBins, _ frame: TimeFrame) -> Figure? {
        let highest = bins.bins.compactMap(\.scheduleLag.max).max()
        guard let highest else { return nil }
        let lowest = bins.bins.compactMap { $0.scheduleLag.percentile(10) }.min() ?? highest
        let domain = Scale.logarithmicDomain(Double(lowest), Double(highest))
        var plot = Plot(.init(height: 130), x: frame.domain, y: domain, logarithmicY: true)
        frame.draw(in: &plot)
        plot.yAxis(ticks: 4, Format.axisDuration)
        func points(_ percent: Double) -> [Plot.Point] {
            bins.bins.map { .init(x: $0.middle, y: $0.scheduleLag.percentile(percent).map { Double($0) }) }
        }
        plot.curve(points(50), class: "p50")
        plot.curve(points(99), class: "p99")
        plot.curve(points(100), class: "max")
        for bin in bins.bins {
            let lag = bin.scheduleLag
            plot.hover(
                bin.start, bin.end,
                title:
                    "\(Int(bin.start)) – \(Int(bin.end)) s: sent late by p50 \(Format.duration(lag.percentile(50))), "
                    + "p99 \(Format.duration(lag.percentile(99))), max \(Format.duration(lag.max))")
        }
        return Figure(
            title: "Schedule lag: from due to sent",
            keys: [
                .init(name: "p50", label: "p50"), .init(name: "p99", label: "p99"), .init(name: "max", label: "max"),
            ],
            svg: plot.svg(label: "Schedule lag over time"),
            caption: "Part of every response time: waiting for a connection, or for a generator that is busy.")
    }

    static func inFlight(_ bins: TimeBins, _ frame: TimeFrame) -> Figure? {
        let highest = bins.bins.map(\.inFlight).max() ?? 0
        guard highest > 0 else { return nil }
        var plot = Plot(.init(height: 110), x: frame.domain, y: 0...Double(highest) * 1.08)
        frame.draw(in: &plot)
        plot.yAxis(ticks: 3, Format.axisNumber)
        plot.steps(bins.bins.map { (from: $0.start, to: $0.end, value: Double($0.inFlight)) }, class: "due")
        for bin in bins.bins {
            plot.hover(bin.start, bin.end, title: "\(Int(bin.start)) – \(Int(bin.end)) s: \(bin.inFlight) in flight")
        }
        return Figure(title: "Requests in flight", svg: plot.svg(label: "Requests in flight over time"))
    }
}
