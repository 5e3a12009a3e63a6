// SPDX-License-Identifier: Apache-2.0

/// A quantile of the durations of a sliding window, some of which are only known to be longer than something.
///
/// A hedge cuts the slowest first attempts short. To forget those would move the quantile down, to take their age for
/// their duration as well: either way each hedge would make the next one earlier. They are *censored* samples, and the
/// product-limit estimator (Kaplan, Meier: "Nonparametric Estimation from Incomplete Observations", 1958) is what counts
/// them without bias: S(t) = Π (1 − ended at u / still under way at u) over all u ≤ t, and the quantile is the first t
/// with S(t) ≤ 1 − q. Without censored samples that is the ordinary quantile.
///
/// Durations fall into buckets of 1/16 of their power of two, 1 µs at least, so that the answer is in the bucket of the
/// exact one: at most 1/16 off, 1 µs below 16 µs. Above 4.6 minutes everything falls into the last bucket. The window
/// moves on by quarters of itself. Sixteen kilobytes, made once; recording is O(1), and the quantile is computed anew
/// when a sixteenth of the samples is new.
struct DurationQuantile: Sendable {
    private static let bucketCount = 400
    private static let sliceCount = 4
    private static let unitShift: Int64 = 10

    private let quantile: Double
    private var minimum: Int
    private let sliceNanoseconds: Int64
    /// For each bucket the samples that ended in it and those that were cut short in it, slice by slice; the sum of all
    /// slices comes last.
    private var counts: [UInt32]
    private var slice = 0
    private var sliceEnd = Int64.min
    /// Samples of each slice that ended by themselves.
    private var complete = InlineArray<4, Int>(repeating: 0)
    private var all = InlineArray<4, Int>(repeating: 0)
    private var newSamples = 0
    private var current: Int64?

    /// - Parameters:
    ///   - quantile: 0 … 1, both excluded.
    ///   - window: Nanoseconds, at least 4.
    ///   - minimum: Complete samples below which there is no answer.
    init(_ quantile: Double, window: Int64, minimum: Int) {
        self.quantile = quantile
        self.minimum = minimum
        sliceNanoseconds = max(1, window / Int64(Self.sliceCount))
        counts = Array(repeating: 0, count: (Self.sliceCount + 1) * 2 * Self.bucketCount)
    }

    /// Takes another number of complete samples below which there is no answer.
    mutating func require(_ minimum: Int) {
        if minimum == self.minimum { return }
        self.minimum = minimum
        newSamples = max(newSamples, count / 16 + 1)
    }

    /// Samples of the window.
    var count: Int {
        var sum = 0
        for index in 0..<Self.sliceCount { sum += all[index] }
        return sum
    }

    /// Adds a duration in nanoseconds.
    ///
    /// - Parameter isComplete: False when something cut it short, so that it would have been longer.
    mutating func record(_ duration: Int64, isComplete: Bool, at now: Int64) {
        roll(to: now)
        let bucket = 2 * Self.bucket(of: duration) + (isComplete ? 0 : 1)
        counts[offset(of: slice) + bucket] += 1
        counts[offset(of: Self.sliceCount) + bucket] += 1
        all[slice] += 1
        if isComplete { complete[slice] += 1 }
        newSamples += 1
    }

    /// The quantile in nanoseconds; nil while the window holds too few samples.
    ///
    /// When so many durations were cut short that it can't be said, the answer is the longest of them: the quantile is
    /// above.
    mutating func estimate(at now: Int64) -> Int64? {
        roll(to: now)
        if newSamples > count / 16 || (newSamples > 0 && current == nil) {
            newSamples = 0
            current = compute()
        }
        return current
    }

    private func offset(of slice: Int) -> Int {
        slice * 2 * Self.bucketCount
    }

    private func compute() -> Int64? {
        var completeCount = 0
        for index in 0..<Self.sliceCount { completeCount += complete[index] }
        if completeCount < minimum { return nil }
        // The sum of rounded factors may miss the target by a hair; half of what one sample weighs is safely more.
        let target = 1 - quantile + 1e-9
        var atRisk = Double(count)
        var survival = 1.0
        var last = 0
        let sums = offset(of: Self.sliceCount)
        for bucket in 0..<Self.bucketCount {
            let ended = Double(counts[sums + 2 * bucket])
            let cut = Double(counts[sums + 2 * bucket + 1])
            if ended + cut == 0 { continue }
            last = bucket
            let next = survival * (1 - ended / atRisk)
            if ended > 0, next <= target {
                let (lower, width) = Self.bounds(of: bucket)
                let share = min(1, max(0, (survival - target) / (survival - next)))
                return lower + Int64(Double(width) * share)
            }
            survival = next
            atRisk -= ended + cut
        }
        let (lower, width) = Self.bounds(of: last)
        return lower + width
    }

    private mutating func roll(to now: Int64) {
        if now < sliceEnd { return }
        let passed = sliceEnd == .min ? Int64.max : now.subtractingSaturated(sliceEnd) / sliceNanoseconds + 1
        for _ in 0..<min(passed, Int64(Self.sliceCount)) { forgetOldest() }
        sliceEnd = (now / sliceNanoseconds * sliceNanoseconds).addingSaturated(sliceNanoseconds)
    }

    private mutating func forgetOldest() {
        slice = (slice + 1) % Self.sliceCount
        if all[slice] == 0 { return }
        let (old, sums) = (offset(of: slice), offset(of: Self.sliceCount))
        for index in 0..<2 * Self.bucketCount where counts[old + index] > 0 {
            counts[sums + index] -= counts[old + index]
            counts[old + index] = 0
        }
        all[slice] = 0
        complete[slice] = 0
        // Something changed, so that the next question is answered anew; without any sample the answer is nil.
        newSamples = max(newSamples, count / 16 + 1)
    }

    /// 16 buckets for every power of two, as in an HdrHistogram.
    private static func bucket(of duration: Int64) -> Int {
        let value = UInt64(max(0, duration)) >> UInt64(unitShift)
        if value < 16 { return Int(value) }
        let exponent = 59 - value.leadingZeroBitCount
        return min(bucketCount - 1, exponent * 16 + Int(value >> UInt64(exponent)))
    }

    /// Where a bucket begins, and how wide it is, in nanoseconds.
    private static func bounds(of bucket: Int) -> (lower: Int64, width: Int64) {
        if bucket < 32 { return (Int64(bucket) << unitShift, 1 << unitShift) }
        let exponent = Int64(bucket / 16 - 1)
        return (Int64(16 + bucket % 16) << (exponent + unitShift), 1 << (exponent + unitShift))
    }
}
