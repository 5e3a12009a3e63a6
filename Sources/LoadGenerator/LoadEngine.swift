// SPDX-License-Identifier: Apache-2.0

package import Measurement
internal import Synchronization

/// The last second of a running load.
package struct LoadTick: Sendable {
    /// The second that has just ended, as far as it is known: requests intended in it that are still under way are not in it yet.
    package var slice: Slice
    /// The seconds up to this one whose content has changed since the last tick, this one included, as far as they are known;
    /// empty unless ``LoadEngine/run(wantsChanges:onStart:onTick:)`` was asked for them.
    package var changed: [Slice]
    /// Requests in flight now.
    package var inFlight: Int
    /// Since the start of the load.
    package var elapsedNanoseconds: UInt64
}

/// What was measured when a plan was played.
package struct LoadResult: Sendable {
    package var steps: [StepInfo]
    package var checks: [CheckInfo]
    package var slices: [Slice]
    package var accounting: Accounting
    package var generator: GeneratorHealth
    package var failureSamples: [FailureSample]
    /// What was done with each address of each target.
    package var addresses: [AddressUse]
    /// Length of the load: as planned, or until the last of all iterations for a load that ends with them.
    package var plannedNanoseconds: UInt64
    /// From the start of the load to the last recorded end, or to the planned end if that is later and the load was not stopped.
    package var actualNanoseconds: UInt64
    /// Samples intended before this instant are warm-up: ``Plan/measuredFrom``.
    package var warmupNanoseconds: UInt64
    /// Arrivals a second over the measured time, as planned; 0 for closed sources.
    package var offeredRatePerSecond: Double
    /// Whether ``LoadEngine/stop()`` or a cancelled task ended the load before its plan.
    package var wasStopped: Bool
    /// What went wrong while it was played without touching what was measured, one sentence each.
    package var warnings: [String] = []
}

/// Plays a ``Plan``: workers on threads of their own, and a collector.
///
/// Thread-safe. One engine plays its plan once.
package final class LoadEngine: Sendable {
    private let plan: Plan
    private let targets: [ResolvedTarget]
    /// What may go wrong although the plan can be played, one sentence each; known before anything is sent.
    package let warnings: [String]
    private let resolver: Resolver
    private let stopFlag: StopFlag
    private let hasRun = Atomic(false)
    /// For tests: see ``EngineRun``.
    private let onWorkerSecond: (@Sendable (Int) -> Void)?

    /// Checks the plan, looks up the hosts, reads the certificates to trust and makes sure of enough file descriptors and
    /// local ports.
    ///
    /// - Throws: one clear error for everything that makes the plan impossible. Nothing has been sent then.
    package convenience init(_ plan: Plan) throws(LoadEngineError) {
        try self.init(plan, lookup: ResolvedTarget.system)
    }

    /// - Parameters:
    ///   - lookup: Stands in for the system's resolver.
    ///   - onWorkerSecond: Called by each worker's thread at the end of each second.
    init(
        _ plan: Plan, lookup: @escaping ResolvedTarget.Lookup, onWorkerSecond: (@Sendable (Int) -> Void)? = nil
    ) throws(LoadEngineError) {
        self.onWorkerSecond = onWorkerSecond
        let problems = plan.problems()
        if !problems.isEmpty {
            throw LoadEngineError(.impossiblePlan, problems.joined(separator: "\n"))
        }
        var targets: [ResolvedTarget] = []
        for target in plan.targets {
            targets.append(try ResolvedTarget(target, lookup: lookup))
            if let tls = target.tls { _ = try TLSClient(tls, target: target) }
        }
        try FileDescriptors.ensure(for: plan)
        let ports = EphemeralPorts()
        try ports.check(plan, targets)
        warnings = ports.warning(plan, targets).map { [$0] } ?? []
        self.plan = plan
        self.targets = targets
        resolver = Resolver(plan.targets, lookup: lookup)
        stopFlag = try StopFlag()
    }

    /// The steps that the slices of a tick or a result refer to.
    package var steps: [StepInfo] { plan.stepInfos }

    /// The checks that the slices of a tick or a result refer to.
    package var checks: [CheckInfo] { plan.checkInfos }

    /// Ends the load at once: nothing more arrives, what is in flight is aborted, and ``run(onStart:onTick:)`` returns what was measured.
    ///
    /// From any thread, any number of times, also before the start.
    package func stop() { stopFlag.set() }

    /// Plays the plan and returns what was measured. Cancelling the task is ``stop()``.
    ///
    /// The set-up is played first: when it fails, there is no load. The tear-down is played last, also after a load that was stopped;
    /// when it fails, that is one of the result's failures.
    ///
    /// - Parameters:
    ///   - wantsChanges: whether the ticks bring the earlier seconds again whose requests have ended meanwhile.
    ///   - onStart: gets the instant of the load's time 0 on CLOCK_MONOTONIC in nanoseconds, a few milliseconds ahead of it.
    ///   - onTick: once a second, soon after the second has ended.
    ///
    /// Both are called on the collector's thread, which counts for the workers meanwhile: they should be short.
    package func run(
        wantsChanges: Bool = false, onStart: @escaping @Sendable (UInt64) -> Void = { _ in },
        onTick: @escaping @Sendable (LoadTick) -> Void = { _ in }
    ) async throws(LoadEngineError) -> LoadResult {
        precondition(!hasRun.exchange(true, ordering: .relaxed), "an engine plays its plan once")
        let result = await withTaskCancellationHandler {
            await withCheckedContinuation { continuation in
                do throws(LoadEngineError) {
                    try EngineThread.start { continuation.resume(returning: self.play(wantsChanges, onStart, onTick)) }
                        .detach()
                } catch {
                    continuation.resume(returning: .failure(error))
                }
            }
        } onCancel: {
            stop()
        }
        return try result.get()
    }

    /// Set-up, load, tear-down. Blocks its thread.
    private func play(
        _ wantsChanges: Bool, _ onStart: @escaping @Sendable (UInt64) -> Void,
        _ onTick: @escaping @Sendable (LoadTick) -> Void
    ) -> Result<LoadResult, LoadEngineError> {
        do throws(LoadEngineError) {
            var shared: [[UInt8]] = []
            if let setUp = plan.setUp {
                let side = SideJourney(
                    plan: plan, targets: targets, resolver: resolver, name: "set-up", shared: [],
                    counters: .setUp(of: plan), stop: stopFlag)
                shared = try side.play(setUp, values: plan.sharedCount)
            }
            let compiled = CompiledPlan(plan, targets: targets, shared: shared)
            let run = EngineRun(
                compiled: compiled, resolver: resolver, stop: stopFlag, wantsChanges: wantsChanges, onStart: onStart,
                onTick: onTick, onWorkerSecond: onWorkerSecond)
            let played = run.play()
            guard let tearDown = plan.tearDown else { return played }
            // With a flag of its own: it tidies up after a load that was stopped, too.
            let side = SideJourney(
                plan: plan, targets: targets, resolver: resolver, name: "tear-down", shared: shared,
                counters: .tearDown(of: plan), stop: try StopFlag())
            do throws(LoadEngineError) {
                _ = try side.play(tearDown, values: 0)
                return played
            } catch {
                return played.map { result in
                    var result = result
                    result.failureSamples.append(FailureSample(message: error.message, count: 1))
                    return result
                }
            }
        } catch {
            return .failure(error)
        }
    }
}
