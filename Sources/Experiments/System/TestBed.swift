// SPDX-License-Identifier: Apache-2.0

internal import LoadGenerator
internal import Measurement
internal import Scenarios

/// The system of a scenario, brought up as the script says, on which load is played as often as wanted.
struct TestBed: Sendable {
    private enum System: Sendable {
        /// Seeded once; every play has a network of its own on a fresh copy of the data.
        case social(SocialLab, SeededPopulation)
        /// Servers that are already there.
        case targets([Plan.Target])
        /// Virtual stations; every play has a process of its own.
        case stations(StationLab)
    }

    private let system: System

    /// Brings the system of the scenario up, or makes sure that it is there, and takes it down after `body`.
    ///
    /// - Parameters:
    ///   - directory: Folder for logs, in its `logs`.
    ///   - onEvent: Is told what takes a moment.
    /// - Throws: `ExperimentError`, `CancellationError` or what `body` throws. Nothing is left running.
    static func use<Result: Sendable>(
        _ scenario: Scenario, executables: Executables, directory: String,
        onEvent: @escaping @Sendable (Experiment.Event) -> Void, _ body: (TestBed) async throws -> Result
    ) async throws -> Result {
        switch scenario.system {
        case .social:
            let work = try WorkFolder()
            defer { work.remove() }
            let lab = SocialLab(scenario: scenario, executables: executables, logs: "\(directory)/logs", work: work)
            return try await body(TestBed(system: .social(lab, try await lab.seed(onEvent: onEvent))))
        case .targets(let targets):
            guard scenario.faults.isEmpty else {
                throw ExperimentError(
                    .script, "faults need `system: social` or stations: Seawall can't reach into other systems")
            }
            onEvent(.began("reaching \(targets.map(\.name).joined(separator: ", "))"))
            for target in targets { try await TargetProbe.check(target) }
            return try await body(TestBed(system: .targets(try targets.map { try TargetProbe.planTarget($0) })))
        case .stations(let stations, let tls):
            let work = try WorkFolder()
            defer { work.remove() }
            let lab = StationLab(
                stations: stations, tls: tls, executables: executables, logs: "\(directory)/logs", work: work.path)
            return try await body(TestBed(system: .stations(lab)))
        }
    }

    /// Whether every play begins with a system that knows nothing of the one before.
    var isFreshForEachPlay: Bool { if case .targets = system { false } else { true } }

    /// Who is told what while a scenario is played.
    struct Listener: Sendable {
        /// Gets the planned length when everything is ready, before the load begins.
        var onPlan: @Sendable (Duration) -> Void = { _ in }
        /// What may go wrong although the load can be played, before it begins.
        var onWarning: @Sendable (String) -> Void = { _ in }
        var onSecond: @Sendable (LiveSecond) -> Void = { _ in }
    }

    /// Plays a scenario's load and faults under one variant and holds the run against the thresholds.
    ///
    /// - Parameters:
    ///   - scenario: The test bed's own, with whatever load.
    ///   - number: Different for each play.
    ///   - log: Name of the folder for the logs of this play.
    func play(
        _ scenario: Scenario, _ variant: Scenario.Variant, number: Int, log: String, listener: Listener
    ) async throws -> PlayedVariant {
        switch system {
        case .targets(let targets):
            return try await play(scenario, variant, targets, listener)
        case .stations(let lab):
            return try await lab.withStations(seed: scenario.seed, log: log) { stations in
                try await play(scenario, variant, stations.targets, stations: stations, listener)
            }
        case .social(let lab, let population):
            return try await lab.withNetwork(for: variant, number: number, log: log) { network in
                var targets: [Plan.Target] = []
                for service in ServiceName.allCases {
                    targets.append(
                        Plan.Target(
                            name: service.rawValue, host: "127.0.0.1", port: await network.port(of: service) ?? 0,
                            tls: .init(rootsFile: network.rootsFile)))
                }
                return try await play(
                    scenario, variant, targets, population: population, network: network, listener)
            }
        }
    }

    private func play(
        _ scenario: Scenario, _ variant: Scenario.Variant, _ targets: [Plan.Target],
        population: SeededPopulation? = nil, network: RunningNetwork? = nil, stations: RunningStations? = nil,
        _ listener: Listener
    ) async throws -> PlayedVariant {
        let plan = try PlanCompiler(scenario: scenario, targets: targets, population: population).compile()
        listener.onPlan(plan.sources.map { $0.startOffset + $0.duration }.max() ?? .zero)
        return try await VariantPlay(
            scenario: scenario, variant: variant, plan: plan, network: network, stations: stations
        ).run(onWarning: listener.onWarning, onTick: listener.onSecond)
    }
}
