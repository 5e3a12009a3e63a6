// SPDX-License-Identifier: Apache-2.0

internal import CoreMetrics
internal import Synchronization

/// One line, or one histogram, of the exposition.
protocol PrometheusSeries: AnyObject, Sendable {
    /// Appends its lines.
    func write(name: String, labels: Labels, to text: inout String)
}

/// Counts up. Whole and broken numbers share it.
final class CounterSeries: PrometheusSeries, CounterHandler, FloatingPointCounterHandler {
    // Statistics: the order against other memory does not matter, so `relaxed` does.
    private let whole = Atomic<Int64>(0)
    private let broken = Mutex(0.0)

    func increment(by amount: Int64) {
        // A counter only goes up.
        guard amount > 0 else { return }
        whole.wrappingAdd(amount, ordering: .relaxed)
    }

    func increment(by amount: Double) {
        guard amount > 0, amount.isFinite else { return }
        broken.withLock { $0 += amount }
    }

    func reset() {
        whole.store(0, ordering: .relaxed)
        broken.withLock { $0 = 0 }
    }

    func write(name: String, labels: Labels, to text: inout String) {
        let broken = broken.withLock { $0 }
        let whole = whole.load(ordering: .relaxed)
        let value = broken == 0 ? String(whole) : PrometheusText.number(Double(whole) + broken)
        text += "\(name)\(labels.text) \(value)\n"
    }
}

/// Goes up and down.
final class GaugeSeries: PrometheusSeries, MeterHandler, RecorderHandler {
    private let value = Mutex(0.0)

    func set(_ value: Int64) { set(Double(value)) }
    func set(_ value: Double) { self.value.withLock { $0 = value } }
    func increment(by amount: Double) { value.withLock { $0 += amount } }
    func decrement(by amount: Double) { value.withLock { $0 -= amount } }
    func record(_ value: Int64) { set(Double(value)) }
    func record(_ value: Double) { set(value) }

    func write(name: String, labels: Labels, to text: inout String) {
        text += "\(name)\(labels.text) \(PrometheusText.number(value.withLock { $0 }))\n"
    }
}

/// Counts values by size.
final class HistogramSeries: PrometheusSeries, TimerHandler, RecorderHandler {
    /// The upper edges of the buckets; the last bucket has none.
    enum Edges {
        /// Durations from half a millisecond to ten seconds.
        case seconds
        /// Sizes and counts: 1, 2, 5 by decades.
        case values

        var upper: [Double] {
            switch self {
            case .seconds: [0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10]
            case .values: [1, 2, 5, 10, 20, 50, 100, 200, 500, 1000, 2000, 5000, 10_000, 100_000, 1_000_000]
            }
        }
    }

    private struct Content {
        var counts: [UInt64]
        var sum = 0.0
    }

    private let upper: [Double]
    private let content: Mutex<Content>

    init(_ edges: Edges) {
        upper = edges.upper
        content = Mutex(Content(counts: Array(repeating: 0, count: upper.count + 1)))
    }

    func recordNanoseconds(_ duration: Int64) { record(Double(duration) / 1e9) }
    func record(_ value: Int64) { record(Double(value)) }

    func record(_ value: Double) {
        guard value.isFinite else { return }
        let bucket = upper.firstIndex { value <= $0 } ?? upper.count
        content.withLock {
            $0.counts[bucket] &+= 1
            $0.sum += value
        }
    }

    func write(name: String, labels: Labels, to text: inout String) {
        let content = content.withLock { $0 }
        var cumulative: UInt64 = 0
        for (index, count) in content.counts.enumerated() {
            cumulative += count
            let edge = index < upper.count ? PrometheusText.number(upper[index]) : "+Inf"
            text += "\(name)_bucket\(labels.adding("le", edge)) \(cumulative)\n"
        }
        text += "\(name)_sum\(labels.text) \(PrometheusText.number(content.sum))\n"
        text += "\(name)_count\(labels.text) \(cumulative)\n"
    }
}
