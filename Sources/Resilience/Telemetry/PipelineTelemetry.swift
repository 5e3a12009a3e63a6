// SPDX-License-Identifier: Apache-2.0

internal import Synchronization

/// Where everything that a pipeline and its policies report comes together: counters, metrics, events.
@usableFromInline
final class PipelineTelemetry: Sendable {
    private let name: String
    private let time: TimeSource
    private let counters = Mutex(PipelineCounters())
    private let metrics: PipelineMetrics
    private let hub: EventHub

    init(name: String, time: TimeSource, hub: EventHub) {
        self.name = name
        self.time = time
        self.hub = hub
        metrics = PipelineMetrics(pipeline: name)
    }

    /// A call has ended.
    @usableFromInline
    func finish(_ outcome: CallOutcome, attempts: Int, duration: Int64) {
        counters.withLock {
            $0.calls += 1
            $0.attempts += UInt64(attempts)
            switch outcome {
            case .success: $0.successes += 1
            case .cancelled: $0.cancellations += 1
            case .failure, .timeout, .rejected: $0.failures += 1
            }
        }
        metrics.finish(outcome, attempts: attempts, duration: duration)
    }

    /// A policy did something.
    func report(_ kind: ResilienceEvent.Kind) {
        counters.withLock { $0.count(kind) }
        metrics.count(kind)
        hub.publish(ResilienceEvent(pipeline: name, instant: time.now(), kind: kind))
    }

    var snapshot: PipelineCounters {
        counters.withLock { $0 }
    }

    func listener<Event>(_ kind: @escaping @Sendable (Event) -> ResilienceEvent.Kind) -> PolicyListener<Event> {
        PolicyListener { self.report(kind($0)) }
    }
}

extension PipelineCounters {
    fileprivate mutating func count(_ event: ResilienceEvent.Kind) {
        switch event {
        case .circuitBreaker(.rejected(let reason, let shadow)), .bulkhead(.rejected(let reason, let shadow)):
            countRejection(reason, shadow: shadow)
        case .rejected(let reason): countRejection(reason, shadow: false)
        case .circuitBreaker(.lateResult): lateResults += 1
        case .retry(.retrying): retries += 1
        case .retry(.stopped(.budget, _)): countRejection(.budgetExhausted, shadow: false)
        case .attemptTimeout(.timedOut(_, shadow: false)): timeouts += 1
        case .fallback(.used(shadow: false)): fallbacks += 1
        case .circuitBreaker, .retry, .bulkhead, .attemptTimeout, .fallback, .deadline, .configured: break
        }
    }
}
