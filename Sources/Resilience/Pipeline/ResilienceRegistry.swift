// SPDX-License-Identifier: Apache-2.0

public import Logging
internal import Synchronization

/// All pipelines of a process, by name, with the one place where their settings change.
///
/// A name may have partitions, one for each host or tenant: `registry.pipeline("post -> comment", partition: "host-3")`.
/// A partition is configured like its name unless an edit addresses it, and has state of its own. Only so many
/// partitions are kept; the one that was not asked for the longest makes room, preferably one that nobody uses.
public final class ResilienceRegistry: Sendable {
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
    ///   - logger: Gets the same events as they happen: warnings when a breaker opens, an endpoint is ejected or an
    ///     override is dropped, notices and infos of the rest. Nil logs nothing.
    public init(
        time: TimeSource = .system, seed: UInt64 = .random(in: .min ... .max), partitions: Int = 1000,
        recentEvents: Int = 256, logger: Logger? = nil
    ) {
        core = Mutex(Core(partitions: PartitionTable(capacity: partitions), seeds: SplitMix64(seed: seed)))
        self.time = time
        hub = EventHub(capacity: recentEvents, logger: logger)
    }

    deinit {
        hub.finishOfAll()
        // Pipelines may live longer, and nobody would end their overrides any more.
        core.withLock { core in
            for active in core.overrides {
                active.timer?.cancel()
                _ = core.end(active.override.id)
            }
        }
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

    /// The pipeline of that name with settings that are written in code, everything in them enforced.
    ///
    /// They count from the first time on; asked again, the registry gives the pipeline as it is. What edits have said
    /// about a policy before, such as those of a start-up file, counts more than the block, and what they say afterwards
    /// does so anyway.
    ///
    /// - Parameters:
    ///   - name: What it is called in edits, metrics and events.
    ///   - idempotency: Whether the calls may be repeated, when it is the same for all of them: a hedge around calls
    ///     that may not be is refused.
    ///   - policies: The options of each policy, one line each, from the outermost to the innermost.
    /// - Throws: Every policy that stands in a place where it would do harm, and everything that is wrong with the
    ///   options, by themselves or together with edits; then nothing has changed.
    public func pipeline(
        _ name: String, idempotency: Idempotency? = nil, @PipelineBuilder policies: () -> [PipelineElement]
    ) throws(ConfigurationFaults) -> ResiliencePipeline {
        let configuration = try PipelineConfiguration(idempotency: idempotency, policies)
        try change { core throws(ConfigurationFaults) in try core.define(name, configuration) }
            .forEach { $0.report() }
        return pipeline(name)
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
        try change { core throws(ConfigurationFaults) in try core.apply(edits) }.forEach { $0.report() }
    }

    /// Changes settings for a time: afterwards they are what they would be without it. Of several changes at once the
    /// later one wins.
    ///
    /// - Parameters:
    ///   - edits: What is to change; the rest stays.
    ///   - duration: For how long.
    /// - Returns: What to call it by.
    /// - Throws: Everything that is wrong with the edits; then nothing has changed.
    @discardableResult
    public func apply(
        _ edits: PolicyEdits, for duration: Duration
    ) throws(ConfigurationFaults) -> PolicyOverride.ID {
        let expires = time.now().advanced(by: duration)
        let (override, changes) = try change { core throws(ConfigurationFaults) in
            try core.begin(edits, until: expires)
        }
        publish(override, .overrideBegan(override.id))
        for change in changes { change.report() }
        // The timer holds the registry only weakly.
        let timer = DelayedAction(at: expires, on: time) { [weak self, id = override.id] in
            self?.end(id, .overrideExpired(id))
        }
        if !core.withLock({ $0.arm(override.id, timer) }) { timer.cancel() }
        return override.id
    }

    /// The changes that were made for a time and are still on, in the order in which they came.
    public var overrides: [PolicyOverride] {
        core.withLock { $0.overrides.map(\.override) }
    }

    /// Ends a change that was made for a time before it ends by itself. Other overrides stay, but for those that relied
    /// on it and make no sense without it.
    ///
    /// - Returns: Whether it was still on.
    @discardableResult
    public func endOverride(_ id: PolicyOverride.ID) -> Bool {
        end(id, .overrideEnded(id))
    }

    @discardableResult
    private func end(_ id: PolicyOverride.ID, _ event: ResilienceEvent.Kind) -> Bool {
        guard let (ended, dropped, changes) = hub.change({ core.withLock { $0.end(id) } }) else { return false }
        for active in dropped + [ended] { active.timer?.cancel() }
        for change in changes { change.report() }
        publish(ended.override, event)
        for active in dropped { publish(active.override, .overrideDropped(active.override.id)) }
        return true
    }

    private func change<Value: Sendable>(
        _ body: (inout Core) throws(ConfigurationFaults) -> Value
    ) throws(ConfigurationFaults) -> Value {
        let result = hub.change {
            core.withLock { core -> Result<Value, ConfigurationFaults> in
                do throws(ConfigurationFaults) {
                    return .success(try body(&core))
                } catch {
                    return .failure(error)
                }
            }
        }
        return try result.get()
    }

    /// The settings of all pipelines.
    public var policies: PolicySet {
        core.withLock { $0.policies }
    }

    // MARK: - Events

    /// Events of all pipelines and of the registry from now on, until the registry goes. Free while nobody has asked; a
    /// listener that falls behind loses the oldest.
    ///
    /// - Parameter buffering: How many events are kept for a listener that falls behind.
    public func events(buffering: Int = 1024) -> AsyncStream<ResilienceEvent> {
        hub.subscribe(buffering: buffering)
    }

    /// The last state changes and changes of settings, oldest first.
    public var recentEvents: [ResilienceEvent] {
        hub.recent
    }

    /// Tells about an override: once for each pipeline that it names, and for `all`.
    private func publish(_ override: PolicyOverride, _ kind: ResilienceEvent.Kind) {
        for entry in override.edits.entries.entries { publish(entry.key, kind) }
    }

    private func publish(_ name: String, _ kind: ResilienceEvent.Kind) {
        guard hub.wants(kind) else { return }
        hub.publish(ResilienceEvent(pipeline: name, instant: time.now(), kind: kind))
    }
}
