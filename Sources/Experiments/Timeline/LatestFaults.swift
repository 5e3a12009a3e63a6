// SPDX-License-Identifier: Apache-2.0

internal import Measurement
internal import Synchronization

/// The faults so far, readable from the generator's thread, which can't wait for an actor.
final class LatestFaults: Sendable {
    private let state = Mutex<[FaultWindow]>([])

    var windows: [FaultWindow] { state.withLock { $0 } }

    /// Labels of those that are active.
    var labels: [String] { windows.filter { $0.endNanoseconds == nil }.map(\.label) }

    func set(_ new: [FaultWindow]) { state.withLock { $0 = new } }
}
