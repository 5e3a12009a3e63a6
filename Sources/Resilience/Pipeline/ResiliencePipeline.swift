// SPDX-License-Identifier: Apache-2.0

internal import Synchronization

/// All policies between a caller and a callee, under one name (`post -> comment`).
///
/// The shape is fixed, from the outermost to the innermost policy: fallback, deadline, load shedder, retry, hedge,
/// circuit breaker, adaptive throttle, rate limiter, bulkhead, adaptive limit, attempt timeout. So every attempt is evidence
/// for the breaker, no slot is held while a retry waits, and queueing has its own limit. Outlier ejection stands
/// beside them: whoever picks the endpoint of an attempt asks it. What each policy does is configuration, and changes
/// while calls are under way: the next attempt sees it, and state (the breaker's window, the bulkhead's slots, the
/// budget) stays.
public final class ResiliencePipeline: Sendable {
    /// What the pipeline is called in metrics, events and configuration.
    public let name: String
    @usableFromInline let time: TimeSource
    /// The policies that are switched on; what they are told in particular, each knows itself.
    let active: Atomic<UInt32>
    /// What the breaker calls slow, in nanoseconds; `.max` when it is switched off or nothing is slow.
    private let slowNanoseconds: Atomic<Int64>
    @usableFromInline let fallback: Fallback
    @usableFromInline let deadline: Deadline
    /// For code that can't be a closure, and for its status.
    public let loadShedder: LoadShedder
    @usableFromInline let retry: Retry
    /// For its status.
    public let hedge: Hedge
    /// For code that can't be a closure: `circuitBreaker.acquire()`.
    public let circuitBreaker: CircuitBreaker
    /// For code that can't be a closure, and for its status.
    public let adaptiveThrottle: AdaptiveThrottle
    /// For code that can't be a closure, and for its status.
    public let rateLimiter: RateLimiter
    /// For code that can't be a closure, and for its status.
    public let bulkhead: Bulkhead
    /// For code that can't be a closure, and for its status.
    public let adaptiveLimit: AdaptiveLimit
    @usableFromInline let attemptTimeout: AttemptTimeout
    /// For whoever picks the endpoint of an attempt: tell it which there are, pick from `available`, and hand the
    /// result to `end`.
    public let outlierEjection: OutlierEjection<String>
    @usableFromInline let telemetry: PipelineTelemetry
    private let current: Mutex<(configuration: PipelineConfiguration, version: Int)>

    /// A pipeline by itself; most come from a `ResilienceRegistry`.
    ///
    /// - Parameters:
    ///   - name: What the pipeline is called in metrics and events.
    ///   - configuration: Everything is disabled by default.
    ///   - time: The clock that everything in it is measured with.
    ///   - seed: Where jitter starts; the same seed gives the same waiting times.
    ///   - retryBudget: The budget of its retries when it is shared with other pipelines; what the configuration says of
    ///     the budget is then of no account. Nil: the one that the configuration describes.
    /// - Throws: Everything that is wrong with the configuration.
    public convenience init(
        name: String, configuration: PipelineConfiguration = PipelineConfiguration(), time: TimeSource = .system,
        seed: UInt64 = .random(in: .min ... .max), retryBudget: RetryBudget? = nil
    ) throws(ConfigurationFaults) {
        let faults = configuration.faults(at: [name])
        if !faults.isEmpty { throw ConfigurationFaults(faults) }
        self.init(
            name: name, checked: configuration, time: time, seed: seed,
            telemetry: PipelineTelemetry(
                name: name, time: time, hub: EventHub(capacity: 128), metrics: PipelineMetrics(pipeline: name)),
            retryBudget: retryBudget)
    }

    init(
        name: String, checked configuration: PipelineConfiguration, time: TimeSource, seed: UInt64,
        telemetry: PipelineTelemetry, retryBudget: RetryBudget? = nil, sharedBudgets: SharedRetryBudgets? = nil
    ) {
        self.name = name
        self.time = time
        self.telemetry = telemetry
        var seeds = SplitMix64(seed: seed)
        fallback = Fallback(mode: configuration.fallback.mode, listener: telemetry.listener { .fallback($0) })
        deadline = Deadline(setting: configuration.deadline, listener: telemetry.listener { .deadline($0) })
        loadShedder = LoadShedder(
            setting: configuration.loadShedder, time: time, listener: telemetry.listener { .loadShedder($0) })
        retry = Retry(
            checked: configuration.retry.options ?? .blank, mode: configuration.retry.mode, seed: seeds.next(),
            budget: retryBudget, sharedBudgets: sharedBudgets, listener: telemetry.listener { .retry($0) })
        hedge = Hedge(
            checked: configuration.hedge, metrics: telemetry.metrics.hedge, time: time,
            listener: telemetry.listener { .hedge($0) })
        circuitBreaker = CircuitBreaker(
            checked: configuration.circuitBreaker.options ?? .blank, mode: configuration.circuitBreaker.mode,
            time: time, seed: seeds.next(), listener: telemetry.listener { .circuitBreaker($0) })
        adaptiveThrottle = AdaptiveThrottle(
            setting: configuration.adaptiveThrottle, time: time, seed: seeds.next(),
            listener: telemetry.listener { .adaptiveThrottle($0) })
        rateLimiter = RateLimiter(
            setting: configuration.rateLimiter, time: time, listener: telemetry.listener { .rateLimiter($0) })
        bulkhead = Bulkhead(
            setting: configuration.bulkhead, time: time, listener: telemetry.listener { .bulkhead($0) })
        adaptiveLimit = AdaptiveLimit(
            setting: configuration.adaptiveLimit, time: time, seed: seeds.next(),
            listener: telemetry.listener { .adaptiveLimit($0) })
        attemptTimeout = AttemptTimeout(
            setting: configuration.attemptTimeout, listener: telemetry.listener { .attemptTimeout($0) })
        outlierEjection = OutlierEjection(
            [], setting: configuration.outlierEjection, name: nil, time: time,
            listener: telemetry.listener { .outlierEjection($0) })
        active = Atomic(configuration.mask.rawValue)
        slowNanoseconds = Atomic(configuration.slowNanoseconds)
        current = Mutex((configuration, 1))
        loadShedder.follow(adaptiveLimit)
        telemetry.watch(circuitBreaker)
    }

