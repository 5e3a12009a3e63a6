// SPDX-License-Identifier: Apache-2.0

internal import Synchronization

/// All pipelines of a process, by name, with the one place where their settings change.
///
/// A name may have partitions, one for each host or tenant: `registry.pipeline("post -> comment", partition: "host-3")`.
/// A partition is configured like its name unless an edit addresses it, and has state of its own. Only so many
/// partitions are kept; the one that was not asked for the longest makes room, preferably one that nobody uses.
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
        var partitions: PartitionTable
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
            for pipeline in partitions.all { pipeline.apply(checked: effective.configuration(for: pipeline.name)) }
        }
    }

    private let core: Mutex<Core>
    private let time: TimeSource
    private let hub: EventHub
    private let metrics = MetricsPool()
    private let sharedBudgets = SharedRetryBudgets()

    /// An empty registry; every pipeline starts with all policies disabled.
    ///
    /// - Parameters:
    ///   - time: The clock of all pipelines.
    ///   - seed: Where jitter starts in the pipelines.
    ///   - partitions: The most partitions that are kept, of all names together; at least 1.
    ///   - recentEvents: How many notable events (state changes, new settings) are kept for `recentEvents`.
    public init(
        time: TimeSource = .system, seed: UInt64 = .random(in: .min ... .max), partitions: Int = 1000,
        recentEvents: Int = 256
    ) {
        core = Mutex(Core(partitions: PartitionTable(capacity: partitions), seeds: SplitMix64(seed: seed)))
        self.time = time
        hub = EventHub(capacity: recentEvents)
    }

    // MARK: - Pipelines

    /// The pipeline of that name; it is made when it is first asked for, with the settings that edits have given it
    /// before, and stays. For names that are written in code; what comes from outside is a partition.
    ///
    /// - Parameter name: What it is called in edits, metrics and events.
    public func pipeline(_ name: String) -> ResiliencePipeline {
        let (pipeline, isNew) = core.withLock { core -> (ResiliencePipeline, Bool) in
            if let pipeline = core.pipelines[name] { return (pipeline, false) }
            let pipeline = make(name, metrics: PipelineMetrics(pipeline: name), &core)
            core.pipelines[name] = pipeline
            return (pipeline, true)
        }
        if isNew { publish(name, .added) }
        return pipeline
    }

    /// The pipeline of a name for one of many hosts, tenants or the like; a string from outside is safe.
    ///
    /// Ask for each call, or keep the pipeline while it is used: one that made room goes on working for those who have
    /// it and follows changes of settings, but whoever asks next gets a new one.
    ///
    /// - Parameters:
    ///   - name: The name whose settings it has.
    ///   - partition: Which one. In edits it is addressed as `name [partition]`.
    public func pipeline(_ name: String, partition: String) -> ResiliencePipeline {
        let full = PipelineName.joined(name, partition)
        let (pipeline, isNew, evicted) = core.withLock { core -> (ResiliencePipeline, Bool, ResiliencePipeline?) in
            if let pipeline = core.partitions.use(full) { return (pipeline, false, nil) }
            let pipeline = make(full, metrics: metrics.take(full, name: name, partition: partition), &core)
            return (pipeline, true, core.partitions.insert(pipeline, as: full))
        }
        if let evicted { publish(evicted.name, .evicted) }
        if isNew { publish(full, .added) }
        return pipeline
    }

    private func make(_ name: String, metrics: PipelineMetrics, _ core: inout Core) -> ResiliencePipeline {
        ResiliencePipeline(
            name: name, checked: core.policies.configuration(for: name), time: time, seed: core.seeds.next(),
            telemetry: PipelineTelemetry(name: name, time: time, hub: hub, metrics: metrics),
            sharedBudgets: sharedBudgets)
    }

    /// All pipelines now, by name, with the partitions that are kept.
    public func snapshots() -> [PipelineSnapshot] {
        all.map(\.snapshot).sorted { $0.name < $1.name }
    }

    /// Brings the gauges up to date that follow state: calls under way, limits, balances, rates, amplification.
    ///
    /// Calls don't pay for them; a metrics endpoint calls this before it renders.
    public func recordGauges() {
        for pipeline in all { pipeline.recordGauges() }
    }

    private var all: [ResiliencePipeline] {
        core.withLock { Array($0.pipelines.values) + $0.partitions.kept }
    }

    // MARK: - Settings

    /// Changes settings of pipelines, of those that exist and of those that will be made. State and counters stay;
    /// calls under way see the change from their next attempt.
    ///
    /// - Parameter edits: What is to change; the rest stays.
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
    /// - Parameters:
    ///   - edits: What is to change; the rest stays.
    ///   - duration: For how long.
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
        let ended = core.withLock { core -> PolicyEdits? in
            let edits = core.overrides.first { $0.id == id }?.edits
            let remaining = core.overrides.filter { $0.id != id }
            do throws(ConfigurationFaults) {
                try core.settle(core.lasting, remaining)
            } catch {
                // A later override may have relied on this one; what lasts was checked by itself.
                try? core.settle(core.lasting, [])
            }
            return edits
        }
        for entry in ended?.entries.entries ?? [] { publish(entry.key, .overrideExpired) }
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

    /// The settings of all pipelines.
    public var policies: PolicySet {
        core.withLock { $0.policies }
    }

    // MARK: - Events

    /// Events of all pipelines and of the registry from now on. Free while nobody has asked; a listener that falls
    /// behind loses the oldest.
    ///
    /// - Parameter buffering: How many events are kept for a listener that falls behind.
    public func events(buffering: Int = 1024) -> AsyncStream<ResilienceEvent> {
        hub.subscribe(buffering: buffering)
    }

    /// The last state changes and changes of settings, oldest first.
    public var recentEvents: [ResilienceEvent] {
        hub.recent
    }

    private func publish(_ name: String, _ kind: ResilienceEvent.Kind) {
        hub.publish(ResilienceEvent(pipeline: name, instant: time.now(), kind: kind))
    }
}
