// SPDX-License-Identifier: Apache-2.0

/// A policy whose settings have changed.
public struct PolicyChange: Sendable, Hashable, Codable {
    /// Which policy.
    public var policy: PolicyKind
    /// Mode and options before, as they would be written in a configuration.
    public var old: ConfigurationValue
    /// Mode and options now.
    public var new: ConfigurationValue

    /// A change.
    ///
    /// - Parameters:
    ///   - policy: Which policy.
    ///   - old: Mode and options before.
    ///   - new: Mode and options now.
    public init(policy: PolicyKind, old: ConfigurationValue, new: ConfigurationValue) {
        self.policy = policy
        self.old = old
        self.new = new
    }

    /// What differs between two configurations, in the order of the pipeline.
    static func between(_ old: PipelineConfiguration, _ new: PipelineConfiguration) -> [PolicyChange] {
        zip(old.policies, new.policies).compactMap { old, new in
            let (before, after) = (written(old.mode, old.configuration), written(new.mode, new.configuration))
            return before == after ? nil : PolicyChange(policy: old.kind, old: before, new: after)
        }
    }

    private static func written(_ mode: PolicyMode, _ options: ConfigurationMap) -> ConfigurationValue {
        .map(ConfigurationMap([.init("mode", .string(mode.rawValue))] + options.entries))
    }
}

extension PolicyChange: CustomStringConvertible {
    /// The mode, and the keys that have changed.
    public var description: String {
        guard case .map(let before) = old, case .map(let after) = new else { return policy.rawValue }
        let keys = (before.entries + after.entries).map(\.key).reduce(into: [String]()) { keys, key in
            if !keys.contains(key), before[key] != after[key] { keys.append(key) }
        }
        let changes = keys.map { "\($0) \(before[$0].text) -> \(after[$0].text)" }
        return "\(policy.rawValue) \(changes.joined(separator: ", "))"
    }
}

extension ConfigurationValue? {
    /// Short, for a line of text.
    fileprivate var text: String {
        switch self {
        case nil, .null?: "none"
        case .string(let word)?: word
        case .map(let map)?: "{\(map.entries.map { "\($0.key): \(Optional($0.value).text)" }.joined(separator: ", "))}"
        case .list(let items)?: "[\(items.map { Optional($0).text }.joined(separator: ", "))]"
        case .some(let value): value.kindName
        }
    }
}
