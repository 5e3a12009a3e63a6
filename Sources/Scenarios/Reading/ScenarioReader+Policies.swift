// SPDX-License-Identifier: Apache-2.0

internal import Resilience

extension ScenarioReader {
    /// The script's `policies`; empty when there are none.
    func readPolicies() -> PolicyEdits? { PolicyEdits() }

    /// The script's variants, in its order; one without edits when it names none.
    func readVariants(policies: PolicyEdits?) -> [Scenario.Variant]? {
        let names = script["variants"]?.entries?.map(\.key) ?? ["default"]
        return names.map { Scenario.Variant(name: $0, edits: PolicyEdits()) }
    }
}
