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
    /// Nil unless the system is virtual stations.
    var stations: RunningStations?

    /// Plays the plan and returns what was measured, also when it ended early.
    ///
    /// Cancelling the task stops the load; the record says so then.
    ///
    /// - Parameters:
    ///   - onWarning: Is told what may go wrong although the load can be played, before anything is sent, and what did go wrong
    ///     without touching what was measured, after the load.
    ///   - onTick: Called once a second from the generator's thread.
    /// - Throws: `ExperimentError` when the load can't be started.
    func run(
        onWarning: (String) -> Void = { _ in }, onTick: @escaping @Sendable (LiveSecond) -> Void
    ) async throws -> PlayedVariant {
        let engine: LoadEngine
        do { engine = try LoadEngine(plan) } catch { throw ExperimentError(.system, error.message) }
        for warning in engine.warnings { onWarning(warning) }
        let conductor = faultSite.map(FaultConductor.init(site:))
        let sampler = network.map(PolicySampler.init)
        let active = LatestFaults()
        let watch = ThresholdWatch(scenario, variant, plan: plan, engine: engine)
        let began = OneShot<UInt64>()
        let failure = OneShot<ExperimentError>()
        let startedAt = ISO8601DateFormatter().string(from: Date())

        let result = await withTaskGroup { group -> Result<LoadResult, LoadEngineError> in
            if let conductor {
                for (number, fault) in scenario.faults.enumerated() {
                    group.addTask {
                        await play(fault, number, conductor, began: began, failure: failure, active: active)
                    }
                }
            }
            if let sampler {
                group.addTask {
                    if let origin = await began.value() { await sampler.run(clock: RunClock(origin: origin)) }
                }
            }
            if let stations { group.addTask { await resetStatistics(of: stations, began: began, failure: failure) } }
            if let system = network?.failure ?? stations?.failure {
                group.addTask {
                    if let dead = await system.value() { failure.set(dead) }
                }
            }
            group.addTask { if await failure.value() != nil { engine.stop() } }
            if let watch { group.addTask { if await watch.miss() != nil { engine.stop() } } }
            let result: Result<LoadResult, LoadEngineError>
            do throws(LoadEngineError) {
                result = .success(
                    try await engine.run(wantsChanges: watch != nil, onStart: { began.set($0) }) { tick in
                        watch?.take(tick, faults: active.windows)
                        onTick(
                            LiveSecond(
                                variant: variant.name, tick: tick, faults: active.labels,
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
        for warning in loaded.warnings { onWarning(warning) }
        if let sampler, failure.current == nil, !Task.isCancelled, let origin = began.current {
            await sampler.sample(at: RunClock(origin: origin))
        }

        var run = record(loaded, startedAt: startedAt)
        run.faults = await conductor?.record ?? []
        run.policySamples = sampler?.record ?? []
        let miss = watch?.found
        // What a dead process has counted is lost, and that it died is said elsewhere.
        if let stations { run.stations = (try? await stations.records()) ?? [] }
        if let error = failure.current {
            run.interruption = error.message
        } else if let miss, loaded.wasStopped, !Task.isCancelled {
            run.abortedBy = "\(miss.threshold.expression) was missed: \(miss.measured)"
        } else if Task.isCancelled || loaded.wasStopped {
            run.interruption = Experiment.userStop
        }
        let isWhole = run.interruption == nil && run.abortedBy == nil
        let end = isWhole ? run.plannedNanoseconds : run.actualNanoseconds.roundedUpToSecond
        run.phases = PhaseCutter.phases(faults: run.faults, warmup: run.warmupNanoseconds, end: end)
        // A part of a run proves nothing about the whole, but what was missed in it is missed.
        if run.interruption == nil {
            run.thresholds = scenario.thresholds.filter { $0.variant == nil || $0.variant == variant.name }
                .map { verdict(on: $0, run, miss) }
        }
        return PlayedVariant(
            record: run, failure: failure.current,
            endsExperiment: run.abortedBy != nil && miss?.threshold.abort?.endsExperiment == true)
    }

    /// A threshold's verdict on the run. Of a run that a threshold aborted nothing is shown to hold, and the requests that
    /// it cut off count as if they had ended well: they are not the system's doing.
    private func verdict(
        on threshold: Scenario.Threshold, _ run: RunRecord, _ miss: ThresholdWatch.Miss?
    ) -> ThresholdResult {
        guard run.abortedBy != nil else { return ThresholdEvaluator(run).evaluate(threshold) }
        if let miss, miss.threshold == threshold {
            return ThresholdResult(expression: threshold.expression, passed: false, measured: miss.measured)
        }
        var known = run
        for slice in known.slices.indices { known.slices[slice].samples.removeAll { $0.outcome == .aborted } }
        var result = ThresholdEvaluator(known, inFlight: run.accounting.aborted).evaluate(threshold)
        if result.passed {
            result.passed = false
            result.problem = "it held until the run was aborted"
        }
        return result
    }

    private var faultSite: (any FaultSite)? {
        if let network { return NetworkFaults(network: network, seed: scenario.seed) }
        return stations.map(StationFaults.init(stations:))
    }

    /// Stations count from the end of the warm-up on, as the measurement does.
    private func resetStatistics(
        of stations: RunningStations, began: OneShot<UInt64>, failure: OneShot<ExperimentError>
    ) async {
        let warmup = scenario.measuredFrom
        guard warmup > .zero, let origin = await began.value() else { return }
        do {
            try await RunClock(origin: origin).sleep(until: warmup)
            try await stations.resetStatistics()
        } catch {
            guard !Task.isCancelled else { return }
            failure.set(error as? ExperimentError ?? ExperimentError(.system, networkErrorText(error)))
        }
    }

    private func play(
        _ fault: Fault, _ number: Int, _ conductor: FaultConductor, began: OneShot<UInt64>,
        failure: OneShot<ExperimentError>, active: LatestFaults
    ) async {
        guard let origin = await began.value() else { return }
        do {
            try await conductor.play(fault, number: number, clock: RunClock(origin: origin)) { active.set($0) }
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
            offeredRatePerSecond: result.offeredRatePerSecond,
            hasClosedLoads: scenario.load.contains(where: \.executor.isClosed), steps: result.steps,
            checks: result.checks, slices: result.slices,
            accounting: result.accounting, generator: result.generator, failureSamples: result.failureSamples,
            addresses: result.addresses)
    }
}

/// What a play left: its record, and what broke it.
struct PlayedVariant: Sendable {
    var record: RunRecord
    var failure: ExperimentError?
    /// Whether a missed threshold asks for no further variants.
    var endsExperiment = false
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
