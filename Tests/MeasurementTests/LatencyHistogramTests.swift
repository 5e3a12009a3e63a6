// SPDX-License-Identifier: Apache-2.0

import Foundation
import Histogram
import Testing

@testable import Measurement

@Suite("Latency histogram")
struct LatencyHistogramTests {
    /// Latencies over the whole range that occurs, from nanoseconds to beyond an hour.
    private static func randomValues(seed: UInt64, count: Int) -> [UInt64] {
        var state = seed
        func next() -> UInt64 {
            state &+= 0x9e37_79b9_7f4a_7c15
            var z = state
            z = (z ^ (z >> 30)) &* 0xbf58_476d_1ce4_e5b9
            z = (z ^ (z >> 27)) &* 0x94d0_49bb_1331_11eb
            return z ^ (z >> 31)
        }
        return (0..<count).map { _ in next() >> (21 + next() % 40) }
    }

    @Test("buckets lie as in HdrHistogram", arguments: [1, 2, 3] as [UInt64])
    func layout(seed: UInt64) {
        let reference = Histogram<UInt64>(highestTrackableValue: 1 << 44, numberOfSignificantValueDigits: .three)
        let edges: [UInt64] = [0, 1, 2047, 2048, 2049, 4095, 4096, 1_000_000, 3_600_000_000_000]
        for value in edges + Self.randomValues(seed: seed, count: 5_000) {
            #expect(HistogramBuckets.highestEquivalent(of: value) == reference.highestEquivalentForValue(value))
            #expect(HistogramBuckets.lowestEquivalent(of: value) == reference.lowestEquivalentForValue(value))
            let index = HistogramBuckets.index(of: value)
            #expect(HistogramBuckets.highestValue(ofIndex: index) == HistogramBuckets.highestEquivalent(of: value))
        }
        #expect(HistogramBuckets.index(of: .max) == HistogramBuckets.indexCount - 1)
        #expect(HistogramBuckets.highestValue(ofIndex: HistogramBuckets.indexCount - 1) == .max)
    }

    @Test("percentiles, extremes and mean agree with HdrHistogram", arguments: [7, 8, 9] as [UInt64])
    func againstReference(seed: UInt64) throws {
        var reference = Histogram<UInt64>(highestTrackableValue: 1 << 44, numberOfSignificantValueDigits: .three)
        var recording = RecordingHistogram()
        var direct = LatencyHistogram()
        for value in Self.randomValues(seed: seed, count: 3_000) {
            reference.record(value)
            recording.record(value)
            direct.record(value)
        }
        let snapshot = recording.snapshot()
        #expect(snapshot == direct)
        #expect(snapshot.count == reference.totalCount)
        for percent in [0.1, 1, 25, 50, 75, 90, 99, 99.9, 99.99] {
            let expected = reference.highestEquivalentForValue(reference.valueAtPercentile(percent))
            #expect(snapshot.percentile(percent) == expected, "p\(percent)")
        }
        #expect(snapshot.percentile(100) == reference.max)
        #expect(snapshot.max == reference.max)
        #expect(snapshot.min == reference.lowestEquivalentForValue(reference.min))
        let mean = try #require(snapshot.mean)
        #expect(abs(mean - reference.mean) <= 0.001 * reference.mean)
        let deviation = try #require(snapshot.standardDeviation)
        #expect(abs(deviation - reference.stdDeviation) <= 0.001 * reference.stdDeviation)
    }

    @Test("an empty histogram has no statistics instead of zeros")
    func empty() {
        let histogram = LatencyHistogram()
        #expect(histogram.percentile(99) == nil)
        #expect(histogram.min == nil && histogram.max == nil && histogram.mean == nil)
        #expect(histogram.percentileCurve().isEmpty)
        #expect(RecordingHistogram().snapshot() == histogram)
    }

    @Test("a rank is not pushed up by the binary form of the percentage")
    func nearestRank() {
        var histogram = LatencyHistogram()
        for value in 1...1000 as ClosedRange<UInt64> { histogram.record(value) }
        #expect(histogram.percentile(99.9) == 999)
        #expect(histogram.percentile(50) == 500)
        #expect(histogram.percentile(0) == 1)
        #expect(histogram.percentile(-5) == 1)
        #expect(histogram.percentile(500) == 1000)
        #expect(histogram.count(atOrBelow: 250) == 250)
        #expect(histogram.count(atOrBelow: 0) == 0)
    }

