// SPDX-License-Identifier: Apache-2.0

/// A distribution of durations: a sparse HdrHistogram of nanoseconds with three significant digits.
///
/// Buckets are those of an HdrHistogram with a lowest discernible value of 1 ns and three digits (``HistogramBuckets``), so
/// every value is kept to better than 0.1 %, and there is no upper bound that could clip. Only the buckets that hold
/// samples are stored, which makes it cheap to keep one for each second, step and outcome of a run. It is for merging,
/// keeping and reading; the engine counts into ``RecordingHistogram``. Merging is exact: percentiles of a merged histogram
/// are those of all samples, and nothing here averages percentiles.
///
/// A value type. Its JSON form is one string (`LatencyHistogram+Codable.swift`).
package struct LatencyHistogram: Sendable, Equatable {
    /// Highest value of each occupied bucket, in nanoseconds, ascending.
    package private(set) var values: [UInt64] = []
    /// Number of samples in the bucket at the same index of `values`; never zero.
    package private(set) var counts: [UInt64] = []
    /// Number of samples.
    package private(set) var count: UInt64 = 0

    package init() {}

    /// A histogram from buckets in ascending order, as a recorder or a decoder has them.
    ///
    /// `indices` must ascend strictly and `counts` must not hold zeros.
    init(indices: [Int], counts: [UInt64]) {
        precondition(indices.count == counts.count)
        values = indices.map(HistogramBuckets.highestValue(ofIndex:))
        self.counts = counts
        count = counts.reduce(0, +)
    }

    package var isEmpty: Bool { count == 0 }

    /// Adds samples of one value, in nanoseconds. O(log n) for an occupied bucket, O(n) for a new one.
    package mutating func record(_ nanoseconds: UInt64, count added: UInt64 = 1) {
        guard added > 0 else { return }
        let highest = HistogramBuckets.highestEquivalent(of: nanoseconds)
        let position = firstPosition(atOrAbove: highest)
        if position < values.count, values[position] == highest {
            counts[position] += added
        } else {
            values.insert(highest, at: position)
            counts.insert(added, at: position)
        }
        count += added
    }

    /// Adds all samples of another histogram.
    package mutating func merge(_ other: LatencyHistogram) {
        if other.isEmpty { return }
        if isEmpty {
            self = other
            return
        }
        var mergedValues: [UInt64] = []
        var mergedCounts: [UInt64] = []
        mergedValues.reserveCapacity(values.count + other.values.count)
        mergedCounts.reserveCapacity(values.count + other.values.count)
        var (mine, theirs) = (0, 0)
        while mine < values.count || theirs < other.values.count {
            if theirs == other.values.count || (mine < values.count && values[mine] < other.values[theirs]) {
                mergedValues.append(values[mine])
                mergedCounts.append(counts[mine])
                mine += 1
            } else if mine == values.count || other.values[theirs] < values[mine] {
                mergedValues.append(other.values[theirs])
                mergedCounts.append(other.counts[theirs])
                theirs += 1
            } else {
                mergedValues.append(values[mine])
                mergedCounts.append(counts[mine] + other.counts[theirs])
                mine += 1
                theirs += 1
            }
        }
        values = mergedValues
        counts = mergedCounts
        count += other.count
    }

    /// One histogram with the samples of all.
    package static func merging(_ histograms: some Sequence<LatencyHistogram>) -> LatencyHistogram {
        var merged = LatencyHistogram()
        for histogram in histograms { merged.merge(histogram) }
        return merged
    }

    /// Index of the first bucket whose highest value is not below `value`.
    private func firstPosition(atOrAbove value: UInt64) -> Int {
        var (low, high) = (0, values.count)
        while low < high {
            let middle = (low + high) / 2
            if values[middle] < value { low = middle + 1 } else { high = middle }
        }
        return low
    }
}

// MARK: Reading