    /// The settings now.
    public var configuration: PipelineConfiguration {
        current.withLock { $0.configuration }
    }

    /// Takes new settings and keeps all state. Calls under way see them from their next attempt.
    ///
    /// - Parameter configuration: The settings of all policies.
    /// - Throws: Everything that is wrong with them; then nothing has changed.
    public func apply(_ configuration: PipelineConfiguration) throws(ConfigurationFaults) {
        let faults = configuration.faults(at: [name])
        if !faults.isEmpty { throw ConfigurationFaults(faults) }
        apply(checked: configuration)
    }

    func apply(checked configuration: PipelineConfiguration) {
        if let event = take(configuration) { telemetry.report(event) }
    }

    /// Takes settings that were checked already.
    ///
    /// - Returns: What to report outside of every lock; nil when nothing is new.
    func take(_ configuration: PipelineConfiguration) -> ResilienceEvent.Kind? {
        // Under the lock, so that two changes at once don't end up half and half.
        let change = telemetry.hub.change {
            current.withLock { current -> (old: PipelineConfiguration, version: Int)? in
                let old = current.configuration
                if old == configuration { return nil }
                current.configuration = configuration
                current.version += 1
                hand(configuration, insteadOf: old)
                active.store(configuration.mask.rawValue, ordering: .releasing)
                slowNanoseconds.store(configuration.slowNanoseconds, ordering: .relaxed)
                return (old, current.version)
            }
        }
        return change.map { change in
            .configured(version: change.version, changes: PolicyChange.between(change.old, configuration))
        }
    }

    /// Hands each policy the settings that are new to it.
    private func hand(_ new: PipelineConfiguration, insteadOf old: PipelineConfiguration) {
        if new.fallback != old.fallback { fallback.apply(mode: new.fallback.mode) }
        if new.deadline != old.deadline { deadline.apply(new.deadline) }
        if new.loadShedder != old.loadShedder { loadShedder.apply(new.loadShedder) }
        if new.retry != old.retry { retry.apply(mode: new.retry.mode, options: new.retry.options ?? .blank) }
        if new.hedge != old.hedge { hedge.apply(new.hedge) }
        if new.circuitBreaker != old.circuitBreaker {
            circuitBreaker.apply(mode: new.circuitBreaker.mode, options: new.circuitBreaker.options ?? .blank)
        }
        if new.adaptiveThrottle != old.adaptiveThrottle { adaptiveThrottle.apply(new.adaptiveThrottle) }
        if new.rateLimiter != old.rateLimiter { rateLimiter.apply(new.rateLimiter) }
        if new.bulkhead != old.bulkhead { bulkhead.apply(new.bulkhead) }
        if new.adaptiveLimit != old.adaptiveLimit { adaptiveLimit.apply(new.adaptiveLimit) }
        if new.attemptTimeout != old.attemptTimeout { attemptTimeout.apply(new.attemptTimeout) }
        if new.outlierEjection != old.outlierEjection { outlierEjection.apply(new.outlierEjection) }
    }

    /// What the pipeline has counted.
    public var counters: PipelineCounters {
        telemetry.snapshot
    }

    var version: Int {
        current.withLock { $0.version }
    }

    /// What an attempt comes to that has ended with a value which is no failure.
    @usableFromInline
    func outcome(_ verdict: Verdict, duration: Int64) -> CallOutcome {
        if verdict == .ignore { return .ignored }
        return duration > slowNanoseconds.load(ordering: .relaxed) ? .slow : .success
    }

    /// Whether an attempt took longer than the breaker's options call slow.
    @usableFromInline
    func isSlow(_ passage: Passage, endingAt end: MonotonicInstant) -> Bool {
        outcome(.success, duration: end.nanoseconds &- passage.now.nanoseconds) == .slow
    }

    // MARK: - Events

    /// Events of the pipeline from now on; of a partition, those of the partition's name, whichever pipeline has it. Free
    /// while nobody has asked; a listener that falls behind loses the oldest.
    ///
    /// The stream ends when nobody is left who could publish: the pipeline and, for one that has a registry, the registry
    /// with all its pipelines.
    ///
    /// - Parameter buffering: How many events are kept for a listener that falls behind.
    public func events(buffering: Int = 1024) -> AsyncStream<ResilienceEvent> {
        telemetry.events(buffering: buffering)
    }

    /// The last state changes and changes of settings, oldest first; of a registry's pipeline, those among the
    /// registry's last ones that are its own.
    public var recentEvents: [ResilienceEvent] {
        telemetry.recentEvents
    }
}

extension PipelineConfiguration {
    fileprivate var slowNanoseconds: Int64 {
        guard circuitBreaker.mode != .disabled, let slow = circuitBreaker.options?.slowCall else { return .max }
        return slow.duration.nanosecondsSaturated
    }
}
