// SPDX-License-Identifier: Apache-2.0

import CoreMetrics
import Testing

@testable import ServiceKit

@Suite("Prometheus metrics")
struct PrometheusTests {
    @Test("the exposition is what Prometheus reads")
    func golden() {
        let registry = PrometheusRegistry()
        Counter(label: "calls", dimensions: [("to", "b"), ("from", "a\"\\\n")], factory: registry).increment(by: 3)
        Counter(label: "calls_total", dimensions: [("to", "b"), ("from", "a\"\\\n")], factory: registry).increment()
        FloatingPointCounter(label: "9.joules", factory: registry).increment(by: 1.5)
        let meter = Meter(label: "queue.depth", factory: registry)
        meter.set(7)
        meter.decrement()
        Gauge(label: "state", factory: registry).record(1)
        let timer = Timer(label: "http.server.request.duration", dimensions: [("route", "/x")], factory: registry)
        timer.recordNanoseconds(400_000)
        timer.recordNanoseconds(20_000_000_000)
        #expect(
            registry.exposition() == """
                # TYPE _9_joules_total counter
                _9_joules_total 1.5
                # TYPE calls_total counter
                calls_total{from="a\\"\\\\\\n",to="b"} 4
                # TYPE http_server_request_duration_seconds histogram
                http_server_request_duration_seconds_bucket{route="/x",le="0.0005"} 1
                http_server_request_duration_seconds_bucket{route="/x",le="0.001"} 1
                http_server_request_duration_seconds_bucket{route="/x",le="0.0025"} 1
                http_server_request_duration_seconds_bucket{route="/x",le="0.005"} 1
                http_server_request_duration_seconds_bucket{route="/x",le="0.01"} 1
                http_server_request_duration_seconds_bucket{route="/x",le="0.025"} 1
                http_server_request_duration_seconds_bucket{route="/x",le="0.05"} 1
                http_server_request_duration_seconds_bucket{route="/x",le="0.1"} 1
                http_server_request_duration_seconds_bucket{route="/x",le="0.25"} 1
                http_server_request_duration_seconds_bucket{route="/x",le="0.5"} 1
                http_server_request_duration_seconds_bucket{route="/x",le="1"} 1
                http_server_request_duration_seconds_bucket{route="/x",le="2.5"} 1
                http_server_request_duration_seconds_bucket{route="/x",le="5"} 1
                http_server_request_duration_seconds_bucket{route="/x",le="10"} 1
                http_server_request_duration_seconds_bucket{route="/x",le="+Inf"} 2
                http_server_request_duration_seconds_sum{route="/x"} 20.0004
                http_server_request_duration_seconds_count{route="/x"} 2
                # TYPE queue_depth gauge
                queue_depth 6
                # TYPE state gauge
                state 1
                # TYPE seawall_metrics_conflicting_names gauge
                seawall_metrics_conflicting_names 0
                # TYPE seawall_metrics_dropped_series_total counter
                seawall_metrics_dropped_series_total 0

                """)
    }

    @Test("a label with too many values costs a bounded number of series")
    func cardinality() {
        let registry = PrometheusRegistry(seriesLimit: 10)
        for number in 0..<100 {
            Counter(label: "calls", dimensions: [("user", "\(number)")], factory: registry).increment()
        }
        let lines = registry.exposition().split(separator: "\n")
        #expect(lines.filter { $0.hasPrefix("calls_total{") }.count == 10)
        #expect(lines.contains("seawall_metrics_dropped_series_total 90"))
    }

    @Test("a name has one type")
    func conflict() {
        let registry = PrometheusRegistry()
        Gauge(label: "x_total", factory: registry).record(5)
        Counter(label: "x", factory: registry).increment()
        let text = registry.exposition()
        #expect(text.contains("# TYPE x_total gauge\nx_total 5\n"))
        #expect(text.contains("seawall_metrics_conflicting_names 1"))
    }

    @Test("a counter never goes down, and is not spoiled by what is no number")
    func nonsense() {
        let registry = PrometheusRegistry()
        let counter = FloatingPointCounter(label: "x", factory: registry)
        counter.increment(by: 2)
        counter.increment(by: -1)
        counter.increment(by: Double.nan)
        counter.increment(by: Double.infinity)
        #expect(registry.exposition().contains("x_total 2\n"))
    }
}
