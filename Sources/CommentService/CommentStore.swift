// SPDX-License-Identifier: Apache-2.0

package import GRDB
package import ServiceKit

/// The comments on all posts, in a database of their own.
///
/// Reads run side by side on the pool's readers; writes are put in order by its single writer, each in one
/// transaction with its event and its idempotency record. Safe to use from any task.
package struct CommentStore: Sendable {
    let database: any DatabaseWriter
    let outbox: Outbox
    let ids: RecordIDGenerator
    let now: @Sendable () -> Int64

    /// A store on a database that ``CommentDatabase/migrations`` has been applied to.
    ///
    /// - Parameters:
    ///   - outbox: where the events go, in the same database.
    ///   - now: milliseconds since 1970.
    package init(
        database: any DatabaseWriter, outbox: Outbox, now: @escaping @Sendable () -> Int64 = WallClock.milliseconds
    ) throws {
        self.database = database
        self.outbox = outbox
        self.now = now
        let highest = try database.read { db in try RecordID.fetchOne(db, sql: "SELECT max(id) FROM comments") }
        ids = RecordIDGenerator(after: highest, now: now)
    }

    /// The answer to an earlier request with the same key, or nil.
    ///
    /// Asked before anything else is, so that a repeated request is answered although the Post Service is away.
    ///
    /// - Throws: `IdempotencyRecords.KeyReused`
    package func answer(to request: IdempotencyRecords.Request) async throws -> IdempotencyRecords.Answer? {
        try await database.read { db in try IdempotencyRecords.answer(to: request, now: now(), in: db) }
    }

    /// Creates a comment with its event, or repeats the answer to the same request.
    ///
    /// - Parameters:
    ///   - postAuthor: who hears of the comment.
    ///   - parent: the comment to reply to, of the same post.
    ///   - request: the idempotency key and what it stands for.
    ///   - answer: makes the answer that is remembered.
    /// - Throws: ``CommentRefusal/postDeleted``, ``CommentRefusal/noSuchParent``, ``CommentRefusal/tooDeep``, `IdempotencyRecords.KeyReused`.
    package func create(
        text: String, by author: RecordID, on post: RecordID, of postAuthor: RecordID, replyingTo parent: RecordID?,
        request: IdempotencyRecords.Request, answer: @escaping @Sendable (Comment) -> IdempotencyRecords.Answer
    ) async throws -> IdempotencyRecords.Answer {
        try await database.write { db in
            if let earlier = try IdempotencyRecords.answer(to: request, now: now(), in: db) { return earlier }
            if try Self.isDeleted(post: post, in: db) { throw CommentRefusal.postDeleted }
            let parent = try parent.map { try Self.parent($0, on: post, in: db) }
            // Made here, where writers wait in line: ids then become visible in their order, so that a reader who has
            // seen one will never find a lower one later.
            let comment = Comment(
                id: ids.next(), post: post, parent: parent?.id, depth: parent.map { $0.depth + 1 } ?? 0,
                author: author, text: text, version: 1)
            try db.cachedStatement(
                sql: "INSERT INTO comments (id, post, parent, depth, author, text) VALUES (?, ?, ?, ?, ?, ?)"
            ).execute(arguments: [comment.id, post, comment.parent, comment.depth, author, text])
            try outbox.append(
                type: CommentEvent.created, subject: "comments/\(comment.id)",
                data: comment.eventData(postAuthor: postAuthor, parentAuthor: parent?.author), in: db)
            let answer = answer(comment)
            try IdempotencyRecords.remember(answer, to: request, now: now(), in: db)
            return answer
        }
    }

    /// A comment.
    ///
    /// - Throws: ``CommentRefusal``
    package func comment(_ id: RecordID) async throws -> Comment {
        try await database.read { db in try Self.comment(id, in: db) }
    }

    /// Changes the text of a comment.
    ///
    /// - Parameter expected: the versions the author may have seen; nil stands for any.
    /// - Returns: the comment with its new version.
    /// - Throws: ``CommentRefusal``
    package func edit(_ id: RecordID, text: String, by author: RecordID, expected: [Int]?) async throws -> Comment {
        try await database.write { db in
            var comment = try Self.comment(id, writableBy: author, expected: expected, in: db)
            comment.text = text
            comment.version += 1
            comment.editedAt = now()
            try db.cachedStatement(sql: "UPDATE comments SET text = ?, version = ?, editedAt = ? WHERE id = ?")
                .execute(arguments: [comment.text, comment.version, comment.editedAt, id])
            return comment
        }
    }

    /// Deletes a comment; its replies stay. Deleting one's own comment once more changes nothing and is no error.
    ///
    /// - Parameter expected: the versions the author may have seen; nil stands for any.
    /// - Throws: ``CommentRefusal``
    package func delete(_ id: RecordID, by author: RecordID, expected: [Int]?) async throws {
        try await database.write { db in
            do {
                _ = try Self.comment(id, writableBy: author, expected: expected, in: db)
            } catch CommentRefusal.deleted {
                return
            }
            try db.cachedStatement(
                sql: "UPDATE comments SET text = '', version = version + 1, deletedAt = ? WHERE id = ?"
            ).execute(arguments: [now(), id])
            try outbox.append(
                type: CommentEvent.deleted, subject: "comments/\(id)", data: ["commentId": "\(id)"], in: db)
        }
    }

    /// Deletes what has expired, a bounded amount at a time.
    package func removeExpired() async throws {
        try await database.write { db in
            _ = try IdempotencyRecords.removeExpired(now: now(), in: db)
            _ = try Inbox.removeExpired(now: now(), in: db)
        }
    }

    /// Whether the event has come that a post is gone.
    static func isDeleted(post: RecordID, in db: Database) throws -> Bool {
        let statement = try db.cachedStatement(sql: "SELECT 1 FROM deletedPosts WHERE post = ?")
        return try Int.fetchOne(statement, arguments: [post]) != nil
    }

    private static func comment(_ id: RecordID, in db: Database) throws -> Comment {
        let statement = try db.cachedStatement(
            sql: "SELECT \(Comment.columns), c.deletedAt IS NOT NULL FROM comments c WHERE c.id = ?")
        let row = try Row.fetchOne(statement, arguments: [id])
        guard let row else { throw CommentRefusal.notFound }
        if row[8] { throw CommentRefusal.deleted }
        return Comment(row: row)
    }

    private static func parent(_ id: RecordID, on post: RecordID, in db: Database) throws -> Comment {
        let statement = try db.cachedStatement(
            sql: "SELECT \(Comment.columns) FROM comments c WHERE c.id = ? AND c.deletedAt IS NULL")
        let row = try Row.fetchOne(statement, arguments: [id])
        guard let parent = row.map(Comment.init(row:)), parent.post == post else { throw CommentRefusal.noSuchParent }
        guard parent.depth < Comment.deepest else { throw CommentRefusal.tooDeep }
        return parent
    }

    /// A comment that a user is about to change, inside the transaction that changes it.
    private static func comment(
        _ id: RecordID, writableBy user: RecordID, expected: [Int]?, in db: Database
    ) throws -> Comment {
        let statement = try db.cachedStatement(sql: "SELECT author FROM comments WHERE id = ?")
        guard let author = try RecordID.fetchOne(statement, arguments: [id]) else { throw CommentRefusal.notFound }
        guard author == user else { throw CommentRefusal.notAuthor }
        let comment = try comment(id, in: db)
        // One writer at a time: nobody else can change the version between this check and the update.
        if let expected, !expected.contains(comment.version) { throw CommentRefusal.stale(current: comment) }
        return comment
    }
}

extension Comment {
    fileprivate func eventData(postAuthor: RecordID, parentAuthor: RecordID?) -> [String: String] {
        var data = ["postId": "\(post)", "commentId": "\(id)", "actorId": "\(author)", "authorId": "\(postAuthor)"]
        data["parentAuthorId"] = parentAuthor?.description
        return data
    }
}
