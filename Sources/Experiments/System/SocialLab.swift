// SPDX-License-Identifier: Apache-2.0

internal import FaultInjection
internal import Scenarios

/// Starts social networks that all have the same people and posts: seeded once, copied for each variant.
struct SocialLab: Sendable {
    let scenario: Scenario
    let executables: Executables
    let logs: String
    let work: WorkFolder

    /// Seeds a network, stops it and keeps its data.
    ///
    /// - Throws: `ExperimentError` or `CancellationError`; nothing is left running.
    func seed(onEvent: @escaping @Sendable (Experiment.Event) -> Void) async throws -> SeededPopulation {
        onEvent(.began("starting the social network"))
        return try await with(configuration(data: "seed", log: "seeding")) { network in
            try await network.seed(scenario.population, seed: scenario.seed) { onEvent(.seeding($0)) }
        }
    }

    /// Starts a network for a variant, on a fresh copy of the data, with the variant's policies; stops it after `body`.
    ///
    /// - Parameters:
    ///   - number: Different for each network of the lab.
    ///   - log: Name of the folder for its logs.
    func withNetwork<Result: Sendable>(
        for variant: Scenario.Variant, number: Int, log: String, _ body: (RunningNetwork) async throws -> Result
    ) async throws -> Result {
        let data = "variant-\(number)"
        try work.copy("seed", to: data)
        defer { work.remove(data) }
        var configuration = configuration(data: data, log: log)
        configuration.seed = scenario.seed
        for case .edge(let from, let to) in scenario.faults.map(\.location) {
            configuration.proxiedEdges.insert(Edge(from: from, to: to))
        }
        return try await with(configuration) { network in
            try await network.apply(scenario.policies, of: "the scenario")
            try await network.apply(variant.edits, of: "the variant \(variant.name)")
            return try await body(network)
        }
    }

    private func configuration(data: String, log: String) -> RunningNetwork.Configuration {
        RunningNetwork.Configuration(
            executables: executables, dataDirectory: "\(work.path)/\(data)", tlsDirectory: "\(work.path)/tls",
            logDirectory: "\(logs)/\(log)", adminToken: RunningNetwork.newAdminToken())
    }

    private func with<Result: Sendable>(
        _ configuration: RunningNetwork.Configuration, _ body: (RunningNetwork) async throws -> Result
    ) async throws -> Result {
        let network = try await RunningNetwork.start(configuration)
        do {
            let result = try await body(network)
            await network.stop()
            return result
        } catch {
            await network.stop()
            throw network.failure.current ?? error
        }
    }
}
