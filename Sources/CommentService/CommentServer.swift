// SPDX-License-Identifier: Apache-2.0

internal import GRDB
package import Hummingbird
package import ServiceKit
package import ServiceLifecycle

/// The Comment Service: comments and notifications.
package struct CommentServer: SocialService {
    package static let name = "comment"
    package static let peers = ["post", "user"]
    package static let abstract = "Comments and notifications of the social network."

    private let store: CommentStore
    private let notifications: NotificationStore
    private let inbox: NotificationInbox
    private let peers: CommentPeers
    /// The relay of the outbox, and what cleans up.
    package let backgroundServices: [any Service]

    package init(_ runtime: ServiceRuntime) async throws {
        let database = try ServiceDatabase.open(
            in: runtime.dataDirectory, name: Self.name, migrations: CommentDatabase.migrations)
        let outbox = try Outbox(source: "/comment-service", reader: database)
        let store = try CommentStore(database: database, outbox: outbox)
        let notifications = try NotificationStore(database: database)
        let inbox = NotificationInbox(store: notifications)
        self.store = store
        self.notifications = notifications
        self.inbox = inbox
        peers = CommentPeers(client: runtime.client)
        backgroundServices = [
            // A comment's own events come back to this service: they take the same way into the same inbox as events
            // from elsewhere, only not over the network.
            OutboxRelay(outbox: outbox, database: database, logger: runtime.logger) { events in
                do {
                    try await inbox.receive(events)
                } catch let error as NotificationRules.Malformed {
                    throw OutboxRelay.Refused(reason: error.message)
                }
            },
            RepeatedTask("remove what has expired", every: .seconds(600), logger: runtime.logger) {
                try await store.removeExpired()
            },
        ]
    }

    package func addRoutes(to router: Router<ServiceContext>) {
        CommentRoutes(store: store, peers: peers).add(to: router)
        NotificationRoutes(store: notifications, peers: peers, inbox: inbox).add(to: router)
    }
}
