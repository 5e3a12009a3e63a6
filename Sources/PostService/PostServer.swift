// SPDX-License-Identifier: Apache-2.0

internal import GRDB
package import Hummingbird
package import ServiceKit
package import ServiceLifecycle

/// The Post Service: posts, likes, shares and timelines.
///
/// | request | answer |
/// |---|---|
/// | `POST /v1/posts` `{"text"}`, Idempotency-Key | 201 with Location and ETag |
/// | `GET /v1/posts/{id}`, If-None-Match | 200 or 304; 410 once deleted. Asks nobody: no name, no count of comments |
/// | `PATCH`, `DELETE /v1/posts/{id}`, If-Match | 200, 204; 403 for others than the author, 428, 412 |
/// | `PUT`, `DELETE /v1/posts/{id}/likes/me` | 204 |
/// | `POST /v1/posts/{id}/shares` `{"text"?}`, Idempotency-Key | 201; a share of a share shares the original |
/// | `GET /v1/timelines/home?limit=&cursor=` | 200: the caller's and friends' posts, newest first |
/// | `GET /v1/users/{id}/posts?limit=&cursor=` | 200: one user's posts, newest first |
/// | `GET /internal/v1/posts/{id}` | 200 `{"id","authorId"}`, for the Comment Service |
///
/// Timelines are put together when they are read (fan-out on read) and nothing is cached. When the User or the Comment
/// Service fails, so does the timeline, with a problem that names the edge. With the fallback of `post -> user` or
/// `post -> comment` switched on it degrades: own posts only, names null, counts null, and `degraded` says which.
package struct PostServer: SocialService {
    package static let name = "post"
    package static let peers = ["user", "comment"]
    package static let abstract = "Posts, likes and timelines of the social network."

    private let store: PostStore
    private let peers: PostPeers
    /// The relay of the outbox, and what cleans up.
    package let backgroundServices: [any Service]

    package init(_ runtime: ServiceRuntime) async throws {
        let database = try ServiceDatabase.open(
            in: runtime.dataDirectory, name: Self.name, migrations: PostDatabase.migrations)
        let outbox = try Outbox(source: "/post-service", reader: database)
        let store = try PostStore(database: database, outbox: outbox)
        let client = runtime.client
        self.store = store
        peers = PostPeers(client: client)
        backgroundServices = [
            OutboxRelay(outbox: outbox, database: database, logger: runtime.logger) { events in
                try await client.deliver(events, to: "comment")
            },
            RepeatedTask("remove what has expired", every: .seconds(600), logger: runtime.logger) {
                try await store.removeExpired()
            },
        ]
    }

    package func addRoutes(to router: Router<ServiceContext>) {
        PostRoutes(store: store).add(to: router)
        TimelineRoutes(store: store, peers: peers).add(to: router)
    }
}
