// SPDX-License-Identifier: Apache-2.0

internal import FaultInjection

/// A running system that faults can be made active in.
protocol FaultSite: Sendable {
    /// Returns when the fault is active.
    ///
    /// - Parameter number: Different for each fault of a play.
    /// - Throws: `ExperimentError` when it can't be, or `CancellationError`.
    func activate(_ fault: Fault, _ number: Int) async throws

    /// Returns when the fault is over.
    func deactivate(_ fault: Fault, _ number: Int) async throws
}
