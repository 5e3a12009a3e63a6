// SPDX-License-Identifier: Apache-2.0

internal import Synchronization

/// All policies between a caller and a callee, under one name (`post -> comment`).
///
/// The shape is fixed, from the outermost to the innermost policy: fallback, deadline, retry, circuit breaker,
/// bulkhead, attempt timeout. So every attempt is evidence for the breaker, no slot is held while a retry waits, and
/// queueing has its own limit. What each policy does is configuration, and changes while calls are under way: the next
/// attempt sees it, and state (the breaker's window, the bulkhead's slots, the budget) stays.
public final class ResiliencePipeline: Sendable {
    public let name: String
    @usableFromInline let time: TimeSource
    @usableFromInline let fallback: Fallback
    @usableFromInline let deadline: Deadline
    @usableFromInline let retry: Retry
    /// For code that can't be a closure: `circuitBreaker.acquire()`.
    public let circuitBreaker: CircuitBreaker
    public let bulkhead: Bulkhead
    @usableFromInline let attemptTimeout: AttemptTimeout
    @usableFromInline let telemetry: PipelineTelemetry
    private let current: Mutex<(configuration: PipelineConfiguration, version: Int)>

    /// A pipeline by itself; most come from a `ResilienceRegistry`.
    ///
    /// - Parameters:
    ///   - configuration: Everything is disabled by default.
    ///   - seed: Where jitter starts; the same seed gives the same waiting times.
    /// - Throws: Everything that is wrong with the configuration.
    public convenience init(
        name: String, configuration: PipelineConfiguration = PipelineConfiguration(), time: TimeSource = .system,
        seed: UInt64 = .random(in: .min ... .max)
    ) throws(ConfigurationFaults) {
        let faults = configuration.faults(at: [name])
        if !faults.isEmpty { throw ConfigurationFaults(faults) }
        self.init(name: name, checked: configuration, time: time, seed: seed, hub: EventHub(capacity: 128))
    }

    init(name: String, checked configuration: PipelineConfiguration, time: TimeSource, seed: UInt64, hub: EventHub) {
        self.name = name
        self.time = time
        let telemetry = PipelineTelemetry(name: name, time: time, hub: hub)
        self.telemetry = telemetry
        var seeds = SplitMix64(seed: seed)
        fallback = Fallback(mode: configuration.fallback.mode, listener: telemetry.listener { .fallback($0) })
        deadline = Deadline(setting: configuration.deadline, listener: telemetry.listener { .deadline($0) })
        retry = Retry(
            checked: configuration.retry.options ?? .blank, mode: configuration.retry.mode, seed: seeds.next(),
            listener: telemetry.listener { .retry($0) })
        circuitBreaker = CircuitBreaker(
            checked: configuration.circuitBreaker.options ?? .blank, mode: configuration.circuitBreaker.mode,
            time: time,
            seed: seeds.next(), listener: telemetry.listener { .circuitBreaker($0) })
        bulkhead = Bulkhead(
            setting: configuration.bulkhead, time: time, listener: telemetry.listener { .bulkhead($0) })
        attemptTimeout = AttemptTimeout(
            setting: configuration.attemptTimeout, listener: telemetry.listener { .attemptTimeout($0) })
        current = Mutex((configuration, 1))
    }

    /// The settings now.
    public var configuration: PipelineConfiguration {
        current.withLock { $0.configuration }
    }

    /// Takes new settings and keeps all state. Calls under way see them from their next attempt.
    ///
    /// - Throws: Everything that is wrong with them; then nothing has changed.
    public func apply(_ configuration: PipelineConfiguration) throws(ConfigurationFaults) {
        let faults = configuration.faults(at: [name])
        if !faults.isEmpty { throw ConfigurationFaults(faults) }
        apply(checked: configuration)
    }

    func apply(checked configuration: PipelineConfiguration) {
        // Under the lock, so that two changes at once don't end up half and half.
        let version = current.withLock { current -> Int? in
            if current.configuration == configuration { return nil }
            current.configuration = configuration
            current.version += 1
            fallback.apply(mode: configuration.fallback.mode)
            deadline.apply(configuration.deadline)
            retry.apply(mode: configuration.retry.mode, options: configuration.retry.options ?? .blank)
            circuitBreaker.apply(
                mode: configuration.circuitBreaker.mode, options: configuration.circuitBreaker.options ?? .blank)
            bulkhead.apply(configuration.bulkhead)
            attemptTimeout.apply(configuration.attemptTimeout)
            return current.version
        }
        if let version { telemetry.report(.configured(version: version)) }
    }

    /// What the pipeline has counted.
    public var counters: PipelineCounters {
        telemetry.snapshot
    }

    var version: Int {
        current.withLock { $0.version }
    }
}
