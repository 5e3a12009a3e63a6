// SPDX-License-Identifier: Apache-2.0

package import GRDB
package import Logging
internal import Metrics
package import Resilience
internal import ServiceLifecycle

/// Delivers the events of an outbox, in order, at least once.
///
/// It reads what waits, hands it to `deliver`, and deletes it when that returns. A crash in between repeats the
/// delivery. While the receiver can't be reached it tries again after a growing, jittered pause, for as long as it
/// takes; an event that the receiver refuses for good is put aside with the reason, so that the others pass.
/// With nothing to do it sleeps until a commit wakes it: it never polls. One relay per outbox.
package struct OutboxRelay: Service {
    /// The receiver will never take this: trying again is of no use.
    package struct Refused: Error {
        /// Why, for the operator.
        package var reason: String

        package init(reason: String) {
            self.reason = reason
        }
    }

    /// How much at once, and how long to pause after failures.
    package struct Options: Sendable {
        /// The most events in one delivery.
        package var batchSize = 100
        /// The pauses after failures in a row.
        package var backoff = RetryOptions.Backoff(base: .milliseconds(50), cap: .seconds(5), jitter: .equal)

        package init() {}
    }

    private let outbox: Outbox
    private let database: any DatabaseWriter
    private let options: Options
    private let logger: Logger
    private let sleep: @Sendable (Duration) async throws -> Void
    private let deliver: @Sendable ([CloudEvent]) async throws -> Void

    private let delivered = Counter(label: "seawall_outbox_delivered_events_total")
    private let failures = Counter(label: "seawall_outbox_failed_deliveries_total")
    private let setAside = Counter(label: "seawall_outbox_refused_events_total")
    private let depth = Gauge(label: "seawall_outbox_depth")

    /// Creates a relay; ``run()`` starts it.
    ///
    /// - Parameters:
    ///   - sleep: waits, or throws when cancelled; tests pass their own.
    ///   - deliver: returns when the receiver has all events durably. It throws ``Refused`` when the receiver will
    ///     never take one of them, and anything else when it is worth another try.
    package init(
        outbox: Outbox, database: any DatabaseWriter, options: Options = Options(), logger: Logger,
        sleep: @escaping @Sendable (Duration) async throws -> Void = { try await Task.sleep(for: $0) },
        deliver: @escaping @Sendable ([CloudEvent]) async throws -> Void
    ) {
        self.outbox = outbox
        self.database = database
        self.options = options
        self.logger = logger
        self.sleep = sleep
        self.deliver = deliver
    }

    /// Delivers until the service shuts down or the task is cancelled.
    package func run() async throws {
        try await cancelWhenGracefulShutdown {
            do {
                // What an earlier process left behind comes first, without a commit to wake for it.
                try await deliverAllWaiting()
                for await _ in outbox.commits {
                    try await deliverAllWaiting()
                }
            } catch is CancellationError {
                // Shut down: what waits stays in the outbox for the next start.
            }
        }
    }

    /// Delivers until nothing waits.
    package func deliverAllWaiting() async throws {
        var pauses = BackoffPauses(options.backoff)
        while true {
            try Task.checkCancellation()
            do {
                guard try await deliverNextBatch() else { return }
                pauses.reset()
            } catch {
                try Task.checkCancellation()
                failures.increment()
                let pause = pauses.next()
                logger.warning(
                    "events not delivered, trying again", metadata: ["pause": "\(pause)", "error": "\(error)"])
                try await sleep(pause)
            }
        }
    }

    /// - Returns: false when nothing waits.
    private func deliverNextBatch() async throws -> Bool {
        let (batch, waiting) = try await database.read { [outbox, options] db in
            let batch = try outbox.waiting(limit: options.batchSize, in: db)
            return (batch, batch.count < options.batchSize ? batch.count : try outbox.depth(in: db))
        }
        depth.record(waiting)
        if batch.isEmpty { return false }
        try await deliverOrSetAside(batch)
        return true
    }

    private func deliverOrSetAside(_ batch: [CloudEvent]) async throws {
        do {
            try await deliver(batch)
            try await database.write { [outbox] db in try outbox.remove(batch, in: db) }
            delivered.increment(by: batch.count)
        } catch let refusal as Refused {
            guard batch.count == 1, let event = batch.first else {
                // Find the one that is refused: the others must not wait for it.
                for event in batch {
                    try await deliverOrSetAside([event])
                }
                return
            }
            try await database.write { [outbox] db in try outbox.setAside(event, reason: refusal.reason, in: db) }
            setAside.increment()
            logger.error(
                "event refused and put aside",
                metadata: ["id": "\(event.id)", "type": "\(event.type)", "reason": "\(refusal.reason)"])
        }
    }
}
