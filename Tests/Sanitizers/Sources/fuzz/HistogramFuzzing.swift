// SPDX-License-Identifier: Apache-2.0

@testable internal import Measurement

/// A histogram that can be read says the same after it was written and read again.
enum HistogramFuzzing {
    static func play(_ input: UnsafeRawBufferPointer) {
        guard let histogram = LatencyHistogram(v2Bytes: Array(input)) else { return }
        precondition(LatencyHistogram(v2Bytes: histogram.v2Bytes()) == histogram)
        precondition(histogram.percentile(50) != nil || histogram.isEmpty)
    }
}
