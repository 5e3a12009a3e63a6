// SPDX-License-Identifier: Apache-2.0

internal import Synchronization

/// The keys that the User service publishes, fetched when they are needed and kept.
///
/// A token with an unknown key makes it fetch again (a new signing key), but no more often than once in `minimumInterval`: who
/// sends made-up tokens must not make this service knock at that one. Concurrent requests share one fetch. Safe from any thread.
package final class FetchedKeys: KeySource {
    package typealias Fetch = @Sendable () async throws -> PublishedKeys

    private struct State {
        var keys: PublishedKeys?
        /// Of the last attempt, on ``MonotonicClock``; nil before the first.
        var attempted: UInt64?
        var running: Task<PublishedKeys, any Error>?
    }

    private let state = Mutex(State())
    private let minimumInterval: UInt64
    private let now: @Sendable () -> UInt64
    private let fetch: Fetch

    /// - Parameter now: nanoseconds of a clock that never goes back.
    package init(
        minimumInterval: Duration = .seconds(5), now: @escaping @Sendable () -> UInt64 = { MonotonicClock.nanoseconds },
        fetch: @escaping Fetch
    ) {
        self.minimumInterval = minimumInterval.clampedNanoseconds
        self.now = now
        self.fetch = fetch
    }

    /// Whether keys have been fetched.
    package var hasKeys: Bool { state.withLock { $0.keys != nil } }

    package func keys(unknownKeyID: String?) async throws -> PublishedKeys {
        enum Step {
            case have(PublishedKeys)
            case wait(Task<PublishedKeys, any Error>)
        }
        let step: Step = state.withLock { state in
            if let keys = state.keys {
                // The first unknown key after a while is worth a look, the ones after it are not.
                let recently = state.attempted.map { now() &- $0 < minimumInterval } ?? false
                if unknownKeyID == nil || recently { return .have(keys) }
            }
            if let running = state.running { return .wait(running) }
            // Unstructured because it belongs to all who wait for it: the one who began may be cancelled, and may have less time
            // or be worth less than the others. It ends by the timeout of the call.
            let task = Task.detached { try await self.run() }
            state.running = task
            return .wait(task)
        }
        switch step {
        case .have(let keys): return keys
        case .wait(let task): return try await task.value
        }
    }

    private func run() async throws -> PublishedKeys {
        do {
            let keys = try await fetch()
            state.withLock {
                $0.keys = keys
                $0.attempted = now()
                $0.running = nil
            }
            return keys
        } catch {
            let old = state.withLock {
                $0.attempted = now()
                $0.running = nil
                return $0.keys
            }
            if let old { return old }
            throw error
        }
    }
}
