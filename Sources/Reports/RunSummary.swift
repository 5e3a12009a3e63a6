// SPDX-License-Identifier: Apache-2.0

package import Measurement

/// The numbers that every report shows of one run, computed once from its record.
///
/// Everything but ``accounting`` is about the measured time: warm-up is left out. Latencies of successes and of all outcomes stand
/// side by side: the first say what an answer cost, the second what asking cost, with every wait in vain at its age.
package struct RunSummary: Sendable {
    /// What one kind of request did.
    package struct Row: Sendable {
        /// The step's label, or "all requests".
        package var label: String
        package var journey: String?
        /// Requests that came due, whatever became of them.
        package var requests: UInt64
        /// Those that did not end `ok`.
        package var errors: UInt64
        /// end − intended of the successes.
        package var response: Latency
        /// end − intended of every request, whatever became of it: what timed out, was reset or aborted or never started counts
        /// at its age.
        package var responseOfAll: Latency
        /// end − sent of the successes, at p99.
        package var serviceP99: UInt64?

        package var errorRatio: Double? { requests == 0 ? nil : Double(errors) / Double(requests) }
    }

    /// What happened in a phase, over all requests.
    package struct PhaseRow: Sendable {
        package var phase: Phase
        package var row: Row
        /// Successes that ended in the phase, a second.
        package var goodputPerSecond: Double?
        package var scheduleLagP99: UInt64?
        package var policies: PolicyTotals
        /// One row for each entry of `RunRecord.steps`.
        package var steps: [Row]
    }

    /// The requests of one outcome other than `ok`.
    package struct ErrorRow: Sendable {
        package var outcome: Outcome
        package var count: UInt64
        /// How long after their intended instant they ended: a fast refusal and a late time-out are different things.
        package var after: Latency
    }

    package var run: RunRecord
    /// Measured length, in nanoseconds: without warm-up, up to the end of the plan or of the run.
    package var measuredNanoseconds: UInt64
    package var total: Row
    /// One for each entry of `RunRecord.steps`.
    package var steps: [Row]
    package var phases: [PhaseRow]
    package var goodputPerSecond: Double?
    /// Journeys that were really started, a second; nil when nothing came due.
    package var achievedRatePerSecond: Double?
    package var scheduleLag: Latency
    /// end − sent of the successes of all steps.
    package var service: Latency
    /// Unsuccessful requests by outcome, most frequent first.
    package var errors: [ErrorRow]
    package var policies: [PolicyTimeline]
    /// Where the time went, by target.
    package var breakdown: [BreakdownRow]
    /// How long after the fault the run was back at its baseline; `unknown` without a fault.
    package var recovery: RecoveryTime.Result

    package init(_ run: RunRecord) {
        self.run = run
        let end = Swift.min(run.plannedNanoseconds, run.actualNanoseconds)
        measuredNanoseconds = end > run.warmupNanoseconds ? end - run.warmupNanoseconds : 0
        total = Self.row("all requests", run, step: nil, phase: nil)
        steps = Self.stepRows(run, phase: nil)
        goodputPerSecond = run.goodputPerSecond()
        scheduleLag = Latency(run.scheduleLag())
        service = Latency(run.serviceTime(.successes))
        errors = run.countByOutcome().filter { $0.key != .ok && $0.value > 0 }
            .sorted { ($1.value, $0.key.rawValue) < ($0.value, $1.key.rawValue) }
            .map { outcome, count in
                ErrorRow(
                    outcome: outcome, count: count,
                    after: Latency(run.responseTime(SampleFilter(outcomes: [outcome]))))
            }
        let policies = PolicyTimeline.timelines(of: run)
        self.policies = policies
        phases = run.phases.filter { $0.kind != .whole }.map { phase in
            PhaseRow(
                phase: phase,
                row: Self.row(phase.kind.rawValue, run, step: nil, phase: phase),
                goodputPerSecond: run.goodputPerSecond(in: phase),
                scheduleLagP99: Latency.percentile(99, of: run.scheduleLag(in: phase)),
                policies: PolicyTimeline.totals(
                    of: policies, from: phase.startNanoseconds, to: phase.endNanoseconds),
                steps: Self.stepRows(run, phase: phase))
        }
        breakdown = run.breakdown().map(BreakdownRow.init)
        recovery = RecoveryTime.measure(run)
        achievedRatePerSecond = Self.achievedRate(run, measuredNanoseconds)
    }

    /// Whether the failures in words hold more than the measured ones, which alone are in the tables.
    package var failuresHoldMore: Bool {
        run.warmupNanoseconds > 0 && run.failureSamples.reduce(0) { $0 + $1.count } > total.errors
    }

    /// Whether any request came due in the measured time.
    package var isEmpty: Bool { total.requests == 0 }

    private static func row(_ label: String, _ run: RunRecord, step: Int?, phase: Phase?) -> Row {
        let requests = run.count(SampleFilter(step: step, phase: phase))
        let successes = SampleFilter(step: step, outcomes: [.ok], phase: phase)
        let response = Latency(run.responseTime(successes))
        return Row(
            label: label, journey: step.flatMap { run.steps.indices.contains($0) ? run.steps[$0].journey : nil },
            requests: requests, errors: requests - Swift.min(requests, response.count), response: response,
            responseOfAll: Latency(run.responseTime(SampleFilter(step: step, phase: phase))),
            serviceP99: Latency.percentile(99, of: run.serviceTime(successes)))
    }

    private static func stepRows(_ run: RunRecord, phase: Phase?) -> [Row] {
        run.steps.indices.map { row(run.steps[$0].label, run, step: $0, phase: phase) }
    }

    /// Journeys that were started in the measured time, over its seconds.
    private static func achievedRate(_ run: RunRecord, _ measured: UInt64) -> Double? {
        let end = Swift.min(run.plannedNanoseconds, run.actualNanoseconds)
        let starts = run.measuredSlices.filter { $0.startNanoseconds < end }.map(\.journeyStarts)
        let count = starts.contains(nil) ? firstSteps(run) : starts.reduce(0) { $0 + ($1 ?? 0) }
        return measured > 0 && count > 0 ? Double(count) / (Double(measured) / 1e9) : nil
    }

    /// For older records: first steps of journeys that were sent. A loop plays one several times, a condition leaves one out.
    private static func firstSteps(_ run: RunRecord) -> UInt64 {
        let first = run.steps.indices.filter { run.steps[$0].index == 0 }
        let started = Set(Outcome.allCases).subtracting([.neverStarted])
        return first.reduce(UInt64(0)) { $0 + run.count(SampleFilter(step: $1, outcomes: started)) }
    }
}

extension ExperimentRecord {
    /// Names of the variants that were played, in the script's order; those that the script does not name come last.
    package var playedVariants: [String] {
        let played = runs.map(\.variant)
        let known = scenario.variants.filter(played.contains)
        return played.reduce(into: known) { names, name in
            if !names.contains(name) { names.append(name) }
        }
    }
}
