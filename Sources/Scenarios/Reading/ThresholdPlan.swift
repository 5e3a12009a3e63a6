// SPDX-License-Identifier: Apache-2.0

internal import FaultInjection
internal import Resilience

/// Tells which thresholds a planned run can't answer.
struct ThresholdPlan {
    /// Nil when they are faulty: what depends on them is not judged.
    var faults: [Fault]?
    var load: [Scenario.Load]?
    var journeys: [Scenario.Journey]?

    /// Why the threshold makes no sense in this script; nil when it does.
    func problem(with threshold: Scenario.Threshold) -> String? {
        scopeProblem(threshold) ?? checksProblem(threshold) ?? partProblem(threshold) ?? windowProblem(threshold)
            ?? abortProblem(threshold)
    }

    /// Where nothing is checked nothing fails: the threshold would hold whatever happens.
    private func checksProblem(_ threshold: Scenario.Threshold) -> String? {
        var name: String?
        switch threshold.metric {
        case .share(.checks), .number(.checks): break
        case .check(let check): name = check
        default: return nil
        }
        guard let journeys else { return nil }
        let requests = journeys.filter { threshold.journey ?? $0.name == $0.name }.flatMap {
            $0.steps.flatMap(\.requests)
        }
        .filter { threshold.step ?? $0.label == $0.label }
        if let name {
            var known: [String] = []
            for check in requests.flatMap(\.checks) where !known.contains(check.name) { known.append(check.name) }
            if known.contains(name) { return nil }
            let place = threshold.step.map { " of \($0)" } ?? threshold.journey.map { " in the journey '\($0)'" } ?? ""
            return "there is no check '\(name)'\(place)\(NearestName.advice(for: name, among: known, "known"))"
        }
        if requests.contains(where: { !$0.checks.isEmpty || !$0.captures.isEmpty }) { return nil }
        let place = threshold.step ?? threshold.journey.map { "'\($0)'" } ?? "the script"
        return "\(place) has no 'check' and no 'capture', so that no check can fail"
    }

    private func scopeProblem(_ threshold: Scenario.Threshold) -> String? {
        let isScoped = threshold.journey != nil || threshold.step != nil
        if threshold.metric == .goodput, isScoped {
            return "goodput is known for all requests together only; for a journey or a step use 'rate' or 'success'"
        }
        if threshold.metric == .recovery, isScoped {
            return "'recovers' looks at all requests together; leave the journey out"
        }
        return nil
    }

    // MARK: - Parts

    private func partProblem(_ threshold: Scenario.Threshold) -> String? {
        if threshold.metric == .recovery {
            if threshold.part != nil { return "'recovers' looks at the time after the fault; leave 'during' out" }
            return phaseProblem("recovery")
        }
        switch threshold.part {
        case nil: return nil
        case .phase(let name): return phaseProblem(name)
        case .time(let from, let to): return timeProblem(from, to)
        }
    }

    private func phaseProblem(_ name: String) -> String? {
        guard let faults else { return nil }
        guard !faults.isEmpty else {
            return "this threshold needs a fault, and the script has none; phases are cut where a fault begins and ends"
        }
        if name == "baseline", let load, let first = faults.map(\.start).min(), first <= Scenario.measuredFrom(load) {
            return "there is no baseline: the first fault begins with the measurement"
        }
        if name == "recovery", let end = faults.map({ $0.start + $0.duration }).max(),
            let last = load?.map(\.end).max(),
            end >= last
        {
            return "there is no load after the fault's end in which anything could recover"
        }
        return nil
    }

    private func timeProblem(_ from: Duration, _ to: Duration) -> String? {
        guard let load, let end = load.map(\.end).max() else { return nil }
        let measured = Scenario.measuredFrom(load)
        guard from >= measured else {
            return "nothing is measured before \(DurationText.format(measured)), the end of the warm-up"
        }
        return to <= end ? nil : "the load ends \(DurationText.format(end)) after its start"
    }

    // MARK: - Windows and aborting

    private func windowProblem(_ threshold: Scenario.Threshold) -> String? {
        guard let seconds = threshold.windowSeconds, let length = length(of: threshold.part) else { return nil }
        guard .seconds(seconds) > length else { return nil }
        let place = threshold.part == nil ? "the measured time" : "the time it is about"
        return
            "no window of \(DurationText.format(.seconds(seconds))) fits into \(place), \(DurationText.format(length))"
    }

    private func length(of part: Scenario.Threshold.Part?) -> Duration? {
        guard let load, let end = load.map(\.end).max() else { return nil }
        let measured = Scenario.measuredFrom(load)
        switch part {
        case nil: return end - measured
        case .time(let from, let to): return to - from
        case .phase(let name):
            guard let faults else { return nil }
            let phase = Scenario.plannedPhases(faults: faults, measured: measured, end: end).first { $0.name == name }
            return phase.map { $0.end - $0.start }
        }
    }

    private func abortProblem(_ threshold: Scenario.Threshold) -> String? {
        guard let abort = threshold.abort else { return nil }
        if threshold.metric == .recovery { return "whether a run recovers is known at its end; leave 'abort' out" }
        // None at all is missed by the first one; every other number may still be reached.
        let mayBeReached =
            [.greater, .greaterOrEqual].contains(threshold.comparison)
            || threshold.comparison == .equal && threshold.value > 0
        if case .number = threshold.metric, threshold.windowSeconds == nil, mayBeReached {
            return "a number of requests may still be reached at the end; leave 'abort' out"
        }
        if let length = length(of: nil), abort.after >= length {
            return "after \(DurationText.format(abort.after)) there is nothing to end: "
                + "\(DurationText.format(length)) are measured"
        }
        return nil
    }
}
