// SPDX-License-Identifier: Apache-2.0

extension ResilienceRegistry {
    /// An override with the timer that ends it.
    struct ActiveOverride: Sendable {
        var override: PolicyOverride
        /// Nil for the moment between its beginning and the arming of its timer.
        var timer: DelayedAction?
    }

    /// A pipeline that has new settings, and what it has to tell. It tells it outside of the registry's lock: whoever
    /// listens may take its time, and calls look their pipelines up.
    struct Change: Sendable {
        var pipeline: ResiliencePipeline
        var event: ResilienceEvent.Kind

        func report() {
            pipeline.telemetry.report(event)
        }
    }

    /// What the registry keeps under its lock.
    struct Core {
        /// What lasts.
        private(set) var lasting = PolicySet()
        /// What lasts with the overrides applied to it, in the order in which they came.
        private(set) var policies = PolicySet()
        private(set) var overrides: [ActiveOverride] = []
        /// What lasting edits have said something about.
        private var edited = EditedPolicies()
        /// The names whose settings were written in code.
        private var defined: Set<String> = []
        private var lastID: UInt64 = 0
        var pipelines: [String: ResiliencePipeline] = [:]
        var partitions: PartitionTable
        var seeds: SplitMix64

        init(partitions: PartitionTable, seeds: SplitMix64) {
            self.partitions = partitions
            self.seeds = seeds
        }

        /// Takes new lasting settings and overrides if they make sense together.
        private mutating func settle(
            _ lasting: PolicySet, _ overrides: [ActiveOverride]
        ) throws(ConfigurationFaults) -> [Change] {
            var effective = lasting
            for active in overrides { try effective.apply(active.override.edits) }
            self.lasting = lasting
            self.overrides = overrides
            return hand(effective)
        }

        /// Hands settings to all pipelines: under the registry's lock, so that all of them change before the next edit.
        private mutating func hand(_ effective: PolicySet) -> [Change] {
            policies = effective
            return (Array(pipelines.values) + partitions.all).compactMap { pipeline in
                pipeline.take(effective.configuration(for: pipeline.name)).map { Change(pipeline: pipeline, event: $0) }
            }
        }

        // MARK: - What lasts

        mutating func apply(_ edits: PolicyEdits) throws(ConfigurationFaults) -> [Change] {
            var lasting = lasting
            try lasting.apply(edits)
            let changes = try settle(lasting, overrides)
            edited.note(edits)
            return changes
        }

        /// The settings of a pipeline as they are written in code; only the first time.
        mutating func define(
            _ name: String, _ configuration: PipelineConfiguration
        ) throws(ConfigurationFaults) -> [Change] {
            if defined.contains(name) { return [] }
            var lasting = lasting
            try lasting.define(name, configuration, under: edited)
            let changes = try settle(lasting, overrides)
            defined.insert(name)
            return changes
        }

        // MARK: - What ends

        mutating func begin(
            _ edits: PolicyEdits, until expires: MonotonicInstant
        ) throws(ConfigurationFaults) -> (PolicyOverride, [Change]) {
            let override = PolicyOverride(id: lastID + 1, edits: edits, expires: expires)
            let changes = try settle(lasting, overrides + [ActiveOverride(override: override)])
            lastID += 1
            return (override, changes)
        }

        /// - Returns: False when the override has ended meanwhile.
        mutating func arm(_ id: PolicyOverride.ID, _ timer: DelayedAction) -> Bool {
            guard let index = overrides.firstIndex(where: { $0.override.id == id }) else { return false }
            overrides[index].timer = timer
            return true
        }

        /// Ends an override.
        ///
        /// - Returns: It, and those that relied on it and make no sense without it; nil when there is none.
        mutating func end(
            _ id: PolicyOverride.ID
        ) -> (ended: ActiveOverride, dropped: [ActiveOverride], changes: [Change])? {
            guard let index = overrides.firstIndex(where: { $0.override.id == id }) else { return nil }
            let ended = overrides.remove(at: index)
            var effective = lasting
            var (kept, dropped) = ([ActiveOverride](), [ActiveOverride]())
            for active in overrides {
                do throws(ConfigurationFaults) {
                    try effective.apply(active.override.edits)
                    kept.append(active)
                } catch {
                    dropped.append(active)
                }
            }
            overrides = kept
            return (ended, dropped, hand(effective))
        }
    }
}
