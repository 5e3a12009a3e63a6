// SPDX-License-Identifier: Apache-2.0

internal import Metrics
internal import ServiceKit

/// Takes events for notifications and measures how old they have become on the way.
struct NotificationInbox: Sendable {
    private let store: NotificationStore
    /// From the time of an event to the time at which its notifications can be seen: where a queue that builds up
    /// shows.
    private let freshness = Timer(label: "seawall_notification_freshness_seconds")

    init(store: NotificationStore) {
        self.store = store
    }

    /// Stores what the events mean; those that have been here before mean nothing.
    ///
    /// - Throws: `NotificationRules.Malformed`
    func receive(_ events: [CloudEvent]) async throws {
        let fresh = try await store.receive(events)
        let now = WallClock.milliseconds()
        for event in fresh {
            freshness.recordMilliseconds(max(0, now - event.id.millisecond))
        }
    }
}
