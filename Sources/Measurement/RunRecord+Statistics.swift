// SPDX-License-Identifier: Apache-2.0

/// Which samples of a run a statistic is about. The default is every request of the measured time, whatever its outcome.
///
/// Steps are chosen by journey and position; slices by phase. Warm-up is never part of it unless it is asked for.
package struct SampleFilter: Sendable {
    /// Name of a journey, or nil for all.
    package var journey: String?
    /// Index into `RunRecord.steps`, or nil for all.
    package var step: Int?
    /// Nil for every outcome.
    package var outcomes: Set<Outcome>?
    /// Only requests that were intended in this phase; nil for the whole measured time.
    package var phase: Phase?
    package var includesWarmup = false

    package init(
        journey: String? = nil, step: Int? = nil, outcomes: Set<Outcome>? = nil, phase: Phase? = nil,
        includesWarmup: Bool = false
    ) {
        self.journey = journey
        self.step = step
        self.outcomes = outcomes
        self.phase = phase
        self.includesWarmup = includesWarmup
    }

    /// Requests that were answered as expected.
    package static let successes = SampleFilter(outcomes: [.ok])
}

extension Slice {
    private static let second: UInt64 = 1_000_000_000

    /// Start of the slice, in nanoseconds after the start of the load.
    package var startNanoseconds: UInt64 { UInt64(Swift.max(0, second)) * Self.second }

    /// Whether the slice belongs to the phase: a slice belongs to the phase that its middle lies in.
    package func belongs(to phase: Phase) -> Bool {
        let middle = startNanoseconds + Self.second / 2
        return phase.startNanoseconds <= middle && middle < phase.endNanoseconds
    }

    /// end − intended of the requests intended in this second with these outcomes (nil: all).
    package func responseTime(outcomes: Set<Outcome>? = nil, step: Int? = nil) -> LatencyHistogram {
        .merging(matching(outcomes, step).lazy.map(\.responseTime))
    }

    /// end − sent of the requests intended in this second with these outcomes (nil: all).
    package func serviceTime(outcomes: Set<Outcome>? = nil, step: Int? = nil) -> LatencyHistogram {
        .merging(matching(outcomes, step).lazy.map(\.serviceTime))
    }

    /// Number of requests intended in this second with these outcomes (nil: all).
    package func intended(outcomes: Set<Outcome>? = nil, step: Int? = nil) -> UInt64 {
        matching(outcomes, step).reduce(0) { $0 + $1.responseTime.count }
    }

    private func matching(_ outcomes: Set<Outcome>?, _ step: Int?) -> some Sequence<Sample> {
        samples.lazy.filter { sample in
            (outcomes?.contains(sample.outcome) ?? true) && (step.map { $0 == sample.step } ?? true)
        }
    }
}

extension RunRecord {
    /// The slices whose requests count: warm-up is left out. A slice is warm-up when it starts before `warmupNanoseconds`.
    package var measuredSlices: [Slice] { slices.filter { $0.startNanoseconds >= warmupNanoseconds } }

    /// Measured slices in the phase.
    package func slices(in phase: Phase) -> [Slice] { measuredSlices.filter { $0.belongs(to: phase) } }

    /// The phase of this kind, if the run has one.
    package func phase(_ kind: Phase.Kind) -> Phase? { phases.first { $0.kind == kind } }

    /// Names of the journeys in the order of their first step.
    package var journeyNames: [String] {
        steps.reduce(into: []) { names, step in
            if !names.contains(step.journey) { names.append(step.journey) }
        }
    }

    /// end − intended of the matching requests, as one exact merge.
    package func responseTime(_ filter: SampleFilter = .init()) -> LatencyHistogram {
        .merging(samples(filter).lazy.map(\.responseTime))
    }

    /// end − sent of the matching requests: what a tool would report that starts its clock when it gets round to sending.
    package func serviceTime(_ filter: SampleFilter = .init()) -> LatencyHistogram {
        .merging(samples(filter).lazy.map(\.serviceTime))
    }

    /// sent − intended of the requests intended in the phase (nil: the whole measured time), over all steps.
    package func scheduleLag(in phase: Phase? = nil) -> LatencyHistogram {
        .merging((phase.map(slices(in:)) ?? measuredSlices).lazy.map(\.scheduleLag))
    }

    /// Number of matching requests, by intended time.
    package func count(_ filter: SampleFilter = .init()) -> UInt64 {
        samples(filter).reduce(0) { $0 + $1.responseTime.count }
    }

    /// Matching requests by outcome; the filter's own outcomes apply.
    package func countByOutcome(_ filter: SampleFilter = .init()) -> [Outcome: UInt64] {
        samples(filter).reduce(into: [:]) { $0[$1.outcome, default: 0] += $1.responseTime.count }
    }

    /// Share of the requests intended in the phase (nil: the whole measured time) that were answered as expected, 0…1.
    ///
    /// Nil when there was no request. Aborted and never-started requests count against it.
    package func successRatio(journey: String? = nil, step: Int? = nil, in phase: Phase? = nil) -> Double? {
        let all = count(SampleFilter(journey: journey, step: step, phase: phase))
        let good = count(SampleFilter(journey: journey, step: step, outcomes: [.ok], phase: phase))
        return all == 0 ? nil : Double(good) / Double(all)
    }

    /// Answers as expected a second: requests that *ended* `ok` in the phase (nil: the whole measured time) over its seconds.
    package func goodputPerSecond(in phase: Phase? = nil) -> Double? {
        let (counted, seconds) = countedSeconds(of: phase)
        let good = counted.reduce(UInt64(0)) { $0 + $1.ended[.ok, default: 0] }
        return seconds > 0 ? Double(good) / seconds : nil
    }

    /// What rates are made of: the slices of the phase (nil: of the whole measured time) and how many seconds they last.
    ///
    /// The last slice of a run may be cut short, and slices after the plan only hold the ends of late requests. A phase that ends
    /// before has its slices whole.
    package func countedSeconds(of phase: Phase? = nil) -> (slices: [Slice], seconds: Double) {
        let runEnd = Swift.min(actualNanoseconds, plannedNanoseconds)
        let phaseEnd = phase.map { $0.endNanoseconds < runEnd ? .max : $0.endNanoseconds }
        let end = phaseEnd.map { Swift.min(actualNanoseconds, $0) } ?? runEnd
        let counted = (phase.map(slices(in:)) ?? measuredSlices).filter { $0.startNanoseconds < end }
        guard let first = counted.first, let last = counted.last else { return ([], 0) }
        let stop = Swift.min(end, last.startNanoseconds + 1_000_000_000)
        return (counted, Double(stop - first.startNanoseconds) / 1e9)
    }

    private func samples(_ filter: SampleFilter) -> [Sample] {
        var chosen = filter.includesWarmup ? slices : measuredSlices
        if let phase = filter.phase { chosen = chosen.filter { $0.belongs(to: phase) } }
        return chosen.flatMap(\.samples).filter { sample in
            (filter.step.map { $0 == sample.step } ?? true)
                && (filter.outcomes?.contains(sample.outcome) ?? true)
                && (filter.journey.map { steps.indices.contains(sample.step) && steps[sample.step].journey == $0 }
                    ?? true)
        }
    }
}
