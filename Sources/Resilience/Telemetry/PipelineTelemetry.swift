// SPDX-License-Identifier: Apache-2.0

internal import Synchronization

/// Where everything that a pipeline and its policies report comes together: counters, metrics, events.
@usableFromInline
final class PipelineTelemetry: Sendable {
    private let name: String
    private let time: TimeSource
    /// Calls that succeeded with their first attempt: nearly all, so that they have a counter of their own, which
    /// needs no lock.
    private let quick = Atomic<UInt64>(0)
    private let counters = Mutex(PipelineCounters())
    let metrics: PipelineMetrics
    let hub: EventHub
    private let breaker = Mutex(Breaker())

    /// Asked for its state; it reports to this object, so that it is not owned.
    private struct Breaker: Sendable {
        weak var value: CircuitBreaker?
    }

    init(name: String, time: TimeSource, hub: EventHub, metrics: PipelineMetrics) {
        self.name = name
        self.time = time
        self.hub = hub
        self.metrics = metrics
    }

    deinit {
        metrics.giveBack?()
    }

    /// From now on transitions are shown as the state of this breaker.
    func watch(_ circuitBreaker: CircuitBreaker) {
        breaker.withLock { $0.value = circuitBreaker }
    }

    /// Brings the gauge of the breaker's state up to date. Transitions that race are reported in any order: whoever is
    /// last reads the state under the lock, so that the last value is the true one.
    func recordBreakerState() {
        breaker.withLock { breaker in
            if let state = breaker.value?.status.state { metrics.set(state) }
        }
    }

    /// A call has ended.
    @usableFromInline
    func finish(_ outcome: CallOutcome, attempts: Int, duration: Int64) {
        if outcome == .success, attempts == 1 {
            quick.add(1, ordering: .relaxed)
            metrics.finishQuickly(duration: duration)
        } else {
            finishSlowly(outcome, attempts: attempts, duration: duration)
        }
    }

    private func finishSlowly(_ outcome: CallOutcome, attempts: Int, duration: Int64) {
        counters.withLock {
            $0.calls += 1
            $0.attempts += UInt64(attempts)
            switch outcome {
            case .success, .slow, .ignored: $0.successes += 1
            case .cancelled: $0.cancellations += 1
            case .failure, .timeout, .rejected, .ignoredError: $0.failures += 1
            }
        }
        metrics.finish(outcome, attempts: attempts, duration: duration)
    }

    /// An attempt after the first has ended.
    @usableFromInline
    func retried(attempt: Int, _ outcome: CallOutcome) {
        metrics.retried(attempt: attempt, outcome)
    }

    /// A policy did something. In an incident that is a refusal, and they come by the thousand: without a listener they
    /// are only counted, and no event is made of them.
    func report(_ kind: ResilienceEvent.Kind) {
        if let (reason, isShadow) = kind.rejection {
            counters.withLock { $0.countRejection(reason, shadow: isShadow) }
            metrics.rejected(kind.policy, reason, shadow: isShadow)
        } else {
            counters.withLock { $0.count(kind) }
            metrics.count(kind)
            if case .circuitBreaker(.transition) = kind { recordBreakerState() }
        }
        if hub.wants(kind) { hub.publish(ResilienceEvent(pipeline: name, instant: time.now(), kind: kind)) }
    }

    /// The events of the pipeline's name from now on.
    func events(buffering: Int) -> AsyncStream<ResilienceEvent> {
        hub.subscribe(to: name, buffering: buffering)
    }

    /// The last notable events of the pipeline's name, oldest first.
    var recentEvents: [ResilienceEvent] {
        hub.recent.filter { $0.pipeline == name }
    }

    var snapshot: PipelineCounters {
        var all = counters.withLock { $0 }
        let quick = quick.load(ordering: .relaxed)
        all.calls += quick
        all.attempts += quick
        all.successes += quick
        return all
    }

    func listener<Event>(_ kind: @escaping @Sendable (Event) -> ResilienceEvent.Kind) -> PolicyListener<Event> {
        PolicyListener { self.report(kind($0)) }
    }
}

extension PipelineCounters {
    fileprivate mutating func count(_ event: ResilienceEvent.Kind) {
        switch event {
        case .circuitBreaker(.lateResult): lateResults += 1
        case .retry(.retrying): retries += 1
        case .hedge(.started(_, _, _, shadow: false)): hedges += 1
        case .attemptTimeout(.timedOut(_, shadow: false)), .deadline(.exceeded): timeouts += 1
        case .fallback(.used(shadow: false)): fallbacks += 1
        case .outlierEjection(.ejected(_, _, _, shadow: false)): ejections += 1
        default: break
        }
    }
}
