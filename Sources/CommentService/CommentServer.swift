// SPDX-License-Identifier: Apache-2.0

internal import GRDB
package import Hummingbird
package import ServiceKit
package import ServiceLifecycle

/// The Comment Service: comments and notifications.
///
/// | request | answer |
/// |---|---|
/// | `POST /v1/posts/{id}/comments` `{"text","parentId"?}`, Idempotency-Key | 201 with Location and ETag |
/// | `GET /v1/posts/{id}/comments?sort=newest&limit=&cursor=` | 200; `sort=oldest` turns the order round |
/// | `GET /v1/comments/{id}`, If-None-Match | 200 or 304; 410 once deleted |
/// | `PATCH`, `DELETE /v1/comments/{id}`, If-Match | 200, 204; 403 for others than the author, 428, 412 |
/// | `GET /v1/notifications?limit=&cursor=` | 200, the unread ones counted in X-Unread-Count |
/// | `POST /v1/notifications/read` `{"upTo"?}`, `POST /v1/notifications/{id}/read` | 204 |
/// | `GET /internal/v1/comment-counts?posts=a,b` | 200 `{"counts":[3,0]}`, for timelines |
/// | `POST /internal/v1/events` | 204: events of other services, with the shared secret only |
///
/// A comment is taken only when the Post Service says that its post exists: there is no fallback for that. Notifications
/// come from events alone: the comment and its event are written in one transaction, a relay delivers the event at
/// least once, and the inbox lets it act once. Likes and deleted posts arrive as events of the Post Service.
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
