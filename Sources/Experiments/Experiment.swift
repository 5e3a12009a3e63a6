// SPDX-License-Identifier: Apache-2.0

internal import FaultInjection
internal import Foundation
internal import LoadGenerator
package import Measurement
package import Scenarios

/// A scenario played once under each of its variants, with everything that takes: processes, people, load, faults, verdicts.
package struct Experiment: Sendable {
    /// What happens, for whoever shows it. Delivered in order within one variant, from any thread.
    package enum Event: Sendable {
        /// Something that takes a moment begins: "starting the social network".
        case began(String)
        case seeding(PopulationSeeder.Progress)
        /// The load of a variant begins: its number counts from 1.
        case playing(variant: String, number: Int, of: Int, planned: Duration)
        case second(LiveSecond)
        case played(RunRecord)
    }

    /// What an experiment left.
    package struct Result: Sendable {
        /// At least one run.
        package var record: ExperimentRecord
        /// Why the experiment ended early, unless somebody stopped it.
        package var failure: ExperimentError?
    }

    private let scenario: Scenario
    private let variants: [Scenario.Variant]
    private let executables: Executables
    /// Folder of this experiment's results; logs go into its `logs`.
    private let directory: String
    private let version: String

    /// - Parameter variants: Names of the variants to play, in this order; empty for all.
    /// - Throws: `ExperimentError` for a variant that the script does not have.
    package init(
        scenario: Scenario, variants names: [String] = [], executables: Executables, directory: String, version: String
    ) throws(ExperimentError) {
        self.scenario = scenario
        self.executables = executables
        self.directory = directory
        self.version = version
        var chosen: [Scenario.Variant] = []
        for name in names.isEmpty ? scenario.variants.map(\.name) : names {
            guard let variant = scenario.variants.first(where: { $0.name == name }) else {
                throw ExperimentError(
                    .script, "the scenario \(scenario.name) has no variant '\(name)'",
                    advice: "its variants are: \(scenario.variants.map(\.name).joined(separator: ", "))")
            }
            chosen.append(variant)
        }
        variants = chosen
    }

    /// Plays everything. Cancel the task to stop: what was measured until then is returned.
    ///
    /// - Throws: `ExperimentError` or `CancellationError` when it ends before anything was measured. Nothing is left running.
    package func run(onEvent: @escaping @Sendable (Event) -> Void) async throws -> Result {
        var record = ExperimentRecord(
            scenario: ScenarioInfo(
                name: scenario.name, description: scenario.description, script: scenario.source, seed: scenario.seed,
                variants: variants.map(\.name)), machine: .probe(), seawallVersion: version,
            startedAt: ISO8601DateFormatter().string(from: Date()), runs: [])
        var failure: ExperimentError?
        do {
            switch scenario.system {
            case .social: try await playSocial(&record, &failure, onEvent)
            case .targets(let targets): try await play(targets, &record, &failure, onEvent)
            }
        } catch let error where !record.runs.isEmpty {
            // A later variant that can't start does not take the measurements of the earlier ones away.
            if Task.isCancelled {
                record.interruption = "stopped by the user"
            } else {
                failure = error as? ExperimentError ?? ExperimentError(.system, networkErrorText(error))
            }
        } catch {
            if Task.isCancelled { throw CancellationError() }
            throw error as? ExperimentError ?? ExperimentError(.system, networkErrorText(error))
        }
        record.interruption = record.interruption ?? failure?.message
        return Result(record: record, failure: failure)
    }

    // MARK: - The social network

    private func playSocial(
        _ record: inout ExperimentRecord, _ failure: inout ExperimentError?,
        _ onEvent: @escaping @Sendable (Event) -> Void
    ) async throws {
        let work = try WorkFolder()
        defer { work.remove() }
        let lab = SocialLab(scenario: scenario, executables: executables, logs: "\(directory)/logs", work: work)
        let population = try await lab.seed(onEvent: onEvent)
        for (index, variant) in variants.enumerated() {
            let run = try await lab.withNetwork(for: variant, number: index) { network in
                var targets: [Plan.Target] = []
                for service in ServiceName.allCases {
                    targets.append(
                        Plan.Target(
                            name: service.rawValue, host: "127.0.0.1", port: await network.port(of: service) ?? 0,
                            tls: .init(rootsFile: network.rootsFile)))
                }
                return try await play(variant, index, targets, population, network, onEvent)
            }
            guard keep(run, &record, &failure) else { return }
        }
    }

    // MARK: - Systems that are already there

    private func play(
        _ targets: [Scenario.Target], _ record: inout ExperimentRecord, _ failure: inout ExperimentError?,
        _ onEvent: @escaping @Sendable (Event) -> Void
    ) async throws {
        guard scenario.faults.isEmpty else {
            throw ExperimentError(.script, "faults need `system: social`: Seawall can't reach into other systems")
        }
        onEvent(.began("reaching \(targets.map(\.name).joined(separator: ", "))"))
        for target in targets { try await TargetProbe.check(target) }
        let compiled = try targets.map { try TargetProbe.planTarget($0) }
        for (index, variant) in variants.enumerated() {
            let run = try await play(variant, index, compiled, nil, nil, onEvent)
            guard keep(run, &record, &failure) else { return }
        }
    }

    // MARK: - Both

    private func play(
        _ variant: Scenario.Variant, _ index: Int, _ targets: [Plan.Target], _ population: SeededPopulation?,
        _ network: RunningNetwork?, _ onEvent: @escaping @Sendable (Event) -> Void
    ) async throws -> PlayedVariant {
        let plan = try PlanCompiler(scenario: scenario, targets: targets, population: population).compile()
        let planned = plan.sources.map { $0.startOffset + $0.duration }.max() ?? .zero
        onEvent(.playing(variant: variant.name, number: index + 1, of: variants.count, planned: planned))
        let played = try await VariantPlay(scenario: scenario, variant: variant, plan: plan, network: network)
            .run { onEvent(.second($0)) }
        onEvent(.played(played.record))
        return played
    }

    /// Adds a run to the record; false when it ended early, which ends the experiment.
    private func keep(
        _ played: PlayedVariant, _ record: inout ExperimentRecord, _ failure: inout ExperimentError?
    ) -> Bool {
        record.runs.append(played.record)
        record.interruption = played.record.interruption
        failure = played.failure
        return played.record.interruption == nil
    }
}
