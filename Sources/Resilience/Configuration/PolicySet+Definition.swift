// SPDX-License-Identifier: Apache-2.0

/// The policies that edits have said something about, by the pipeline that they named.
struct EditedPolicies: Sendable {
    private var masks: [String: PolicyMask] = [:]

    mutating func note(_ edits: PolicyEdits) {
        for entry in edits.entries.entries { masks[entry.key, default: []].formUnion(Self.addressed(entry.value)) }
    }

    private static func addressed(_ edit: ConfigurationValue) -> PolicyMask {
        switch edit {
        case .null: []
        case .map(let map):
            map.entries.reduce(into: []) { mask, entry in
                mask.formUnion(PolicyKind(rawValue: entry.key).map { .of($0) } ?? .all)
            }
        default: .all
        }
    }

    /// The policies of a pipeline, or of a partition, that some edit has addressed.
    func mask(of pipeline: String) -> PolicyMask {
        [PolicyEdits.everything, pipeline, PipelineName.base(of: pipeline)].reduce(into: []) { mask, name in
            mask.formUnion(name.flatMap { masks[$0] } ?? [])
        }
    }
}

extension PolicyMask {
    fileprivate static let all: PolicyMask = PolicyKind.allCases.reduce(into: []) { $0.formUnion(.of($1)) }
}

extension PolicySet {
    /// Takes the settings of a pipeline as they are written in code. What edits have said before about a policy, its
    /// mode or its options, counts more.
    ///
    /// - Throws: What is wrong with the two together; then nothing has changed.
    mutating func define(
        _ name: String, _ configuration: PipelineConfiguration, under edited: EditedPolicies
    ) throws(ConfigurationFaults) {
        var faults: [ConfigurationFault] = []
        var defined = named
        for key in [name] + named.keys.filter({ PipelineName.base(of: $0) == name }).sorted() {
            var settings = self.configuration(for: key)
            settings.take(configuration, under: edited.mask(of: key))
            faults += settings.faults(at: [key])
            defined[key] = settings
        }
        if !faults.isEmpty { throw ConfigurationFaults(faults) }
        named = defined
    }
}

extension PipelineConfiguration {
    fileprivate mutating func take(_ code: PipelineConfiguration, under edited: PolicyMask) {
        for kind in PolicyKind.allCases {
            if edited.contains(.of(kind)) {
                self[kind].takeOptions(of: code[kind])
            } else {
                self[kind] = code[kind]
            }
        }
    }
}

extension EditableSetting {
    /// Takes the options of another setting of the same policy, unless there are some that somebody has set.
    fileprivate mutating func takeOptions(of other: any EditableSetting) {
        if let other = other as? Self { takeOptionsIfUnset(of: other) }
    }
}
