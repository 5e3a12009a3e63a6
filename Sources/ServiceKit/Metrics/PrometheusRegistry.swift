// SPDX-License-Identifier: Apache-2.0

package import CoreMetrics
internal import Synchronization

/// Keeps the metrics of a process for Prometheus to scrape: a `MetricsFactory` for swift-metrics.
///
/// The same label and dimensions give the same series. Names are mangled as Prometheus wants them, counters end in `_total`
/// and timers become histograms in seconds. A family has at most ``seriesLimit`` series: what would be more is counted as
/// dropped and costs no memory. Safe from any thread; a scrape does not stop writers.
package final class PrometheusRegistry: MetricsFactory {
    /// The most series of one family, so that a label with unbounded values can't eat the memory.
    package let seriesLimit: Int

    struct State {
        var families: [String: Family] = [:]
        var droppedSeries: Int64 = 0
        /// Names that were asked for as two different types.
        var conflicts: Set<String> = []
    }

    struct Family {
        var kind: Kind
        var series: [Labels: any PrometheusSeries] = [:]
    }

    enum Kind: String {
        case counter, gauge, histogram
    }

    let state = Mutex(State())

    package init(seriesLimit: Int = 1000) {
        self.seriesLimit = seriesLimit
    }

    /// The series of a name and dimensions, made when it is new; nil when there is no room or the name has another type.
    private func series<Series: PrometheusSeries>(
        _ label: String, _ dimensions: [(String, String)], _ kind: Kind, suffix: String = "", make: () -> Series
    ) -> Series? {
        let name = PrometheusText.name(label, suffix: suffix)
        let labels = Labels(dimensions)
        return state.withLock { state in
            var family = state.families[name] ?? Family(kind: kind)
            guard family.kind == kind else {
                state.conflicts.insert(name)
                return nil
            }
            if let known = family.series[labels] { return known as? Series }
            guard family.series.count < seriesLimit else {
                state.droppedSeries += 1
                return nil
            }
            let made = make()
            family.series[labels] = made
            state.families[name] = family
            return made
        }
    }

    // MARK: - MetricsFactory

    package func makeCounter(label: String, dimensions: [(String, String)]) -> any CounterHandler {
        series(label, dimensions, .counter, suffix: "_total") { CounterSeries() } ?? NOOPMetricsHandler.instance
    }

    package func makeFloatingPointCounter(
        label: String, dimensions: [(String, String)]
    ) -> any FloatingPointCounterHandler {
        series(label, dimensions, .counter, suffix: "_total") { CounterSeries() } ?? NOOPMetricsHandler.instance
    }

    package func makeMeter(label: String, dimensions: [(String, String)]) -> any MeterHandler {
        series(label, dimensions, .gauge) { GaugeSeries() } ?? NOOPMetricsHandler.instance
    }

    package func makeRecorder(label: String, dimensions: [(String, String)], aggregate: Bool) -> any RecorderHandler {
        if aggregate {
            series(label, dimensions, .histogram) { HistogramSeries(.values) } ?? NOOPMetricsHandler.instance
        } else {
            series(label, dimensions, .gauge) { GaugeSeries() } ?? NOOPMetricsHandler.instance
        }
    }

    package func makeTimer(label: String, dimensions: [(String, String)]) -> any TimerHandler {
        series(label, dimensions, .histogram, suffix: "_seconds") { HistogramSeries(.seconds) }
            ?? NOOPMetricsHandler.instance
    }

    // Series stay: Prometheus counts on a counter that does not come and go. Their number is bounded.
    package func destroyCounter(_ handler: any CounterHandler) {}
    package func destroyFloatingPointCounter(_ handler: any FloatingPointCounterHandler) {}
    package func destroyMeter(_ handler: any MeterHandler) {}
    package func destroyRecorder(_ handler: any RecorderHandler) {}
    package func destroyTimer(_ handler: any TimerHandler) {}
}
