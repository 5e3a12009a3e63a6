// SPDX-License-Identifier: Apache-2.0

internal import FaultInjection
internal import Foundation
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
        /// What may go wrong although the load can be played, told before it begins.
        case warning(String)
        case second(LiveSecond)
        case played(RunRecord)
    }

    /// What an experiment left.
    package struct Result: Sendable {
        /// At least one run.
        package var record: ExperimentRecord
        /// What kept the experiment from its end, unless somebody stopped it.
        package var failure: ExperimentError?
        /// Whether somebody stopped it.
        package var wasStopped: Bool
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
            try await TestBed.use(scenario, executables: executables, directory: directory, onEvent: onEvent) { bed in
                try await play(on: bed, &record, &failure, onEvent)
            }
        } catch let error where !record.runs.isEmpty {
            // A later variant that can't start does not take the measurements of the earlier ones away.
            if Task.isCancelled {
                record.interruption = Self.userStop
            } else {
                failure = error as? ExperimentError ?? ExperimentError(.system, networkErrorText(error))
            }
        } catch {
            if Task.isCancelled { throw CancellationError() }
            throw error as? ExperimentError ?? ExperimentError(.system, networkErrorText(error))
        }
        let wasStopped = record.interruption == Self.userStop
        record.interruption = record.interruption ?? failure?.message
        return Result(record: record, failure: failure, wasStopped: wasStopped)
    }

    /// What a record says that somebody stopped.
    static let userStop = "stopped by the user"

    private func play(
        on bed: TestBed, _ record: inout ExperimentRecord, _ failure: inout ExperimentError?,
        _ onEvent: @escaping @Sendable (Event) -> Void
    ) async throws {
        for (index, variant) in variants.enumerated() {
            let played = try await bed.play(
                scenario, variant, number: index, log: variant.name,
                listener: .init(
                    onPlan: { planned in
                        onEvent(
                            .playing(variant: variant.name, number: index + 1, of: variants.count, planned: planned))
                    }, onWarning: { onEvent(.warning($0)) }, onSecond: { onEvent(.second($0)) }))
            onEvent(.played(played.record))
            record.runs.append(played.record)
            record.interruption = played.record.interruption
            failure = played.failure
            if played.record.interruption != nil { return }
            let later = variants.dropFirst(index + 1).map(\.name)
            if played.endsExperiment, let cause = played.record.abortedBy, !later.isEmpty {
                record.interruption = "\(later.joined(separator: ", ")) not played, because in \(variant.name) \(cause)"
                return
            }
        }
    }
}
