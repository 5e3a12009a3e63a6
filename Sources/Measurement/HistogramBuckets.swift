// SPDX-License-Identifier: Apache-2.0

/// The bucket layout of an HdrHistogram with a lowest discernible value of 1 and three significant digits.
///
/// Values below 2048 have a bucket each. From there on, each power of two is divided into 1024 buckets of equal width, so a
/// bucket is never wider than 1/1024 of its values. Index `i` is the position in the counts array of any HdrHistogram
/// with this layout, in every language (`countsArrayIndex` in the Java original).
package enum HistogramBuckets {
    /// Number of indices that cover all of `UInt64`.
    package static let indexCount = (64 - subBucketBits + 1) * subBucketHalfCount + subBucketHalfCount

    /// log2 of the number of buckets that have single-unit width.
    static let subBucketBits = 11
    static let subBucketHalfCount = 1 << (subBucketBits - 1)

    /// Position of the bucket that counts `value`.
    @inline(__always)
    package static func index(of value: UInt64) -> Int {
        let shift = magnitude(of: value)
        return (shift + 1) << (subBucketBits - 1) + Int(truncatingIfNeeded: value >> UInt64(shift)) - subBucketHalfCount
    }

    /// Highest value that the bucket at `index` counts. `index` must be in `0..<indexCount`.
    package static func highestValue(ofIndex index: Int) -> UInt64 {
        if index < 2 * subBucketHalfCount { return UInt64(index) }
        let shift = index >> (subBucketBits - 1) - 1
        let subBucket = UInt64(index & (subBucketHalfCount - 1) + subBucketHalfCount)
        return (subBucket << UInt64(shift)) | ((1 << UInt64(shift)) - 1)
    }

    /// Highest value in the bucket of `value`.
    package static func highestEquivalent(of value: UInt64) -> UInt64 {
        value | ((1 << UInt64(magnitude(of: value))) - 1)
    }

    /// Lowest value in the bucket of `value`.
    package static func lowestEquivalent(of value: UInt64) -> UInt64 {
        value & ~((1 << UInt64(magnitude(of: value))) - 1)
    }

    /// log2 of the width of the bucket of `value`.
    @inline(__always)
    private static func magnitude(of value: UInt64) -> Int {
        64 - subBucketBits - (value | UInt64(2 * subBucketHalfCount - 1)).leadingZeroBitCount
    }
}
