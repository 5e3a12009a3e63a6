// SPDX-License-Identifier: Apache-2.0

internal import FaultInjection
internal import Foundation
package import LoadGenerator
internal import Measurement
internal import Scenarios

/// One play of the load under one variant: load, faults and policy samples on one clock.
struct VariantPlay {
    let scenario: Scenario
    let variant: Scenario.Variant
    let plan: Plan
    /// Nil when the system is not ours: then there are no faults, no policies and nobody to watch.
    let network: RunningNetwork?

    /// Plays the plan and returns what was measured, also when it ended early.
    ///
    /// Cancelling the task stops the load; the record says so then.
    ///
    /// - Parameter onTick: Called once a second from the generator's thread.
    /// - Throws: `ExperimentError` when the load can't be started.
    func run(onTick: @escaping @Sendable (LiveSecond) -> Void) async throws -> PlayedVariant {
        let engine: LoadEngine
        do { engine = try LoadEngine(plan) } catch { throw ExperimentError(.system, error.message) }
        let conductor = network.map { FaultConductor(network: $0, seed: scenario.seed) }
        let sampler = network.map(PolicySampler.init)
        let labels = LatestLabels()
        let began = OneShot<UInt64>()
        let failure = OneShot<ExperimentError>()
        let startedAt = ISO8601DateFormatter().string(from: Date())

        let result = await withTaskGroup { group -> Result<LoadResult, LoadEngineError> in
            if let conductor, let sampler, let network {
                for (number, fault) in scenario.faults.enumerated() {
                    group.addTask {
                        await play(fault, number, conductor, began: began, failure: failure, labels: labels)
                    }
                }
                group.addTask {
                    if let origin = await began.value() { await sampler.run(clock: RunClock(origin: origin)) }
                }
                group.addTask {
                    if let dead = await network.failure.value() { failure.set(dead) }
                }
            }
            group.addTask { if await failure.value() != nil { engine.stop() } }
            let result: Result<LoadResult, LoadEngineError>
            do throws(LoadEngineError) {
                result = .success(
                    try await engine.run(onStart: { began.set($0) }) { tick in
                        onTick(
                            LiveSecond(
                                variant: variant.name, tick: tick, faults: labels.current,
                                breakers: sampler?.breakers ?? []))
                    })
            } catch {
                result = .failure(error)
            }
            group.cancelAll()
            return result
        }
        let loaded: LoadResult
        switch result {
        case .success(let value): loaded = value
        case .failure(let error): throw ExperimentError(.system, error.message)
        }
        if let sampler, failure.current == nil, !Task.isCancelled, let origin = began.current {
            await sampler.sample(at: RunClock(origin: origin))
        }

        var run = record(loaded, startedAt: startedAt)
        run.faults = await conductor?.record ?? []
        run.policySamples = sampler?.record ?? []
        if let error = failure.current {
            run.interruption = error.message
        } else if Task.isCancelled || loaded.wasStopped {
            run.interruption = "stopped by the user"
        }
        let end = run.interruption == nil ? run.plannedNanoseconds : run.actualNanoseconds.roundedUpToSecond
        run.phases = PhaseCutter.phases(faults: run.faults, warmup: run.warmupNanoseconds, end: end)
        // A part of a run proves nothing about the whole.
        if run.interruption == nil {
            run.thresholds = scenario.thresholds.filter { $0.variant == nil || $0.variant == variant.name }
                .map(ThresholdEvaluator(run).evaluate)
        }
        return PlayedVariant(record: run, failure: failure.current)
    }

    private func play(
        _ fault: Fault, _ number: Int, _ conductor: FaultConductor, began: OneShot<UInt64>,
        failure: OneShot<ExperimentError>, labels: LatestLabels
    ) async {
        guard let origin = await began.value() else { return }
        do {
            try await conductor.play(fault, number: number, clock: RunClock(origin: origin)) { labels.set($0) }
        } catch let error as ExperimentError {
            failure.set(error)
        } catch {
            if !Task.isCancelled {
                failure.set(ExperimentError(.system, "\(fault.label): \(networkErrorText(error))"))
            }
        }
    }

    private func record(_ result: LoadResult, startedAt: String) -> RunRecord {
        RunRecord(
            variant: variant.name, round: 0, startedAt: startedAt, plannedNanoseconds: result.plannedNanoseconds,
            actualNanoseconds: result.actualNanoseconds, warmupNanoseconds: result.warmupNanoseconds,
            offeredRatePerSecond: result.offeredRatePerSecond, steps: result.steps, slices: result.slices,
            accounting: result.accounting, generator: result.generator, failureSamples: result.failureSamples)
    }
}

/// What a play left: its record, and what broke it.
struct PlayedVariant: Sendable {
    var record: RunRecord
    var failure: ExperimentError?
}

/// What is shown each second.
package struct LiveSecond: Sendable {
    package var variant: String
    package var tick: LoadTick
    /// Labels of the faults that are active.
    package var faults: [String]
    package var breakers: [(pipeline: String, state: String)]
}

extension UInt64 {
    fileprivate var roundedUpToSecond: UInt64 { (self + 999_999_999) / 1_000_000_000 * 1_000_000_000 }
}
