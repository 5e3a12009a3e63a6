// SPDX-License-Identifier: Apache-2.0

/// A histogram to count into: the buckets of ``HistogramBuckets`` in pages that are made when first touched.
///
/// Recording is a shift and an increment. A distribution as it occurs in practice touches a few pages of 1 KiB, where the dense
/// array of an HdrHistogram takes 130 KiB: that matters with one per second, step and outcome. ``pack()`` brings one that is
/// hardly counted into any more down to some hundred bytes. Not thread-safe.
package struct RecordingHistogram: Sendable {
    private static let pageBits = 8

    private var pages: [[UInt32]] = []
    /// What was counted before ``pack()``, in the V2 encoding: one or two bytes for each occupied bucket.
    private var packed: [UInt8] = []

    package init() {}

    /// Counts one sample, in nanoseconds. Allocates when it is the first in its page. A bucket holds up to 2^32 − 1 samples.
    package mutating func record(_ nanoseconds: UInt64) {
        let index = HistogramBuckets.index(of: nanoseconds)
        let page = index >> Self.pageBits
        if page >= pages.count { pages.append(contentsOf: repeatElement([], count: page + 1 - pages.count)) }
        if pages[page].isEmpty { pages[page] = [UInt32](repeating: 0, count: 1 << Self.pageBits) }
        pages[page][index & (1 << Self.pageBits - 1)] += 1
    }

    /// Forgets all samples and keeps the pages.
    package mutating func removeAll() {
        packed = []
        for page in pages.indices where !pages[page].isEmpty {
            for bucket in pages[page].indices { pages[page][bucket] = 0 }
        }
    }

    /// Keeps what was counted in a small form, and the pages no longer. Counting may go on.
    package mutating func pack() {
        if pages.isEmpty { return }
        packed = snapshot().v2Bytes()
        pages = []
    }

    /// What was recorded so far in the packed form; empty when nothing was.
    package var packedBytes: [UInt8] {
        var copy = self
        copy.pack()
        return copy.packed
    }

    /// Adds what another one has given as ``packedBytes``; false, with nothing added, when the bytes are something else.
    package mutating func merge(packed other: [UInt8]) -> Bool {
        if other.isEmpty { return true }
        guard var sum = LatencyHistogram(v2Bytes: other) else { return false }
        sum.merge(snapshot())
        packed = sum.v2Bytes()
        pages = []
        return true
    }

    /// What was recorded so far.
    package func snapshot() -> LatencyHistogram {
        var counted = unpacked
        // Encoded by `pack()` above, so it decodes.
        if let before = packed.isEmpty ? nil : LatencyHistogram(v2Bytes: packed) { counted.merge(before) }
        return counted
    }

    private var unpacked: LatencyHistogram {
        var indices: [Int] = []
        var counts: [UInt64] = []
        for (number, page) in pages.enumerated() where !page.isEmpty {
            for (offset, count) in page.enumerated() where count > 0 {
                indices.append(number << Self.pageBits | offset)
                counts.append(UInt64(count))
            }
        }
        return LatencyHistogram(indices: indices, counts: counts)
    }
}
