// SPDX-License-Identifier: Apache-2.0

internal import Measurement

extension HotPath {
    /// What is done with each duration, and with the histograms of a second.
    package static func measurement() -> [HotPath] {
        let values = lognormalish(4_096)
        var histogram = LatencyHistogram()
        for value in values { histogram.record(value) }
        let second = histogram
        return [
            HotPath("histogram-record") { count in
                var recording = RecordingHistogram()
                for number in 0..<count { recording.record(values[number & 4_095]) }
                consume(recording.snapshot().values.count)
            },
            HotPath("histogram-merge") { count in
                var sum = second
                for _ in 0..<count { sum.merge(second) }
                consume(sum.values.count)
            },
            HotPath("histogram-percentile") { count in
                var last: UInt64 = 0
                for _ in 0..<count { last = second.percentile(99) ?? 0 }
                consume(Int(truncatingIfNeeded: last))
            },
            HotPath("histogram-encode") { count in
                var bytes = 0
                for _ in 0..<count { bytes &+= second.v2Bytes().count }
                consume(bytes)
            },
        ]
    }

    /// Durations from 0.1 ms to about 6 ms, the longer the rarer, in an order that a cache can't guess.
    private static func lognormalish(_ count: Int) -> [UInt64] {
        var state: UInt64 = 1
        return (0..<count).map { _ in
            state = state &* 6_364_136_223_846_793_005 &+ 1_442_695_040_888_963_407
            let uniform = state >> 40
            return 100_000 + (uniform * uniform >> 24) * (uniform >> 4) * 6 >> 20
        }
    }
}
