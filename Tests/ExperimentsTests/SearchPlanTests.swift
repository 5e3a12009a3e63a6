// SPDX-License-Identifier: Apache-2.0

import FaultInjection
import Scenarios
import Testing

@testable import Experiments

@Suite("The plan of a search")
struct SearchPlanTests {
    private func scenario(faults: String) throws -> Scenario {
        try Scenario.parse(
            """
            system: {stations: {db: 5ms, web: 5ms}}
            load: {all: {executor: constant-arrival-rate, rate: 40/s, duration: 60s, warmup: 4s}}
            journeys: {look: [{get: /, service: db}, {get: /, service: web}]}
            faults: \(faults)
            thresholds: [p99 < 1s, p99 < 2s during fault, p99 < 500ms during baseline, errors < 1% during recovery]
            """)
    }

    private let twoFaults =
        "[{at: 10s, for: 5s, on: db, slow: 3}, {at: 20s, for: 5s, on: web, error: {status: 500, rate: 10%}}]"

    private func wishes(withFaults: Bool) -> SearchPlan.Wishes {
        var wishes = SearchPlan.Wishes()
        wishes.withFaults = withFaults
        return wishes
    }

    @Test("leaves the script's faults out unless they are asked for, and says so")
    func without() throws {
        let scenario = try scenario(faults: twoFaults)
        let plan = try SearchPlan(scenario, wishes(withFaults: false))
        #expect(plan.notes == ["the faults of the script were left out: levels are played without them"])
        #expect(plan.goals.map(\.expression) == ["p99 < 1s"])
        let level = try scenario.level(
            rate: 10, length: .seconds(10), warmup: .seconds(4), grace: .seconds(2), seed: 1, goals: plan.goals)
        #expect(level.faults.isEmpty)
    }

    @Test("with faults has all of them active from the middle of the warm-up until the last requests have ended")
    func with() throws {
        let scenario = try scenario(faults: twoFaults)
        let plan = try SearchPlan(scenario, wishes(withFaults: true))
        #expect(
            plan.notes == ["each level is measured with these faults active: db: slow 3.0×, web: error 500 for 10.0 %"]
        )
        let level = try scenario.level(
            rate: 10, length: .seconds(10), warmup: .seconds(4), grace: .seconds(2), seed: 1, goals: plan.goals,
            withFaults: true)
        #expect(level.faults.map(\.start) == [.seconds(2), .seconds(2)])
        #expect(level.faults.map(\.duration) == [.seconds(14), .seconds(14)])
        #expect(level.faults.map(\.kind) == scenario.faults.map(\.kind))
        // A level is all fault: what must hold in the fault is a goal, of the whole of it.
        #expect(plan.goals.map(\.expression) == ["p99 < 1s", "p99 < 2s during fault"])
        #expect(plan.goals.allSatisfy { $0.part == nil })
    }

    @Test("refuses faults that a level can't have at once, and a script that has none")
    func impossible() throws {
        let one = try scenario(faults: "[{at: 10s, for: 5s, on: db, slow: 3}, {at: 20s, for: 5s, on: db, freeze: {}}]")
        let error = #expect(throws: ExperimentError.self) { try SearchPlan(one, wishes(withFaults: true)) }
        #expect(error?.message.contains("'db: slow 3.0×' and 'db: freeze' one after the other") == true)
        let none = try Scenario.parse(
            """
            system: {stations: {db: 5ms}}
            load: {all: {executor: constant-arrival-rate, rate: 40/s, duration: 60s}}
            journeys: {look: [{get: /}]}
            thresholds: [p99 < 1s]
            """)
        #expect(throws: ExperimentError.self) { try SearchPlan(none, wishes(withFaults: true)) }
    }
}
