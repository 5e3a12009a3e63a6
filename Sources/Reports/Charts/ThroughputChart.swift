// SPDX-License-Identifier: Apache-2.0

internal import Measurement

/// Answers a second, stacked by outcome, against the requests that came due.
///
/// Answers stand in the second in which they ended and dues in the second in which they were intended: where the line lies
/// above the columns, work piled up; where it lies below, a backlog was worked off.
struct ThroughputChart {
    /// Highest rate that the axis spans; charts to be compared share it.
    var highest: Double
    var size = Plot.Size(height: 190)

    /// Outcomes from the bottom of the stack to its top.
    private static let order: [Outcome] = [
        .ok, .rejected, .errorStatus, .checkFailed, .timeout, .connection, .tls, .malformed, .aborted, .neverStarted,
    ]

    static func highest(_ all: [TimeBins]) -> Double {
        all.lazy.flatMap(\.bins).reduce(1) { highest, bin in
            let ended = Double(bin.ended.values.reduce(0, +)) / Swift.max(bin.seconds, 1)
            return Swift.max(highest, ended, Double(bin.due) / Swift.max(bin.seconds, 1))
        }
    }

    func svg(_ bins: TimeBins, _ frame: TimeFrame, label: String) -> String {
        var plot = Plot(size, x: frame.domain, y: 0...highest * 1.08)
        frame.draw(in: &plot)
        plot.yAxis(ticks: 4) { Format.axisNumber($0) + "/s" }
        var bases = [Double](repeating: 0, count: bins.bins.count)
        for outcome in Self.order {
            let columns = bins.bins.enumerated().map { index, bin in
                let base = bases[index]
                bases[index] += Double(bin.ended[outcome, default: 0]) / Swift.max(bin.seconds, 1)
                return (from: bin.start, to: bin.end, base: base, top: bases[index])
            }
            plot.columns(columns, class: "o-\(outcome.rawValue)")
        }
        plot.steps(
            bins.bins.map { (from: $0.start, to: $0.end, value: Double($0.due) / Swift.max($0.seconds, 1)) },
            class: "due")
        for bin in bins.bins { plot.hover(bin.start, bin.end, title: Self.title(bin)) }
        return plot.svg(label: label)
    }

    static func keys(_ bins: TimeBins) -> [Figure.Key] {
        let seen = order.filter { outcome in bins.bins.contains { $0.ended[outcome, default: 0] > 0 } }
        return [.init(name: "due", label: "due")]
            + seen.map { .init(name: "o-\($0.rawValue)", label: $0.rawValue, isLine: false) }
    }

    private static func title(_ bin: TimeBins.Bin) -> String {
        let parts = order.compactMap { outcome in
            bin.ended[outcome].flatMap { $0 > 0 ? "\(Format.count($0)) \(outcome.rawValue)" : nil }
        }
        return "\(Int(bin.start)) – \(Int(bin.end)) s: \(Format.count(bin.due)) came due; ended: "
            + (parts.isEmpty ? "none" : parts.joined(separator: ", ")) + "\nin flight \(bin.inFlight)"
    }
}
