// SPDX-License-Identifier: Apache-2.0

extension PolicySet {
    /// Pipelines that share a retry budget and give it different figures: which of them counts would depend on who came
    /// last, so each of them is compared with the first.
    var sharedBudgetFaults: [ConfigurationFault] {
        var first: [String: (pipeline: String, budget: RetryOptions.Budget)] = [:]
        var faults: [ConfigurationFault] = []
        let everybody = [(PolicyEdits.everything, common)] + named.sorted { $0.key < $1.key }.map { ($0.key, $0.value) }
        for (pipeline, configuration) in everybody {
            guard let budget = configuration.retry.options?.budget, let name = budget.shared else { continue }
            guard let (other, theirs) = first[name] else {
                first[name] = (pipeline, budget)
                continue
            }
            if budget == theirs { continue }
            faults.append(
                ConfigurationFault(
                    path: [pipeline, PolicyKind.retry.rawValue, "budget"],
                    message: "shares \"\(name)\" with \(budget.figures), but \(other) with \(theirs.figures): "
                        + "give both the same figures in one edit"))
        }
        return faults
    }
}

extension RetryOptions.Budget {
    fileprivate var figures: String {
        "ratio \(ConfigurationText.format(ratio: ratio)) and floor-per-second \(floorPerSecond)"
    }
}
