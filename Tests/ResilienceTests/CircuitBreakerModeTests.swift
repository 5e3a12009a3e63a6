// SPDX-License-Identifier: Apache-2.0

internal import Metrics
internal import MetricsTestKit
internal import Synchronization
internal import TestSupport
internal import Testing

@testable internal import Resilience

@Suite("A breaker beside a pipeline and its modes")
struct CircuitBreakerModeTests {
    let clock = ManualClock()

    private func breaker(
        _ options: CircuitBreakerOptions = .small, mode: PolicyMode = .enforced, startsOpen: Bool = false
    ) throws -> (CircuitBreaker, @Sendable () -> [CircuitBreakerEvent]) {
        let events = EventBox()
        let breaker = try CircuitBreaker(
            options, mode: mode, startsOpen: startsOpen, time: clock.source, seed: 1, onEvent: events.append)
        return (breaker, { events.all })
    }

    private final class EventBox: Sendable {
        private let events = Mutex<[CircuitBreakerEvent]>([])
        var all: [CircuitBreakerEvent] { events.withLock { $0 } }
        var append: @Sendable (CircuitBreakerEvent) -> Void { { event in self.events.withLock { $0.append(event) } } }
    }

    private static func isTransition(_ event: CircuitBreakerEvent) -> Bool {
        if case .transition = event { true } else { false }
    }

    @Test("in shadow each threshold is reported once, and every call passes and is said to be refused (resilience4j)")
    func shadowReportsOnce() throws {
        let (breaker, events) = try breaker(mode: .shadow)
        for _ in 0..<4 { try breaker.acquire().fail() }
        for _ in 0..<20 { try breaker.acquire().fail() }
        #expect(events().filter(Self.isTransition).count == 1)
        #expect(events().filter { $0 == .rejected(.circuitOpen, shadow: true) }.count == 20)
        #expect(!events().contains(.lateResult), "calls that only passed in shadow have no say")
    }

    @Test(
        "calls that were admitted before it was disabled or forced open don't trip it",
        arguments: [
            PolicyMode.disabled, .forcedOpen,
        ])
    func switchedOff(mode: PolicyMode) throws {
        let (breaker, events) = try breaker()
        let tickets = (0..<10).compactMap { _ -> CircuitBreaker.Ticket? in
            if case .admitted(let ticket) = breaker.admit(at: clock.now) { ticket } else { nil }
        }
        try breaker.configure(.string(mode.rawValue))
        for (index, ticket) in tickets.enumerated() {
            breaker.record(ticket, index < 5 ? .failure : .success, duration: 0, retryAfter: nil, at: clock.now)
        }
        #expect(breaker.status.state == .closed)
        #expect(breaker.status.calls == 0)
        #expect(events().isEmpty)
        try breaker.configure("enforced")
        #expect(breaker.status.calls == 0)
        for _ in 0..<4 { try breaker.acquire().fail() }
        #expect(breaker.status.state == .open)
    }

    @Test("forced open it reports refusals like any others, no transitions, and never probes (Polly Isolated)")
    func forcedOpen() throws {
        let (breaker, events) = try breaker(mode: .forcedOpen)
        for _ in 0..<3 {
            #expect(throws: Rejection(.forcedOpen)) { _ = try breaker.acquire() }
            clock.advance(by: .seconds(1_000))
        }
        #expect(events() == Array(repeating: .rejected(.forcedOpen, shadow: false), count: 3))
    }

    @Test("it can start open, and then probes after its open time like any other (resilience4j)")
    func startsOpen() throws {
        let (breaker, events) = try breaker(startsOpen: true)
        #expect(breaker.status.state == .open)
        #expect(breaker.status.openFor == .seconds(2))
        #expect(throws: Rejection(.circuitOpen, retryAfter: .seconds(2))) { _ = try breaker.acquire() }
        clock.advance(by: .seconds(2))
        try breaker.acquire().fail()
        #expect(breaker.status.openFor == .seconds(4), "it has been open before")
        #expect(events().filter(Self.isTransition).count == 2, "starting is no transition")
    }

    @Test("it can start in shadow")
    func startsInShadow() throws {
        let (breaker, _) = try breaker(mode: .shadow, startsOpen: true)
        #expect(breaker.setting.mode == .shadow)
        try breaker.acquire().succeed()
        #expect(breaker.status.state == .open)
    }

    @Test("it is changed while it is used as every other policy is, and keeps its state")
    func configured() throws {
        let (breaker, _) = try breaker()
        for _ in 0..<3 { try breaker.acquire().fail() }
        try breaker.configure(["minimum-calls": 3, "mode": "shadow"])
        #expect(breaker.setting.mode == .shadow)
        #expect(breaker.setting.options?.minimumCalls == 3)
        #expect(breaker.setting.options?.open.base == .seconds(2), "what the edit does not name stays")
        #expect(breaker.status.calls == 3)
        try breaker.configure("enforced")
        try breaker.acquire().succeed()
        #expect(breaker.status.state == .open)
        try breaker.configure("forced-closed")
        try breaker.acquire().succeed()
        let error = #expect(throws: ConfigurationFaults.self) {
            try breaker.configure(["failure-rate": "200%", "window": 0])
        }
        #expect(error?.faults.map(\.path) == [["failure-rate"], ["window"]])
        #expect(throws: ConfigurationFaults.self) { try breaker.configure(CircuitBreakerOptions(window: .count(-1))) }
        #expect(breaker.setting.mode == .forcedClosed)
        try breaker.configure(CircuitBreakerOptions(minimumCalls: 7))
        #expect(breaker.setting == PolicySetting(mode: .enforced, options: CircuitBreakerOptions(minimumCalls: 7)))
        #expect(breaker.status.state == .open)
    }

    @Test("with a name it exports the metrics of pipelines, and without one none")
    func metrics() throws {
        let metrics = TestMetrics()
        try withMetricsFactory(metrics) {
            for name in ["partner", nil] {
                let breaker = try CircuitBreaker(.small, name: name, time: clock.source)
                let late = breaker.admit(at: clock.now)
                for _ in 0..<4 { try breaker.acquire().fail() }
                #expect(throws: Rejection.self) { _ = try breaker.acquire() }
                if case .admitted(let ticket) = late {
                    breaker.record(ticket, .success, duration: 0, retryAfter: nil, at: clock.now)
                }
            }
        }
        let common = Labels.of("circuit-breaker", "partner")
        let refused = try metrics.expectCounter(
            "resilience_rejections_total", common + [("reason", "open"), ("mode", "enforced")])
        #expect(refused.totalValue == 1)
        let opened = try metrics.expectCounter(
            "resilience_circuitbreaker_transitions_total",
            common + [("from", "closed"), ("to", "open"), ("cause", "failure-rate")])
        #expect(opened.totalValue == 1)
        let late = try metrics.expectCounter("resilience_calls_total", common + [("outcome", "late")])
        #expect(late.totalValue == 1)
        for (state, value) in [("open", 1), ("closed", 0), ("half-open", 0)] as [(String, Double)] {
            let gauge = try metrics.expectGauge("resilience_circuitbreaker_state", common + [("state", state)])
            #expect(gauge.lastValue == value)
        }
        #expect(
            metrics.counters.allSatisfy { counter in counter.dimensions.contains { $0.0 == "name" && $0.1 == "partner" }
            })
    }
}
