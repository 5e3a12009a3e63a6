// SPDX-License-Identifier: Apache-2.0

internal import Logging
internal import Synchronization

/// Hands events to those who listen, keeps the last notable ones, and has them logged if there is a logger.
///
/// While nobody listens an event costs one atomic load, and a notable one a lock. A logger is code of the user's: it may take
/// its time and ask the registry, so that nothing is logged while settings change under a lock.
final class EventHub: Sendable {
    private struct Subscriber: Sendable {
        var continuation: AsyncStream<ResilienceEvent>.Continuation
        /// The pipeline that it asked for; nil for the registry's subscribers.
        var pipeline: String?
    }

    private struct Core {
        var subscribers: [UInt64: Subscriber] = [:]
        var nextID: UInt64 = 0
        var ring: [ResilienceEvent] = []
        var next = 0
        /// Changes of settings under way; what they log waits in `unlogged`.
        var changes = 0
        var unlogged: [ResilienceEvent] = []
    }

    private let capacity: Int
    private let core = Mutex(Core())
    private let subscriberCount = Atomic(0)
    private let logger: Logger?

    /// - Parameters:
    ///   - capacity: The number of notable events that are kept, at least one.
    ///   - logger: Gets the notable ones.
    init(capacity: Int, logger: Logger? = nil) {
        self.capacity = max(1, capacity)
        self.logger = logger
    }

    deinit {
        finish { _ in true }
    }

    /// Whether anybody wants to know, or the ring: if not, making an event of it is not worth the trouble.
    func wants(_ kind: ResilienceEvent.Kind) -> Bool {
        subscriberCount.load(ordering: .relaxed) > 0 || kind.isNotable
    }

    func publish(_ event: ResilienceEvent) {
        let isNotable = event.kind.isNotable
        if !isNotable, subscriberCount.load(ordering: .relaxed) == 0 { return }
        let (continuations, isLogged) = core.withLock { core in
            if isNotable {
                if core.ring.count < capacity {
                    core.ring.append(event)
                } else {
                    core.ring[core.next] = event
                    core.next = (core.next + 1) % capacity
                }
            }
            let isLogged = isNotable && logger != nil
            if isLogged, core.changes > 0 { core.unlogged.append(event) }
            let continuations = core.subscribers.values.compactMap { subscriber in
                subscriber.pipeline == nil || subscriber.pipeline == event.pipeline ? subscriber.continuation : nil
            }
            return (continuations, isLogged && core.changes == 0)
        }
        for continuation in continuations { continuation.yield(event) }
        if isLogged { log(event) }
    }

    private func log(_ event: ResilienceEvent) {
        logger?.log(level: event.logLevel, "\(event.kind)", metadata: ["pipeline": "\(event.pipeline)"])
    }

    /// Changes settings, which may take locks: what happens meanwhile is logged afterwards. Changes may be nested, and
    /// several at once; then the last to end logs what all of them had to say.
    func change<Value, Failure: Error>(_ body: () throws(Failure) -> Value) throws(Failure) -> Value {
        if logger == nil { return try body() }
        core.withLock { $0.changes += 1 }
        defer {
            let events = core.withLock { core -> [ResilienceEvent] in
                core.changes -= 1
                if core.changes > 0 { return [] }
                defer { core.unlogged = [] }
                return core.unlogged
            }
            for event in events { log(event) }
        }
        return try body()
    }

    /// Events from now on; a subscriber that falls behind loses the oldest beyond `buffering`.
    ///
    /// - Parameter pipeline: The pipeline whose events they are; nil for all.
    func subscribe(to pipeline: String? = nil, buffering: Int) -> AsyncStream<ResilienceEvent> {
        let (stream, continuation) = AsyncStream.makeStream(
            of: ResilienceEvent.self, bufferingPolicy: .bufferingNewest(max(1, buffering)))
        let id = core.withLock { core in
            core.nextID += 1
            core.subscribers[core.nextID] = Subscriber(continuation: continuation, pipeline: pipeline)
            return core.nextID
        }
        subscriberCount.add(1, ordering: .relaxed)
        // Weakly: the hub ends its streams when nobody is left who could publish.
        continuation.onTermination = { [weak self] _ in
            guard let self else { return }
            let wasThere = core.withLock { $0.subscribers.removeValue(forKey: id) != nil }
            if wasThere { subscriberCount.subtract(1, ordering: .relaxed) }
        }
        return stream
    }

    /// Ends the streams of the registry's subscribers: it is gone, and only its pipelines go on.
    func finishOfAll() {
        finish { $0.pipeline == nil }
    }

    private func finish(_ isOver: (Subscriber) -> Bool) {
        let finished = core.withLock { core in
            let finished = core.subscribers.filter { isOver($0.value) }
            for id in finished.keys { core.subscribers[id] = nil }
            return finished.values.map(\.continuation)
        }
        subscriberCount.subtract(finished.count, ordering: .relaxed)
        for continuation in finished { continuation.finish() }
    }

    /// The last notable events, oldest first.
    var recent: [ResilienceEvent] {
        core.withLock { Array($0.ring[$0.next...] + $0.ring[..<$0.next]) }
    }
}

extension ResilienceEvent {
    /// How much an operator wants to see it: a callee that is left alone is a warning, everything else that is notable
    /// is worth a line.
    fileprivate var logLevel: Logger.Level {
        switch kind {
        case .circuitBreaker(.transition(_, to: .open, _)), .outlierEjection(.ejected(_, _, _, shadow: false)),
            .overrideDropped:
            .warning
        case .circuitBreaker(.rampedUp), .outlierEjection(.ejected), .outlierEjection(.spared): .info
        default: .notice
        }
    }
}
