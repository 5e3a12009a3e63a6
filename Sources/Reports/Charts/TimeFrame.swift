// SPDX-License-Identifier: Apache-2.0

internal import Measurement

/// What all charts over the time of a run share: the axis in seconds, warm-up, drain and faults behind the marks.
struct TimeFrame {
    var span: Double
    var warmup: Double
    /// End of the plan; what lies beyond is the end of journeys that were under way.
    var planned: Double
    var faults: [FaultWindow]

    init(_ run: RunRecord, span: Double) {
        self.span = span
        warmup = Swift.min(Double(run.warmupNanoseconds) / 1e9, span)
        planned = Double(run.plannedNanoseconds) / 1e9
        faults = run.faults
    }

    var domain: ClosedRange<Double> { 0...Swift.max(span, 1) }

    /// Draws warm-up, drain and faults, and the seconds below. `isLabelled` false leaves the names to the chart below.
    func draw(in plot: inout Plot, isLabelled: Bool = true, namesFaults: Bool = false) {
        if warmup > 0 {
            plot.band(
                0, warmup, class: "warmup", label: namesFaults ? "warm-up" : nil, title: "warm-up: not measured")
        }
        if planned > 0, planned < span {
            plot.band(
                planned, span, class: "warmup", label: namesFaults ? "load over" : nil,
                title: "after the plan: no new arrivals, journeys under way come to their end")
        }
        for fault in faults {
            let start = Double(fault.startNanoseconds) / 1e9
            let end = fault.endNanoseconds.map { Double($0) / 1e9 } ?? span
            plot.band(
                start, end, class: "fault", label: namesFaults ? fault.label : nil, title: FaultText.line(fault))
        }
        let most = plot.size.width < 600 ? 5.0 : 12.0
        // No ticks between seconds: a run is cut into whole ones.
        let ticks = Scale.linearTicks(domain, Int(Swift.min(Swift.max(span, 1), most)))
        plot.xAxis(ticks, isLabelled: isLabelled) { Format.axisNumber($0) + " s" }
    }
}

extension Format {
    /// A number on an axis: no more digits than it needs, `2.5k` and `1M` for thousands and millions.
    static func axisNumber(_ value: Double) -> String {
        for (size, unit) in [(1e9, "G"), (1e6, "M"), (1e3, "k")] where abs(value) >= size * 0.9999 {
            return trimmed(value / size) + unit
        }
        return trimmed(value)
    }

    /// Nanoseconds on an axis: `500 µs`, `2 ms`, `1.5 s`.
    static func axisDuration(_ nanoseconds: Double) -> String {
        if nanoseconds <= 0 { return "0" }
        if nanoseconds < 0.9999e3 { return trimmed(nanoseconds) + " ns" }
        if nanoseconds < 0.9999e6 { return trimmed(nanoseconds / 1e3) + " µs" }
        if nanoseconds < 0.9999e9 { return trimmed(nanoseconds / 1e6) + " ms" }
        return trimmed(nanoseconds / 1e9) + " s"
    }

    private static func trimmed(_ value: Double) -> String {
        var text = fixed(value, decimals: 3)
        while text.hasSuffix("0") { text.removeLast() }
        if text.hasSuffix(".") { text.removeLast() }
        return text
    }
}
