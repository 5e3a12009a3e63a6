// SPDX-License-Identifier: Apache-2.0

internal import FaultInjection

extension ScenarioReader {
    /// All thresholds; `faults`, `load` and `journeys` are nil when they are faulty themselves.
    func readThresholds(
        faults: [PlacedFault]?, load: [Scenario.Load]?, journeys: [Scenario.Journey]?
    ) -> [Scenario.Threshold]? {
        guard let node = script["thresholds"] else { return [] }
        guard let items = node.items else {
            reader.report(node.position, "'thresholds' is a list, each like '- success > 99%', not \(node.kind)")
            return nil
        }
        let names = ThresholdText.Names(
            journeys: journeyNames, steps: journeys.map(Scenario.stepLabels), variants: variantNames,
            loads: load.map { load in
                load.map { ($0.name, max($0.start, Scenario.measuredFrom(load)), $0.end) }
            })
        let plan = ThresholdPlan(faults: faults?.map(\.fault), load: load, journeys: journeys)
        let thresholds = items.compactMap { item -> Scenario.Threshold? in
            guard let (text, abort) = readParts(item), var threshold = readText(text, names) else { return nil }
            threshold.abort = abort
            guard let problem = plan.problem(with: threshold) else { return threshold }
            reader.report(text.position, problem)
            return nil
        }
        return thresholds.count == items.count ? thresholds : nil
    }

    private func readText(_ node: ScriptNode, _ names: ThresholdText.Names) -> Scenario.Threshold? {
        guard let text = reader.text(node, "threshold") else { return nil }
        do throws(ThresholdText.Malformed) {
            return try ThresholdText.parse(text, names: names)
        } catch {
            reader.report(node.position(ofScalar: error.offset), error.message)
            return nil
        }
    }

    /// A text, or `{threshold: TEXT, abort: …}`.
    private func readParts(_ node: ScriptNode) -> (text: ScriptNode, abort: Scenario.Threshold.Abort?)? {
        guard node.entries != nil else { return (node, nil) }
        guard let section = ScriptSection(node, "this threshold", keys: ["threshold", "abort"], reader: reader) else {
            return nil
        }
        let text = section.required("threshold", example: "p(99) < 400ms")
        guard let abort = section["abort"] else { return text.map { ($0, nil) } }
        guard case .some(let abort) = readAbort(abort), let text else { return nil }
        return (text, abort)
    }

    /// `true`, `false` or `{after: 5s, ends: experiment}`; `.some(nil)` for `false`, nil for a fault.
    private func readAbort(_ node: ScriptNode) -> Scenario.Threshold.Abort?? {
        if node.text != nil {
            return reader.bool(node, "abort").map { $0 ? Scenario.Threshold.Abort() : nil }
        }
        guard let section = ScriptSection(node, "'abort'", keys: ["after", "ends"], reader: reader) else { return nil }
        let after = section.duration("after", default: .zero)
        var ends: String? = "run"
        if let node = section["ends"] { ends = reader.word(node, "ends", ["run", "experiment"]) }
        guard let after, let ends else { return nil }
        return .some(Scenario.Threshold.Abort(after: after, endsExperiment: ends == "experiment"))
    }
}

extension Scenario {
    /// The labels of all request steps with their journeys.
    static func stepLabels(_ journeys: [Journey]) -> [(journey: String, label: String)] {
        journeys.flatMap { journey in
            journey.steps.flatMap(\.requests).map { (journey.name, $0.label) }
        }
    }

    /// Reads a threshold that is not in the script, as for example a goal on the command line.
    package func threshold(_ text: String) throws(ThresholdText.Malformed) -> Threshold {
        let threshold = try ThresholdText.parse(
            text,
            names: ThresholdText.Names(
                journeys: journeys.map(\.name), steps: Self.stepLabels(journeys), variants: variants.map(\.name),
                loads: []))
        // Where and when it is going to be judged, whoever asks knows.
        if let problem = ThresholdPlan(faults: nil, load: nil, journeys: journeys).problem(with: threshold) {
            throw ThresholdText.Malformed(message: problem, offset: 0)
        }
        return threshold
    }
}
