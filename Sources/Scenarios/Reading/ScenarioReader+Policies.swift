// SPDX-License-Identifier: Apache-2.0

internal import Resilience

extension ScenarioReader {
    /// The script's `policies`; empty when there are none.
    func readPolicies() -> PolicyEdits? {
        guard let entry = script.entry("policies"), !entry.value.isNull else { return PolicyEdits() }
        return readEdits(entry.value, after: PolicyEdits(), at: entry.keyPosition)
    }

    /// The script's variants, in its order; one without edits when it names none. `policies` is nil when they are faulty.
    func readVariants(policies: PolicyEdits?) -> [Scenario.Variant]? {
        guard let entry = script.entry("variants"), !entry.value.isNull else {
            return [Scenario.Variant(name: Self.defaultVariant, edits: PolicyEdits())]
        }
        guard let entries = entry.value.entries, !entries.isEmpty else {
            reader.report(
                entry.value.position,
                "'variants' names edits of the policies, for example {none: {all: disabled}, everything: {}}, not "
                    + (entry.value.entries == nil ? entry.value.kind : "an empty mapping"))
            return nil
        }
        let variants = entries.map { variant -> Scenario.Variant? in
            let named = reader.name(variant.key, "variant", at: variant.keyPosition)
            guard let edits = readEdits(variant.value, after: policies, at: variant.keyPosition) else { return nil }
            return named ? Scenario.Variant(name: variant.key, edits: edits) : nil
        }
        let sound = variants.compactMap { $0 }
        return sound.count == entries.count ? sound : nil
    }

    /// Reads edits. With `earlier`, they are also tried on top of these; without, what is missing may stand there.
    private func readEdits(_ node: ScriptNode, after earlier: PolicyEdits?, at position: ScriptPosition) -> PolicyEdits?
    {
        let faultsBefore = reader.faults.count
        var known = addressable(node)
        var edits: PolicyEdits?
        // What policies lack shows only when sound edits are applied: those that can't be read are left out the second time.
        for _ in 0..<2 {
            do throws(ConfigurationFaults) {
                edits = try Self.checked(
                    known.configuration, after: earlier, servers: system?.serverPipelineNames ?? [])
                break
            } catch {
                for fault in error.faults {
                    // The pipeline is seen in the line; the rest of the path says which key is meant.
                    let path = fault.path.dropFirst().joined(separator: ".")
                    var message = path.isEmpty ? fault.message : "\(path): \(fault.message)"
                    if let nearest = fault.nearest { message += "; did you mean \(nearest.quoted)?" }
                    if !fault.allowed.isEmpty { message += " (allowed: \(fault.allowed.joined(separator: ", ")))" }
                    reader.report(known.position(ofPath: fault.path, root: position), message)
                }
                known = known.removing(paths: Set(error.faults.map { Array($0.path.prefix(2)) }))
            }
        }
        return reader.faults.count == faultsBefore ? edits : nil
    }

    private static func checked(
        _ tree: ConfigurationValue, after earlier: PolicyEdits?, servers: [String]
    ) throws(ConfigurationFaults) -> PolicyEdits {
        let edits = try PolicyEdits(tree)
        var faults = edits.faults(ofServers: servers)
        if let earlier {
            var policies = PolicySet()
            do throws(ConfigurationFaults) {
                try policies.apply(earlier)
                try policies.apply(edits)
            } catch {
                faults += error.faults
            }
        }
        if !faults.isEmpty { throw ConfigurationFaults(faults) }
        return edits
    }

    /// Edits without the pipelines that do not exist, which are reported.
    private func addressable(_ node: ScriptNode) -> ScriptNode {
        guard let system, let entries = node.entries, let first = entries.first else { return node }
        guard system == .social else {
            reader.report(
                first.keyPosition,
                "policies can only be set in the social network; this script's system is '\(system.word)'")
            return ScriptNode(value: .map([]), position: node.position)
        }
        let names = system.pipelineNames + [PolicyEdits.everything]
        let known = entries.filter { entry in
            if names.contains(entry.key) { return true }
            reader.report(
                entry.keyPosition,
                "there is no pipeline \(entry.key.quoted)\(NearestName.advice(for: entry.key, among: names, "known"))")
            return false
        }
        return ScriptNode(value: .map(known), position: node.position)
    }
}

extension ScriptNode {
    /// The value without its places, for readers that know nothing of scripts.
    var configuration: ConfigurationValue {
        switch value {
        case .null: return .null
        case .scalar(let text, let plain):
            switch ScriptNode.meaning(text, plain: plain) {
            case .null: return .null
            case .bool(let value): return .bool(value)
            case .integer(let value): return .int(value)
            case .number(let value): return .double(value)
            case .text(let value): return .string(value)
            }
        case .list(let items): return .list(items.map(\.configuration))
        case .map(let entries):
            return .map(ConfigurationMap(entries.map { ConfigurationMap.Entry($0.key, $0.value.configuration) }))
        }
    }

    /// Without the values that these paths of keys lead to.
    func removing(paths: Set<[String]>) -> ScriptNode {
        guard let entries, !paths.contains([]) else { return ScriptNode(value: .map([]), position: position) }
        let kept = entries.filter { !paths.contains([$0.key]) }.map { entry in
            let deeper = paths.filter { $0.count > 1 && $0[0] == entry.key }.map { Array($0.dropFirst()) }
            guard !deeper.isEmpty else { return entry }
            var entry = entry
            entry.value = entry.value.removing(paths: Set(deeper))
            return entry
        }
        return ScriptNode(value: .map(kept), position: position)
    }

    /// Where a path of keys leads: to the last value that exists, or to the key itself when its value is a mapping or nothing.
    func position(ofPath path: [String], root: ScriptPosition) -> ScriptPosition {
        var node = self
        var place = root
        for key in path {
            if let entry = node.entries?.first(where: { $0.key == key }) {
                node = entry.value
                place = node.text == nil ? entry.keyPosition : node.position
            } else if let index = Int(key), let items = node.items, items.indices.contains(index) {
                node = items[index]
                place = node.position
            } else {
                break
            }
        }
        return place
    }
}
