// SPDX-License-Identifier: Apache-2.0

import FaultInjection
import Scenarios
import Stations
import Testing

@Suite("Scripts on virtual stations")
struct StationScriptTests {
    static let script = """
        name: queues
        system:
          tls: true
          stations:
            db: exp(5ms)
            web: {slots: 4, service: "hyperexp(2ms, 8)", queue: lifo(100), drop-expired: true}
            leaf: {slots: inf, service: table(tail-at-scale)}
        load:
          all: {executor: constant-arrival-rate, rate: 10/s, duration: 20s}
        journeys:
          read:
            - {get: /, service: db}
            - {get: /x, service: leaf}
        faults:
          - {at: 2s, for: 2s, on: db, freeze: {}}
          - {at: 2s, for: 2s, on: web, slow: 2.5}
          - {at: 5s, for: 2s, on: web, error: {status: 500, rate: 10%}}
        """

    @Test("stations are read with their slots, service times and queues")
    func stations() throws {
        let scenario = try Scenario.parse(Self.script)
        let expected = [
            Scenario.Station(name: "db", options: StationOptions(service: .exponential(mean: 5e6))),
            Scenario.Station(
                name: "web",
                options: StationOptions(
                    slots: 4, service: .hyperexponential(mean: 2e6, squaredVariation: 8),
                    queue: QueueDiscipline(.lifo, limit: 100), dropsExpired: true)),
            Scenario.Station(
                name: "leaf", options: StationOptions(slots: nil, service: .table(.tailAtScale))),
        ]
        #expect(scenario.system == .stations(expected, tls: true))
        #expect(scenario.system.targetNames == ["db", "web", "leaf"])
        #expect(scenario.system.pipelineNames.isEmpty)
    }

    @Test("stations freeze, slow down and fail")
    func faults() throws {
        let faults = try Scenario.parse(Self.script).faults
        #expect(faults.map(\.kind) == [.freeze, .slow(factor: 2.5), .error(status: 500, rate: 0.1)])
        #expect(faults.map(\.location) == [.service("db"), .service("web"), .service("web")])
    }
}
