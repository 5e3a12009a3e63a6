// SPDX-License-Identifier: Apache-2.0

internal import Metrics
internal import MetricsTestKit
internal import TestSupport
internal import Testing

@testable internal import Resilience

@Suite("An outlier ejection")
struct OutlierEjectionTests {
    private let clock = ManualClock()
    private let events = EventRecorder<OutlierEjectionEvent<String>>()

    private func ejection(mode: PolicyMode = .enforced) throws -> OutlierEjection<String> {
        try OutlierEjection(["a", "b", "c"], mode: mode, time: clock.source, onEvent: events.record)
    }

    private func fail(_ ejection: OutlierEjection<String>, _ endpoint: String) {
        for _ in 0..<5 { ejection.end(ejection.begin(endpoint), .failure) }
    }

    @Test("leaves a failing endpoint out, calls it again when its time is over or a health check says so")
    func ejects() throws {
        let ejection = try ejection()
        fail(ejection, "b")
        #expect(ejection.available == ["a", "c"])
        clock.advance(by: .seconds(5))
        #expect(ejection.available == ["a", "b", "c"])
        fail(ejection, "b")
        ejection.restore("b")
        #expect(ejection.available == ["a", "b", "c"])
        #expect(events.all.count { $0 == .returned("b") } == 2)
    }

    @Test("shadow leaves nobody out, disabled sees nothing, leaving enforced calls everybody again")
    func modes() throws {
        let ejection = try ejection(mode: .shadow)
        fail(ejection, "a")
        #expect(ejection.available.count == 3)
        #expect(events.all == [.ejected("a", cause: .consecutiveFailures, for: .seconds(5), shadow: true)])
        try ejection.configure(OutlierEjectionOptions())
        fail(ejection, "a")
        #expect(ejection.available == ["b", "c"])
        #expect(throws: ConfigurationFaults.self) { try ejection.configure(["consecutive-failures": 0, "cap": "1ms"]) }
        #expect(ejection.available == ["b", "c"])
        try ejection.configure("disabled")
        #expect(ejection.available.count == 3)
        fail(ejection, "a")
        #expect(ejection.available.count == 3)
    }

    @Test("calls to endpoints that are not in the list change nothing")
    func unknown() throws {
        let ejection = try ejection()
        fail(ejection, "x")
        #expect(ejection.available == ["a", "b", "c"])
        ejection.update([])
        #expect(ejection.available == [])
    }

    @Test("an endpoint that leaves the list while it is left out is left out no longer, in events and in metrics")
    func removedWhileEjected() throws {
        let metrics = TestMetrics()
        let ejection = try withMetricsFactory(metrics) {
            let ejection = try OutlierEjection(
                ["a", "b", "c"], name: "partner", time: clock.source, onEvent: events.record)
            fail(ejection, "b")
            ejection.update(["a", "c"])
            return ejection
        }
        #expect(events.all.last == .returned("b"))
        let labels = [("policy", "outlier-ejection"), ("name", "partner"), ("partition", ""), ("endpoint", "b")]
        #expect(try metrics.expectGauge("resilience_outlier_ejected", labels).lastValue == 0)
        ejection.update(["a", "b", "c"])
        #expect(ejection.available == ["a", "b", "c"])
        #expect(events.all.count == 2)
    }

    @Test("whoever asks who is left out is not told of ejections that are over, also when nobody has called since")
    func ejectedNow() throws {
        let ejection = try ejection()
        fail(ejection, "b")
        #expect(ejection.ejected == ["b"])
        clock.advance(by: .seconds(5))
        #expect(ejection.ejected == [])
        #expect(events.all.last == .returned("b"))
    }
}
