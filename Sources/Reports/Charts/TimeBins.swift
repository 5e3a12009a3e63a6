// SPDX-License-Identifier: Apache-2.0

internal import Measurement

/// A run cut into the columns of its charts: a second each, or several when the run is too long for a chart.
struct TimeBins {
    struct Bin {
        /// Covered seconds after the start of the load.
        var start: Double
        var end: Double
        /// end − intended of the successes intended in the bin, and of the requests that did not succeed.
        var successes = LatencyHistogram()
        var failures = LatencyHistogram()
        var scheduleLag = LatencyHistogram()
        /// Requests intended in the bin.
        var due: UInt64 = 0
        /// Requests that ended in the bin, by outcome.
        var ended: [Outcome: UInt64] = [:]
        /// Highest number in flight at the end of a second of the bin.
        var inFlight = 0

        var seconds: Double { end - start }
        var middle: Double { (start + end) / 2 }
    }

    /// Columns beyond which seconds are put together.
    static let mostBins = 240

    let bins: [Bin]
    /// Length of a bin in seconds.
    let width: Int
    /// Seconds that the charts span: the plan, or more when answers came later.
    let span: Double

    /// The columns of a run, or of one step of it (an index into `RunRecord.steps`).
    init(_ run: RunRecord, step: Int? = nil) {
        let seconds = run.slices.map(\.second).filter { $0 >= 0 && $0 < 10_000_000 }
        let planned = Double(Swift.min(run.plannedNanoseconds, run.actualNanoseconds)) / 1e9
        let last = Swift.max(seconds.max().map { $0 + 1 } ?? 0, Int(planned.rounded(.up)))
        // 1, 2, 5, 10, … seconds a bin: ticks and bins share their edges.
        width = Int(Scale.niceStep(Swift.max(1, Double(last) / Double(Self.mostBins))))
        var byBin: [Int: Bin] = [:]
        for slice in run.slices where slice.second >= 0 && slice.second < 10_000_000 {
            let index = slice.second / width
            let start = Double(index * width)
            var bin = byBin[index] ?? Bin(start: start, end: Swift.min(start + Double(width), Double(last)))
            bin.add(slice, step)
            byBin[index] = bin
        }
        bins = byBin.values.sorted { $0.start < $1.start }
        span = Double(Swift.max(1, last))
    }

    /// The highest percentile that a bin can show: a p99 takes 100 samples, a p95 takes 20; nil when there are fewer.
    var tailPercent: Double? {
        let counts = bins.map(\.successes.count).filter { $0 > 0 }.sorted()
        guard !counts.isEmpty else { return nil }
        let typical = counts[counts.count / 2]
        return typical >= 100 ? 99 : typical >= 20 ? 95 : nil
    }

    /// The percentile of each bin's successes as points in the middle of the bins.
    func percentile(_ percent: Double) -> [Plot.Point] {
        bins.map { Plot.Point(x: $0.middle, y: $0.successes.percentile(percent).map { Double($0) }) }
    }
}

extension TimeBins.Bin {
    fileprivate mutating func add(_ slice: Slice, _ step: Int?) {
        for sample in slice.samples where step.map({ $0 == sample.step }) ?? true {
            due += sample.responseTime.count
            if sample.outcome == .ok {
                successes.merge(sample.responseTime)
            } else {
                failures.merge(sample.responseTime)
            }
        }
        scheduleLag.merge(slice.scheduleLag)
        ended.merge(slice.ended, uniquingKeysWith: +)
        inFlight = Swift.max(inFlight, slice.inFlight)
    }
}