    @Test("merging is the same as recording everything into one")
    func merge() {
        let values = Self.randomValues(seed: 11, count: 900)
        var whole = LatencyHistogram()
        var parts = [LatencyHistogram](repeating: .init(), count: 3)
        for (position, value) in values.enumerated() {
            whole.record(value)
            parts[position % 3].record(value)
        }
        #expect(LatencyHistogram.merging(parts) == whole)
        #expect(LatencyHistogram.merging(parts.reversed()) == whole)
        #expect(LatencyHistogram.merging([]) == LatencyHistogram())
    }

    @Test("JSON keeps every bucket")
    func codable() throws {
        var histogram = LatencyHistogram()
        for value in Self.randomValues(seed: 5, count: 2_000) { histogram.record(value) }
        histogram.record(3, count: 1 << 40)
        histogram.record(.max)
        let decoded = try JSONDecoder().decode(LatencyHistogram.self, from: JSONEncoder().encode(histogram))
        #expect(decoded == histogram)
        let empty = try JSONDecoder().decode(LatencyHistogram.self, from: JSONEncoder().encode(LatencyHistogram()))
        #expect(empty.isEmpty)
    }

    @Test("the coded form is HdrHistogram's V2 encoding")
    func v2Bytes() {
        var histogram = LatencyHistogram()
        histogram.record(2, count: 3)
        histogram.record(3)
        let header: [UInt8] = [
            0x1c, 0x84, 0x93, 0x13, 0, 0, 0, 3, 0, 0, 0, 0, 0, 0, 0, 3, 0, 0, 0, 0, 0, 0, 0, 1,
            0, 0, 0x03, 0x46, 0x30, 0xb8, 0xa0, 0x00, 0x3f, 0xf0, 0, 0, 0, 0, 0, 0,
        ]
        // Two empty buckets (−2), a count of 3, a count of 1; ZigZag: 3, 6, 2.
        #expect(histogram.v2Bytes() == header + [3, 6, 2])
    }

    @Test(
        "damaged encodings are refused",
        arguments: [
            "\"\"", "\"AAAA\"", "\"not base64!\"", "17", "{}",
            "\"HISTEwAAAAMAAAAAAAAAAwAAAAAAAAABAAADRjC4oAA/8AAAAAAAAAMGgA==\"",
        ])
    func damaged(json: String) {
        #expect(throws: DecodingError.self) {
            try JSONDecoder().decode(LatencyHistogram.self, from: Data(json.utf8))
        }
    }

    @Test("truncated or altered encodings never trap")
    func fuzz() {
        var histogram = LatencyHistogram()
        for value in Self.randomValues(seed: 21, count: 50) { histogram.record(value) }
        let bytes = histogram.v2Bytes()
        for length in 0..<bytes.count { _ = LatencyHistogram(v2Bytes: Array(bytes.prefix(length))) }
        for (position, change) in Self.randomValues(seed: 22, count: 4_000).enumerated() {
            var altered = bytes
            altered[position % altered.count] ^= UInt8(truncatingIfNeeded: change | 1)
            if let decoded = LatencyHistogram(v2Bytes: altered) {
                #expect(decoded.counts.reduce(0, +) == decoded.count)
            }
        }
    }

    @Test("the percentile curve ascends, and ends with the maximum")
    func curve() throws {
        var histogram = LatencyHistogram()
        for value in Self.randomValues(seed: 31, count: 1_000) { histogram.record(value) }
        let curve = histogram.percentileCurve()
        #expect(curve.first?.percent == 0)
        #expect(try #require(curve.last) == .init(percent: 100, nanoseconds: #require(histogram.max)))
        for (one, next) in zip(curve, curve.dropFirst()) {
            #expect(one.percent < next.percent && one.nanoseconds <= next.nanoseconds)
        }
        // Ten halvings of the distance reach the 1000 samples.
        #expect(curve.count == 5 * 10 + 1)
    }
}
