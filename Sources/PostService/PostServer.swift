// SPDX-License-Identifier: Apache-2.0

internal import GRDB
package import Hummingbird
package import ServiceKit
package import ServiceLifecycle

/// The Post Service: posts, likes, shares and timelines.
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
