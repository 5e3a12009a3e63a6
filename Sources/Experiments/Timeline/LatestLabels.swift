// SPDX-License-Identifier: Apache-2.0

internal import Synchronization

/// The labels of the active faults, readable from the generator's thread, which can't wait for an actor.
final class LatestLabels: Sendable {
    private let labels = Mutex<[String]>([])

    var current: [String] { labels.withLock { $0 } }

    func set(_ new: [String]) { labels.withLock { $0 = new } }
}
