// SPDX-License-Identifier: Apache-2.0

internal import FaultInjection
internal import Foundation
package import Measurement
internal import Scenarios

/// Searches for the highest rate at which a system meets its goals.
package struct SearchRun: Sendable {
    /// What happens, for whoever shows it. Delivered in order, from any thread.
    package enum Event: Sendable {
        case experiment(Experiment.Event)
        /// A repetition begins: its number counts from 1.
        case measuring(rate: Double, repetition: Int, number: Int, planned: Duration)
        case measured(SearchMeasurement)
        /// Waiting until the system has come back from a rate that was too high.
        case settling(rate: Double)
    }

    package struct Result: Sendable {
        package var record: SearchRecord
        /// What kept the search from its end, unless somebody stopped it.
        package var failure: ExperimentError?
    }

    private let plan: SearchPlan
    private let executables: Executables
    private let directory: String
    private let version: String

    /// - Parameter directory: Folder of this search's results; logs go into its `logs`.
    package init(_ plan: SearchPlan, executables: Executables, directory: String, version: String) {
        self.plan = plan
        self.executables = executables
        self.directory = directory
        self.version = version
    }

    /// What a search knows at any moment.
    private struct Progress {
        var search: CapacitySearch
        var record: SearchRecord
        /// Why it ended before the procedure was done.
        var early: (end: SearchAnswer.End, reason: String)?
        var failure: ExperimentError?
    }

    /// Searches. Cancel the task to stop: what is known until then is returned.
    ///
    /// - Throws: `ExperimentError` or `CancellationError` when it ends before anything was measured. Nothing is left running.
    package func run(onEvent: @escaping @Sendable (Event) -> Void) async throws -> Result {
        var progress = Progress(
            search: CapacitySearch(plan.search),
            record: SearchRecord(
                scenario: ScenarioInfo(
                    name: plan.scenario.name, description: plan.scenario.description, script: plan.scenario.source,
                    seed: plan.scenario.seed, variants: [plan.variant.name]), machine: .probe(),
                seawallVersion: version, startedAt: Self.now(), options: plan.optionsRecord, goals: plan.goalRecords,
                answer: SearchAnswer(end: .interrupted)))
        var scenario = plan.scenario
        if !plan.withFaults { scenario.faults = [] }
        do {
            try await TestBed.use(
                scenario, executables: executables, directory: directory,
                onEvent: { onEvent(.experiment($0)) }
            ) { bed in
                while case .measure(let rate) = progress.search.next, progress.early == nil {
                    try await measure(rate, on: bed, &progress, onEvent)
                }
            }
        } catch let error where !progress.record.measurements.isEmpty {
            if Task.isCancelled {
                progress.early = (.interrupted, Experiment.userStop)
            } else {
                let failure = error as? ExperimentError ?? ExperimentError(.system, networkErrorText(error))
                progress.failure = failure
                progress.early = (.failed, failure.message)
            }
        } catch {
            if Task.isCancelled { throw CancellationError() }
            throw error as? ExperimentError ?? ExperimentError(.system, networkErrorText(error))
        }
        progress.record.answer = Self.answer(progress.search, progress.early)
        progress.record.notes = plan.notes + Self.notes(progress.search)
        return Result(record: progress.record, failure: progress.failure)
    }

    // MARK: - One measurement

    private func measure(
        _ rate: Double, on bed: TestBed, _ progress: inout Progress, _ onEvent: @escaping @Sendable (Event) -> Void
    ) async throws {
        let number = progress.record.measurements.count + 1
        let repetition = progress.record.measurements.count { $0.ratePerSecond == rate } + 1
        let played = try await bed.play(
            try level(rate, length: plan.level, warmup: plan.warmup, number), plan.variant, number: number,
            log: "level-\(number)",
            listener: .init(
                onPlan: { onEvent(.measuring(rate: rate, repetition: repetition, number: number, planned: $0)) },
                onWarning: { onEvent(.experiment(.warning($0))) }, onSecond: { onEvent(.experiment(.second($0))) }))
        if let failure = played.failure { throw failure }
        // A part of a measurement proves nothing.
        if played.record.interruption != nil { throw CancellationError() }
        let measurement = try Self.measurement(played.record, rate, repetition)
        progress.record.measurements.append(measurement)
        onEvent(.measured(measurement))
        switch measurement.verdict {
        case .met: progress.search.record(.met, at: rate)
        case .missed: progress.search.record(.missed, at: rate)
        case .invalid:
            progress.search.record(.invalid(measurement.generatorReasons.joined(separator: "; ")), at: rate)
        }
        guard progress.search.next != .done else { return }
        try await Task.sleep(for: SearchPlan.pause)
        // A system that misses the goals at the lowest rate already has nothing to come back to.
        if measurement.verdict == .missed, progress.search.passing != nil, !bed.isFreshForEachPlay {
            onEvent(.settling(rate: rate))
            if let last = try await settle(bed, number) {
                progress.early = (.stuck, "after \(Self.text(rate)) the system did not come back: \(last)")
            }
        }
    }

    private func level(
        _ rate: Double, length: Duration, warmup: Duration, _ number: Int, goals: [Scenario.Threshold]? = nil
    ) throws(ExperimentError) -> Scenario {
        // Repetitions are to differ in what chance decides, so each has arrivals and data of its own.
        try plan.scenario.level(
            rate: rate, length: length, warmup: warmup, grace: plan.grace,
            seed: plan.scenario.seed &+ UInt64(truncatingIfNeeded: number) &* 0x9E37_79B9, goals: goals ?? plan.goals,
            withFaults: plan.withFaults)
    }

    private static func measurement(
        _ run: RunRecord, _ rate: Double, _ repetition: Int
    ) throws(ExperimentError) -> SearchMeasurement {
        var reasons = run.generator.reasons
        if !run.accounting.isBalanced { reasons.append("the accounts do not balance") }
        let isInvalid = run.generator.verdict == .invalid || !run.accounting.isBalanced
        if !isInvalid, let open = run.thresholds.first(where: { $0.problem != nil }), let problem = open.problem {
            throw ExperimentError(
                .script, "the goal '\(open.expression)' can't be judged at \(text(rate)): \(problem)",
                advice: "correct the goal, or give the levels more time with --level")
        }
        let requests = run.count()
        let good = run.count(.successes)
        return SearchMeasurement(
            ratePerSecond: rate, repetition: repetition, startedAt: run.startedAt,
            verdict: isInvalid ? .invalid : run.thresholds.allSatisfy(\.passed) ? .met : .missed,
            results: run.thresholds, generator: run.generator.verdict, generatorReasons: reasons, requests: requests,
            errors: requests - min(good, requests), goodputPerSecond: run.goodputPerSecond(),
            responseTime: run.responseTime(SampleFilter(outcomes: ThresholdSamples.answers)),
            failure: run.failureSamples.first.map(\.message))
    }

    // MARK: - Settling

    /// Plays a second of the lowest rate again and again, until it meets the goals that speak of times and errors: then
    /// whatever the level before has left in the system's queues is gone.
    ///
    /// - Returns: What was measured last, when the system did not come back; nil when it did.
    private func settle(_ bed: TestBed, _ number: Int) async throws -> String? {
        let goals = plan.goals.filter { $0.windowSeconds == nil && $0.isAboutAnswers }
        guard !goals.isEmpty else { return nil }
        let deadline = ContinuousClock.now + SearchPlan.patience
        let rate = plan.search.from
        // Enough time for a handful of requests, also at a low rate.
        let length = Duration.seconds(max(1, Int((5 / rate).rounded(.up))))
        while true {
            let played = try await bed.play(
                try level(rate, length: length, warmup: .zero, -number, goals: goals), plan.variant, number: -number,
                log: "settling", listener: .init())
            if let failure = played.failure { throw failure }
            if played.record.interruption != nil { throw CancellationError() }
            let missed = played.record.thresholds.filter { !$0.passed && $0.problem == nil }
            guard let worst = missed.first else { return nil }
            if ContinuousClock.now >= deadline {
                return "\(worst.measured) at \(Self.text(rate)), \(SearchPlan.patience.components.seconds) s later "
                    + "(\(worst.expression))"
            }
        }
    }

    // MARK: - Words

    private static func answer(
        _ search: CapacitySearch, _ early: (end: SearchAnswer.End, reason: String)?
    ) -> SearchAnswer {
        func bound(_ level: CapacitySearch.Level?) -> SearchAnswer.Bound? {
            level.map { SearchAnswer.Bound(ratePerSecond: $0.rate, runs: $0.measured, met: $0.met) }
        }
        var answer = SearchAnswer(end: .interrupted, passing: bound(search.passing), failing: bound(search.failing))
        if let early {
            answer.end = early.end
            answer.reason = early.reason
            return answer
        }
        switch search.end {
        case .bracketed: answer.end = .bracketed
        case .aboveRange: answer.end = .aboveRange
        case .belowRange: answer.end = .belowRange
        case .invalid(let rate, let reason):
            answer.end = .invalid
            answer.reason = "at \(text(rate)) the generator could not keep up: \(reason)"
        case nil: answer.reason = Experiment.userStop
        }
        return answer
    }

    private static func notes(_ search: CapacitySearch) -> [String] {
        search.mixed.map { level in
            "repetitions at \(text(level.rate)) disagree: \(level.met) met the goals and \(level.missed) missed them"
        }
            + search.inversions.map { pair in
                "not monotonic: \(text(pair.missedAt)) missed the goals at least once, and \(text(pair.metAt)) met them"
            }
    }

    private static func text(_ rate: Double) -> String {
        rate == rate.rounded() && rate < 1e15 ? "\(Int(rate))/s" : String(format: "%.4g/s", rate)
    }

    private static func now() -> String { ISO8601DateFormatter().string(from: Date()) }
}

extension Scenario.Threshold {
    /// Whether it speaks of times or of shares of requests, and not of how many there are.
    fileprivate var isAboutAnswers: Bool {
        switch metric {
        case .time, .share, .check: true
        case .number, .rate, .goodput, .recovery: false
        }
    }
}
