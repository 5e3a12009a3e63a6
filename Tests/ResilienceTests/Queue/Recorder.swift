// SPDX-License-Identifier: Apache-2.0

internal import Synchronization

/// Keeps what it is told, for tests of events.
final class Recorder<Event: Sendable>: Sendable {
    private let events = Mutex<[Event]>([])

    var record: @Sendable (Event) -> Void {
        { event in self.events.withLock { $0.append(event) } }
    }

    var all: [Event] {
        events.withLock { $0 }
    }
}
