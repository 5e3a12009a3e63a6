// SPDX-License-Identifier: Apache-2.0

/// Changes to the policies of named pipelines: what a scenario's `policies`, a variant, a start-up file and a PATCH all
/// are.
///
/// A mapping from the name of a pipeline (or `all`) to a mode word for all of its policies, or to a mapping from policy
/// to its edit. Edits under `all` are applied before the others. Reading checks keys, kinds and bounds; whether a
/// policy has all it needs shows when the edits are applied to a `PolicySet`, because earlier edits may have set it.
public struct PolicyEdits: Sendable, Equatable {
    /// The key that addresses every pipeline, or every policy of a pipeline.
    public static let everything = "all"

    /// The edits by pipeline, as they were written.
    public let entries: ConfigurationMap

    /// No edits.
    public init() {
        entries = ConfigurationMap()
    }

    /// Reads edits from a configuration tree.
    ///
    /// - Throws: Every fault at once, with paths from the root of the tree.
    public init(_ tree: ConfigurationValue) throws(ConfigurationFaults) {
        var faults: [ConfigurationFault] = []
        switch tree {
        case .map(let map): entries = map
        case .null: entries = ConfigurationMap()
        default:
            entries = ConfigurationMap()
            faults.append(
                ConfigurationFault(
                    path: [], message: "expected a mapping from pipeline to policies, not \(tree.kindName)"))
        }
        for entry in entries.entries {
            var scratch = PipelineConfiguration()
            scratch.apply(entry.value, at: [entry.key], &faults)
        }
        if !faults.isEmpty { throw ConfigurationFaults(faults) }
    }

    /// Whether nothing is changed.
    public var isEmpty: Bool {
        entries.isEmpty
    }

    /// The pipelines that are addressed by name.
    public var pipelineNames: [String] {
        entries.entries.map(\.key).filter { $0 != Self.everything }
    }

    /// The edits as a configuration tree.
    public var tree: ConfigurationValue {
        .map(entries)
    }
}

extension PolicyEdits: Codable {
    /// - Throws: `ConfigurationFaults` when the edits can be decoded but make no sense.
    public init(from decoder: any Decoder) throws {
        try self.init(ConfigurationValue(from: decoder))
    }

    public func encode(to encoder: any Encoder) throws {
        try tree.encode(to: encoder)
    }
}

/// The configurations of all pipelines that edits have addressed, without the pipelines: what a registry keeps, and
/// what a scenario uses to see what its variants come to.
public struct PolicySet: Sendable, Equatable {
    /// The configuration of pipelines that no edit has named.
    public private(set) var common = PipelineConfiguration()
    /// The configurations of the pipelines that an edit has named.
    public internal(set) var named: [String: PipelineConfiguration] = [:]

    /// Everything disabled everywhere.
    public init() {}

    /// The configuration of a pipeline, or of a partition (`post -> comment [host-3]`): its own if an edit has named
    /// it, otherwise that of its name.
    ///
    /// - Parameter pipeline: What edits call it.
    public func configuration(for pipeline: String) -> PipelineConfiguration {
        named[pipeline] ?? PipelineName.base(of: pipeline).flatMap { named[$0] } ?? common
    }

    /// Applies edits: first those under `all`, then those of names, then those of partitions.
    ///
    /// - Parameter edits: What is to change; the rest stays.
    /// - Throws: Every fault at once; then nothing has changed.
    public mutating func apply(_ edits: PolicyEdits) throws(ConfigurationFaults) {
        var faults: [ConfigurationFault] = []
        var edited = self
        for entry in edits.entries.entries where entry.key == PolicyEdits.everything {
            edited.common.apply(entry.value, at: [entry.key], &faults)
            edited.common.leaveUnconfigured()
            faults += edited.common.faults(at: [entry.key])
            for name in edited.named.keys.sorted() {
                // Faults that the edit itself has were reported for `common` already.
                var ignored: [ConfigurationFault] = []
                edited.named[name, default: edited.common].apply(entry.value, at: [entry.key], &ignored)
                edited.named[name, default: edited.common].leaveUnconfigured()
            }
        }
        let addressed = edits.entries.entries.filter { $0.key != PolicyEdits.everything }
        for entry in addressed where PipelineName.base(of: entry.key) == nil {
            // What is said about a name counts for its partitions, too, as what is said about all does.
            let partitions = edited.named.keys.filter { PipelineName.base(of: $0) == entry.key }
            for partition in partitions {
                var ignored: [ConfigurationFault] = []
                edited.named[partition, default: edited.common].apply(entry.value, at: [entry.key], &ignored)
            }
            edited.named[entry.key, default: edited.common].apply(entry.value, at: [entry.key], &faults)
        }
        for entry in addressed where PipelineName.base(of: entry.key) != nil {
            var configuration = edited.configuration(for: entry.key)
            configuration.apply(entry.value, at: [entry.key], &faults)
            edited.named[entry.key] = configuration
        }
        for (name, configuration) in edited.named.sorted(by: { $0.key < $1.key }) {
            faults += configuration.faults(at: [name]).filter { !faults.contains($0) }
        }
        faults += edited.sharedBudgetFaults
        if !faults.isEmpty { throw ConfigurationFaults(faults) }
        self = edited
    }
}
