// SPDX-License-Identifier: Apache-2.0

import Foundation
import GRDB
import PostService
import ServiceKit
import TestSupport
import Testing

/// A store on a database of its own.
final class PostFixture: Sendable {
    let folder: TemporaryFolder
    let database: DatabasePool
    let outbox: Outbox
    let store: PostStore

    init() throws {
        folder = try TemporaryFolder()
        database = try DatabasePool(path: folder.path + "/post.sqlite")
        try PostDatabase.migrations.migrate(database)
        outbox = try Outbox(source: "/post-service", reader: database)
        store = try PostStore(database: database, outbox: outbox)
    }

    /// Creates a post.
    func post(
        _ text: String = "hello", by author: RecordID, sharing: RecordID? = nil, key: String? = nil
    ) async throws -> RecordID {
        let answer = try await store.create(
            text: text, by: author, sharing: sharing, request: Self.request(by: author, key: key, fingerprint: text)
        ) { post in
            IdempotencyRecords.Answer(location: post.id.description, entityTag: "\"1\"", body: "{}")
        }
        return try #require(RecordID(answer.location))
    }

    static func request(
        by author: RecordID, key: String? = nil, fingerprint: String
    ) -> IdempotencyRecords.Request {
        IdempotencyRecords.Request(
            principal: author.description, operation: "POST /v1/posts", key: key ?? UUID().uuidString,
            fingerprint: fingerprint)
    }

    /// The events that wait, in order.
    func events() async throws -> [CloudEvent] {
        try await database.read { [outbox] db in try outbox.waiting(limit: 1000, in: db) }
    }
}

/// A user.
func user(_ number: Int64) -> RecordID { RecordID(rawValue: number) }
