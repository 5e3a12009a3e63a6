// SPDX-License-Identifier: Apache-2.0

internal import LoadGenerator
internal import Measurement
internal import Scenarios
internal import Synchronization

/// Looks every second whether a threshold with `abort` is missed whatever becomes of the requests under way.
///
/// Safe to use from any thread. The generator's thread only leaves what it knows; the looking is done by ``miss()``.
final class ThresholdWatch: Sendable {
    /// A threshold that ended a run, and what was measured then.
    struct Miss: Sendable {
        var threshold: Scenario.Threshold
        var measured: String
    }

    private let thresholds: [Scenario.Threshold]
    private let run: Mutex<LiveRun>
    private let result = OneShot<Miss>()
    private let bell: AsyncStream<Void>
    private let ringer: AsyncStream<Void>.Continuation

    /// Nil when no threshold may end a run of this variant.
    convenience init?(_ scenario: Scenario, _ variant: Scenario.Variant, plan: Plan, engine: LoadEngine) {
        self.init(
            scenario.thresholds.filter { $0.abort != nil && ($0.variant == nil || $0.variant == variant.name) },
            LiveRun(
                variant: variant.name, steps: engine.steps, checks: engine.checks,
                plannedNanoseconds: plan.sources.map { $0.startOffset.nanoseconds + $0.duration.nanoseconds }.max()
                    ?? 0,
                warmupNanoseconds: plan.measuredFrom.nanoseconds))
    }

    init?(_ thresholds: [Scenario.Threshold], _ run: LiveRun) {
        guard !thresholds.isEmpty else { return nil }
        self.thresholds = thresholds
        self.run = Mutex(run)
        // One ring is enough, however many seconds have passed since the last look.
        (bell, ringer) = AsyncStream.makeStream(bufferingPolicy: .bufferingNewest(1))
    }

    /// The miss that was found, if any.
    var found: Miss? { result.current }

    func take(_ tick: LoadTick, faults: [FaultWindow]) {
        take(second: tick.slice.second, changed: tick.changed, inFlight: tick.inFlight, faults: faults)
    }

    func take(second: Int, changed: [Slice], inFlight: Int, faults: [FaultWindow]) {
        run.withLock { $0.take(second: second, changed: changed, inFlight: inFlight, faults: faults) }
        ringer.yield()
    }

    /// Waits for a miss; nil when the task is cancelled first. To be called once.
    func miss() async -> Miss? {
        for await _ in bell {
            if let miss = look() {
                result.set(miss)
                return miss
            }
        }
        return nil
    }

    /// The first threshold that is missed by what is known now.
    func look() -> Miss? {
        let run = run.withLock { $0 }
        let measured = Duration.nanoseconds(
            Int64(clamping: run.record.actualNanoseconds) - Int64(clamping: run.record.warmupNanoseconds))
        let evaluator = ThresholdEvaluator(run.record, inFlight: run.inFlight)
        for threshold in thresholds {
            guard let abort = threshold.abort, measured > .zero, measured >= abort.after else { continue }
            if threshold.isOpenWhileInFlight, run.inFlight > 0 { continue }
            let verdict = evaluator.evaluate(threshold)
            if !verdict.passed, verdict.problem == nil { return Miss(threshold: threshold, measured: verdict.measured) }
        }
        return nil
    }
}
