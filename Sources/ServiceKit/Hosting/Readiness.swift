// SPDX-License-Identifier: Apache-2.0

internal import Synchronization

/// Whether a service may be sent work, and if not, why. Safe from any thread.
package final class Readiness: Sendable {
    private let isStopping = Atomic<Bool>(false)
    private let conditions: [@Sendable () -> String?]

    /// - Parameter conditions: each returns what is missing, or nil.
    package init(_ conditions: [@Sendable () -> String?]) {
        self.conditions = conditions
    }

    /// From now on it is not ready.
    package func stop() { isStopping.store(true, ordering: .releasing) }

    package var isShuttingDown: Bool { isStopping.load(ordering: .acquiring) }

    /// Why the service is not ready; empty when it is.
    package var reasons: [String] {
        (isShuttingDown ? ["shutting down"] : []) + conditions.compactMap { $0() }
    }
}
