// SPDX-License-Identifier: Apache-2.0

internal import Synchronization

/// All pipelines of a process, by name, with the one place where their settings change.
public final class ResilienceRegistry: Sendable {
    /// Edits that end by themselves.
    private struct Override {
        var id: UInt64
        var edits: PolicyEdits
    }

    private struct Core {
        /// What lasts.
        var lasting = PolicySet()
        /// What lasts with the overrides applied to it, in the order in which they came.
        var policies = PolicySet()
        var overrides: [Override] = []
        var nextID: UInt64 = 0
        var pipelines: [String: ResiliencePipeline] = [:]
        var seeds: SplitMix64

        /// Takes new lasting settings and overrides, if they make sense together, and hands them to the pipelines.
        mutating func settle(_ lasting: PolicySet, _ overrides: [Override]) throws(ConfigurationFaults) {
            var effective = lasting
            for override in overrides { try effective.apply(override.edits) }
            self.lasting = lasting
            self.overrides = overrides
            policies = effective
            // Under the registry's lock, so that all pipelines change before the next edit.
            for (name, pipeline) in pipelines { pipeline.apply(checked: effective.configuration(for: name)) }
        }
    }

    private let core: Mutex<Core>
    private let time: TimeSource
    private let hub: EventHub

    /// An empty registry; every pipeline starts with all policies disabled.
    ///
    /// - Parameters:
    ///   - seed: Where jitter starts in the pipelines.
    ///   - recentEvents: How many notable events (state changes, new settings) are kept for `recentEvents`.
    public init(time: TimeSource = .system, seed: UInt64 = .random(in: .min ... .max), recentEvents: Int = 256) {
        core = Mutex(Core(seeds: SplitMix64(seed: seed)))
        self.time = time
        hub = EventHub(capacity: recentEvents)
    }

    /// The pipeline of that name; it is made when it is first asked for, with the settings that edits have given it
    /// before.
    public func pipeline(_ name: String) -> ResiliencePipeline {
        core.withLock { core in
            if let pipeline = core.pipelines[name] { return pipeline }
            let pipeline = ResiliencePipeline(
                name: name, checked: core.policies.configuration(for: name), time: time, seed: core.seeds.next(),
                hub: hub)
            core.pipelines[name] = pipeline
            return pipeline
        }
    }

    /// Changes settings of pipelines, of those that exist and of those that will be made. State and counters stay;
    /// calls under way see the change from their next attempt.
    ///
    /// - Throws: Everything that is wrong with the edits; then nothing has changed.
    public func apply(_ edits: PolicyEdits) throws(ConfigurationFaults) {
        try change { core throws(ConfigurationFaults) in
            var lasting = core.lasting
            try lasting.apply(edits)
            try core.settle(lasting, core.overrides)
        }
    }

    /// Changes settings for a time: afterwards they are what they would be without it. Of several changes at once the
    /// later one wins.
    ///
    /// - Throws: Everything that is wrong with the edits; then nothing has changed.
    public func apply(_ edits: PolicyEdits, for duration: Duration) throws(ConfigurationFaults) {
        var id: UInt64 = 0
        try change { core throws(ConfigurationFaults) in
            core.nextID += 1
            id = core.nextID
            try core.settle(core.lasting, core.overrides + [Override(id: id, edits: edits)])
        }
        // The action holds the registry only weakly, and ends by itself.
        _ = DelayedAction(at: time.now().advanced(by: duration), on: time) { [weak self, id] in self?.endOverride(id) }
    }

    private func endOverride(_ id: UInt64) {
        core.withLock { core in
            let remaining = core.overrides.filter { $0.id != id }
            do throws(ConfigurationFaults) {
                try core.settle(core.lasting, remaining)
            } catch {
                // A later override may have relied on this one; what lasts was checked by itself.
                try? core.settle(core.lasting, [])
            }
        }
    }

    private func change(
        _ body: (inout Core) throws(ConfigurationFaults) -> Void
    ) throws(ConfigurationFaults) {
        let result = core.withLock { core -> Result<Void, ConfigurationFaults> in
            do throws(ConfigurationFaults) {
                return .success(try body(&core))
            } catch {
                return .failure(error)
            }
        }
        try result.get()
    }

    /// All pipelines now, by name.
    public func snapshots() -> [PipelineSnapshot] {
        let pipelines = core.withLock { Array($0.pipelines.values) }
        return pipelines.map(\.snapshot).sorted { $0.name < $1.name }
    }

    /// The settings of all pipelines.
    public var policies: PolicySet {
        core.withLock { $0.policies }
    }

    /// Events of all pipelines from now on. Free while nobody has asked; a listener that falls behind loses the oldest.
    public func events(buffering: Int = 1024) -> AsyncStream<ResilienceEvent> {
        hub.subscribe(buffering: buffering)
    }

    /// The last state changes and changes of settings, oldest first.
    public var recentEvents: [ResilienceEvent] {
        hub.recent
    }
}
