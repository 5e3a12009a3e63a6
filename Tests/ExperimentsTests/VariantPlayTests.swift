// SPDX-License-Identifier: Apache-2.0

import LoadGenerator
import Scenarios
import Synchronization
import Testing

@testable import Experiments

@Suite("The play of a variant")
struct VariantPlayTests {
    @Test("tells what may go wrong before the load begins")
    func warnings() async throws {
        let scenario = try Scenario.parse(
            """
            system: {targets: {web: "http://127.0.0.1:1"}}
            connections: {strategy: per-request}
            load: {all: {executor: constant-arrival-rate, rate: 1000000/s, duration: 60s}}
            journeys: {look: [{get: /}]}
            """)
        let targets = [Plan.Target(name: "web", host: "127.0.0.1", port: 1, tls: nil)]
        let plan = try PlanCompiler(scenario: scenario, targets: targets, population: nil).compile()
        let variant = try #require(scenario.variants.first)
        let warnings = Mutex<[String]>([])
        // Cancelled before it begins, the load ends before anything is sent.
        let play = Task {
            withUnsafeCurrentTask { $0?.cancel() }
            return try await VariantPlay(scenario: scenario, variant: variant, plan: plan, network: nil).run(
                onWarning: { warning in warnings.withLock { $0.append(warning) } }, onTick: { _ in })
        }
        _ = try? await play.value
        let told = warnings.withLock { $0 }
        #expect(told.count == 1)
        #expect(told.first?.contains("may need 1000000 local ports") == true, "\(told)")
    }
}