extension LatencyHistogram {
    /// An occupied bucket.
    package struct Bucket: Sendable, Equatable {
        /// Lowest and highest value that the bucket stands for, in nanoseconds.
        package var range: ClosedRange<UInt64>
        package var count: UInt64
    }

    /// The occupied buckets in ascending order.
    package var buckets: some Sequence<Bucket> {
        zip(values, counts).lazy.map { Bucket(range: HistogramBuckets.lowestEquivalent(of: $0)...$0, count: $1) }
    }

    /// Lowest sample, rounded down to its bucket; nil when empty.
    package var min: UInt64? { values.first.map(HistogramBuckets.lowestEquivalent(of:)) }

    /// Highest sample, rounded up to its bucket; nil when empty.
    package var max: UInt64? { values.last }

    /// Mean of the samples, taking each at the middle of its bucket; nil when empty.
    package var mean: Double? {
        isEmpty ? nil : sumOfMiddles { $0 } / Double(count)
    }

    /// Standard deviation (of the population), with the same convention as ``mean``; nil when empty.
    package var standardDeviation: Double? {
        guard let mean else { return nil }
        return (sumOfMiddles { ($0 - mean) * ($0 - mean) } / Double(count)).squareRoot()
    }

    private func sumOfMiddles(_ transform: (Double) -> Double) -> Double {
        buckets.reduce(0) { sum, bucket in
            let middle = Double(bucket.range.lowerBound) + Double(bucket.range.upperBound - bucket.range.lowerBound) / 2
            return sum + transform(middle) * Double(bucket.count)
        }
    }

    /// The smallest bucket value that at least `percent` of the samples don't exceed, in nanoseconds; nil when empty.
    ///
    /// Nearest rank as HdrHistogram has it: the sample of rank ⌈percent / 100 · count⌉ (at least 1), as the highest value of its
    /// bucket. `percent` is clamped to 0…100.
    package func percentile(_ percent: Double) -> UInt64? {
        if isEmpty { return nil }
        // One unit in the last place less keeps 99.9 % of 1000 at rank 999 although 99.9 has no exact binary form.
        let clamped = Swift.min(Swift.max(percent.nextDown, 0), 100)
        let rank = Swift.max(1, UInt64((clamped / 100 * Double(count)).rounded(.up)))
        var seen: UInt64 = 0
        for (value, bucketCount) in zip(values, counts) {
            seen += bucketCount
            if seen >= rank { return value }
        }
        return values.last
    }

    /// Number of samples whose bucket lies at or below the bucket of `nanoseconds`.
    package func count(atOrBelow nanoseconds: UInt64) -> UInt64 {
        let highest = HistogramBuckets.highestEquivalent(of: nanoseconds)
        var sum: UInt64 = 0
        for (value, bucketCount) in zip(values, counts) {
            if value > highest { break }
            sum += bucketCount
        }
        return sum
    }

    /// A point of the percentile curve: `percent` of the samples are at or below `nanoseconds`.
    package struct PercentilePoint: Sendable, Equatable {
        package var percent: Double
        package var nanoseconds: UInt64
    }

    /// The percentile curve with `ticks` points for each halving of the distance to 100 %, ending with the maximum at 100 %.
    ///
    /// These are the steps of HdrHistogram's percentile output: dense where a tail needs it, and as many as the number of
    /// samples can support. Empty for an empty histogram.
    package func percentileCurve(ticksPerHalfDistance ticks: Int = 5) -> [PercentilePoint] {
        guard let max else { return [] }
        var points: [PercentilePoint] = []
        var distance = 100.0
        // Beyond this distance a further point would be the maximum again.
        let smallest = 100 / Double(count)
        while distance >= smallest {
            for tick in 0..<Swift.max(1, ticks) {
                let percent = 100 - distance + distance / 2 * Double(tick) / Double(Swift.max(1, ticks))
                if let value = percentile(percent) { points.append(.init(percent: percent, nanoseconds: value)) }
            }
            distance /= 2
        }
        points.append(.init(percent: 100, nanoseconds: max))
        return points
    }
}
