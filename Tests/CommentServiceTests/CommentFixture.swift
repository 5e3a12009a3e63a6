// SPDX-License-Identifier: Apache-2.0

import CommentService
import Foundation
import GRDB
import ServiceKit
import TestSupport
import Testing

/// Stores on a database of their own.
final class CommentFixture: Sendable {
    let folder: TemporaryFolder
    let database: DatabasePool
    let outbox: Outbox
    let store: CommentStore
    let notifications: NotificationStore

    init() throws {
        folder = try TemporaryFolder()
        database = try DatabasePool(path: folder.path + "/comment.sqlite")
        try CommentDatabase.migrations.migrate(database)
        outbox = try Outbox(source: "/comment-service", reader: database)
        store = try CommentStore(database: database, outbox: outbox)
        notifications = try NotificationStore(database: database)
    }

    /// Creates a comment on a post of user 1.
    func comment(
        _ text: String = "hello", by author: RecordID, on post: RecordID = post(1), of postAuthor: RecordID = user(1),
        replyingTo parent: RecordID? = nil, key: String? = nil
    ) async throws -> RecordID {
        let request = IdempotencyRecords.Request(
            principal: author.description, operation: "POST /v1/posts/\(post)/comments",
            key: key ?? UUID().uuidString, fingerprint: text)
        let answer = try await store.create(
            text: text, by: author, on: post, of: postAuthor, replyingTo: parent, request: request
        ) { comment in
            IdempotencyRecords.Answer(location: comment.id.description, entityTag: "\"1\"", body: "{}")
        }
        return try #require(RecordID(answer.location))
    }

    /// The events that wait, in order.
    func events() async throws -> [CloudEvent] {
        try await database.read { [outbox] db in try outbox.waiting(limit: 1000, in: db) }
    }

    /// The notifications of a user, newest first.
    func notifications(of user: RecordID) async throws -> [CommentService.Notification] {
        try await notifications.notifications(of: user, limit: 100, before: nil).page.items
    }
}

/// A user.
func user(_ number: Int64) -> RecordID { RecordID(rawValue: number) }

/// A post.
func post(_ number: Int64) -> RecordID { RecordID(rawValue: 1000 + number) }
