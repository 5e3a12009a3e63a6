// SPDX-License-Identifier: Apache-2.0

internal import Synchronization

/// Hands events to those who listen, and keeps the last notable ones.
///
/// While nobody listens an event costs one atomic load, and a notable one a lock.
final class EventHub: Sendable {
    private struct Core {
        var subscribers: [UInt64: AsyncStream<ResilienceEvent>.Continuation] = [:]
        var nextID: UInt64 = 0
        var ring: [ResilienceEvent] = []
        var next = 0
    }

    private let capacity: Int
    private let core = Mutex(Core())
    private let subscriberCount = Atomic(0)

    /// - Parameter capacity: The number of notable events that are kept, at least one.
    init(capacity: Int) {
        self.capacity = max(1, capacity)
    }

    /// Whether making an event that is not notable is worth the trouble.
    var hasSubscribers: Bool {
        subscriberCount.load(ordering: .relaxed) > 0
    }

    func publish(_ event: ResilienceEvent) {
        if !event.isNotable, !hasSubscribers { return }
        let continuations = core.withLock { core in
            if event.isNotable {
                if core.ring.count < capacity {
                    core.ring.append(event)
                } else {
                    core.ring[core.next] = event
                    core.next = (core.next + 1) % capacity
                }
            }
            return Array(core.subscribers.values)
        }
        for continuation in continuations { continuation.yield(event) }
    }

    /// Events from now on; a subscriber that falls behind loses the oldest beyond `buffering`.
    func subscribe(buffering: Int) -> AsyncStream<ResilienceEvent> {
        let (stream, continuation) = AsyncStream.makeStream(
            of: ResilienceEvent.self, bufferingPolicy: .bufferingNewest(max(1, buffering)))
        let id = core.withLock { core in
            core.nextID += 1
            core.subscribers[core.nextID] = continuation
            return core.nextID
        }
        subscriberCount.add(1, ordering: .relaxed)
        continuation.onTermination = { _ in
            let wasThere = self.core.withLock { $0.subscribers.removeValue(forKey: id) != nil }
            if wasThere { self.subscriberCount.subtract(1, ordering: .relaxed) }
        }
        return stream
    }

    /// The last notable events, oldest first.
    var recent: [ResilienceEvent] {
        core.withLock { Array($0.ring[$0.next...] + $0.ring[..<$0.next]) }
    }
}
