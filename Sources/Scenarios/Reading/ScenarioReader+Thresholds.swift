// SPDX-License-Identifier: Apache-2.0

internal import FaultInjection

extension ScenarioReader {
    /// All thresholds; `faults` and `load` are nil when they are faulty themselves.
    func readThresholds(faults: [PlacedFault]?, load: [Scenario.Load]?) -> [Scenario.Threshold]? {
        guard let node = script["thresholds"] else { return [] }
        guard let items = node.items else {
            reader.report(node.position, "'thresholds' is a list, each like '- success > 99%', not \(node.kind)")
            return nil
        }
        let thresholds = items.map { item -> Scenario.Threshold? in
            guard let text = reader.text(item, "threshold") else { return nil }
            let threshold: Scenario.Threshold
            do throws(ThresholdText.Malformed) {
                threshold = try ThresholdText.parse(text, journeys: journeyNames, variants: variantNames)
            } catch {
                reader.report(item.position(ofScalar: error.offset), error.message)
                return nil
            }
            return isPossible(threshold, item, faults: faults, load: load) ? threshold : nil
        }
        let sound = thresholds.compactMap { $0 }
        return sound.count == items.count ? sound : nil
    }

    private func isPossible(
        _ threshold: Scenario.Threshold, _ node: ScriptNode, faults: [PlacedFault]?, load: [Scenario.Load]?
    ) -> Bool {
        if threshold.metric == .recovery, threshold.phase != nil {
            reader.report(node.position, "'recovers' looks at the time after the fault; leave 'during' out")
            return false
        }
        let needsFault = threshold.phase != nil || threshold.metric == .recovery
        guard needsFault, let faults else { return true }
        guard !faults.isEmpty else {
            reader.report(
                node.position,
                "this threshold needs a fault, and the script has none; phases are cut where a fault begins and ends")
            return false
        }
        if threshold.phase == "baseline", let load, let first = faults.map(\.fault.start).min(),
            first <= Scenario.measuredFrom(load)
        {
            reader.report(node.position, "there is no baseline: the first fault begins with the measurement")
            return false
        }
        if threshold.phase == "recovery" || threshold.metric == .recovery, let load,
            let end = faults.map({ $0.fault.start + $0.fault.duration }).max(), let last = load.map(\.end).max(),
            end >= last
        {
            reader.report(node.position, "there is no load after the fault's end in which anything could recover")
            return false
        }
        return true
    }
}
