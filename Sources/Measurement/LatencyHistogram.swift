// SPDX-License-Identifier: Apache-2.0

internal import Histogram

/// A distribution of durations: an HdrHistogram of nanoseconds with three significant digits from 1 µs to one hour.
///
/// A value type that is cheap to keep in great numbers: only the buckets that hold samples are stored. It is for merging,
/// keeping and reading; the engine records into dense histograms and hands these over once a second. Not thread-safe.
package struct LatencyHistogram: Sendable, Equatable, Codable {
    /// Highest equivalent value of each occupied bucket, in nanoseconds, ascending.
    package private(set) var values: [UInt64] = []
    /// Number of samples in the bucket at the same index of `values`.
    package private(set) var counts: [UInt64] = []

    package init() {}
}
