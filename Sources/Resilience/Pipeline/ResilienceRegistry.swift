// SPDX-License-Identifier: Apache-2.0

internal import Synchronization

/// All pipelines of a process, by name, with the one place where their settings change.
public final class ResilienceRegistry: Sendable {
    private struct Core {
        var policies = PolicySet()
        var pipelines: [String: ResiliencePipeline] = [:]
        var seeds: SplitMix64
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

    /// The pipeline of that name; it is made when it is first asked for, with the settings that edits have given it before.
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

    /// Changes settings of pipelines, of those that exist and of those that will be made. State and counters stay; calls under way
    /// see the change from their next attempt.
    ///
    /// - Throws: Everything that is wrong with the edits; then nothing has changed.
    public func apply(_ edits: PolicyEdits) throws(ConfigurationFaults) {
        let result = core.withLock { core -> Result<Void, ConfigurationFaults> in
            var policies = core.policies
            do throws(ConfigurationFaults) {
                try policies.apply(edits)
            } catch {
                return .failure(error)
            }
            core.policies = policies
            // Under the lock, so that all pipelines change before the next edit.
            for (name, pipeline) in core.pipelines { pipeline.apply(checked: policies.configuration(for: name)) }
            return .success(())
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
