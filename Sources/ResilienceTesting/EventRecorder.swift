// SPDX-License-Identifier: Apache-2.0

internal import Resilience
internal import Synchronization

/// Keeps the events that policies report, in their order.
///
/// ```swift
/// let events = EventRecorder<HedgeEvent>()
/// let hedge = try Hedge(onEvent: events.record)       // a policy beside a pipeline
///
/// let all = EventRecorder(policies.events())          // all pipelines of a registry
/// await all.wait { $0.contains { $0.kind.policy == .circuitBreaker } }
/// ```
public final class EventRecorder<Event: Sendable>: Sendable {
    private struct Watcher {
        var condition: @Sendable ([Event]) -> Bool
        var continuation: CheckedContinuation<Void, Never>
    }

    private struct Core {
        var events: [Event] = []
        var watchers: [Watcher] = []
    }

    /// Apart from the recorder, so that the task that reads a stream does not keep the recorder alive.
    private final class Storage: Sendable {
        let core = Mutex(Core())

        func append(_ event: Event) {
            let satisfied = core.withLock { core in
                core.events.append(event)
                let events = core.events
                let satisfied = core.watchers.filter { $0.condition(events) }
                if !satisfied.isEmpty { core.watchers.removeAll { $0.condition(events) } }
                return satisfied
            }
            for watcher in satisfied { watcher.continuation.resume() }
        }
    }

    private let storage = Storage()
    private let reader: Mutex<Task<Void, Never>?>

    /// An empty recorder, for a policy's `onEvent`.
    public init() {
        reader = Mutex(nil)
    }

    /// A recorder of a stream, until the stream or the recorder ends.
    ///
    /// A stream hands its events over a moment after they happened: wait for them with `wait(until:)`.
    public init(_ stream: AsyncStream<Event>) {
        let storage = storage
        reader = Mutex(
            Task {
                for await event in stream { storage.append(event) }
            })
    }

    deinit {
        reader.withLock { $0?.cancel() }
    }

    /// What a policy reports to: `onEvent: recorder.record`.
    public var record: @Sendable (Event) -> Void {
        let storage = storage
        return { storage.append($0) }
    }

    /// The events so far.
    public var all: [Event] {
        storage.core.withLock { $0.events }
    }

    /// Waits until the events so far satisfy a condition.
    ///
    /// A test whose condition never holds waits for ever; give it a time limit. The condition runs under a lock: it
    /// must not use the recorder.
    public func wait(until condition: @escaping @Sendable ([Event]) -> Bool) async {
        await withCheckedContinuation { continuation in
            let holds = storage.core.withLock { core in
                if condition(core.events) { return true }
                core.watchers.append(Watcher(condition: condition, continuation: continuation))
                return false
            }
            if holds { continuation.resume() }
        }
    }
}
