// SPDX-License-Identifier: Apache-2.0

import Scenarios
import Testing

@Suite("What a script leads one to expect")
struct ExpectationTests {
    private func scenario() throws -> Scenario {
        try Scenario.parse(
            """
            system: {targets: {web: "http://127.0.0.1:1"}}
            load:
              steady: {executor: constant-arrival-rate, rate: 50/s, duration: 60s, journeys: {short: 3, long: 1}}
              rush:
                executor: ramping-arrival-rate
                start: 10s
                start-rate: 10/s
                stages: [{duration: 10s, target: 110/s}, {duration: 10s, target: 0/s}]
                journeys: short
              loop: {executor: ramping-vus, start-vus: 2, stages: [{duration: 10s, target: 20}, {duration: 5s, target: 0}]}
            journeys:
              short: [{get: /}]
              long:
                - {get: /}
                - think: 1s..3s
                - loop: 3
                  steps: [{get: /more}, {think: {exponential: 2s}}]
            """)
    }

    @Test("the rate of a load at an instant lies on its lines")
    func rates() throws {
        let load = try scenario().load
        #expect(load[0].ratePerSecond(at: .zero) == 50 && load[0].ratePerSecond(at: .seconds(60)) == 0)
        let rush = [9, 10, 15, 20, 25, 30].map { load[1].ratePerSecond(at: .seconds($0)) }
        #expect(rush == [0, 10, 60, 110, 55, 0])
        #expect(load[2].ratePerSecond(at: .seconds(1)) == nil)
        #expect(load.map(\.mostUsers) == [nil, nil, 20])
    }

    @Test("journeys think and ask with their weights and all their rounds, and the peak is that of all loads together")
    func means() throws {
        let scenario = try scenario()
        // A quarter of the steady load is long: 2 s + 3 × 2 s of thinking, 4 requests.
        #expect(scenario.meanThinkTime(of: scenario.load[0]) == .seconds(2))
        #expect(scenario.meanRequests(of: scenario.load[0]) == 1.75)
        #expect(scenario.meanThinkTime(of: scenario.load[1]) == .zero)
        let peak = try #require(scenario.peak { _ in 1 })
        #expect(abs(peak - 160) < 1e-6)
        let requests = try #require(scenario.peak { scenario.meanRequests(of: $0) ?? 0 })
        #expect(abs(requests - (50 * 1.75 + 110)) < 1e-6)
    }
}
