// SPDX-License-Identifier: Apache-2.0

package import GRDB
package import ServiceKit

/// The posts of all users, in a database of their own.
///
/// Reads run side by side on the pool's readers; writes are put in order by its single writer, each in one
/// transaction with its events and its idempotency record. Safe to use from any task.
package struct PostStore: Sendable {
    let database: any DatabaseWriter
    let outbox: Outbox
    let ids: RecordIDGenerator
    let now: @Sendable () -> Int64

    /// A store on a database that ``PostDatabase/migrations`` has been applied to.
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
        let highest = try database.read { db in try RecordID.fetchOne(db, sql: "SELECT max(id) FROM posts") }
        ids = RecordIDGenerator(after: highest, now: now)
    }

    /// Creates a post, or repeats the answer to the same request.
    ///
    /// - Parameters:
    ///   - sharing: the post to share; a share of a share shares the original.
    ///   - request: the idempotency key and what it stands for.
    ///   - answer: makes the answer that is remembered.
    /// - Throws: ``PostRefusal`` for the shared post, `IdempotencyRecords.KeyReused`.
    package func create(
        text: String, by author: RecordID, sharing: RecordID? = nil, request: IdempotencyRecords.Request,
        answer: @escaping @Sendable (Post) -> IdempotencyRecords.Answer
    ) async throws -> IdempotencyRecords.Answer {
        try await database.write { db in
            if let earlier = try IdempotencyRecords.answer(to: request, now: now(), in: db) { return earlier }
            var original: RecordID?
            if let sharing {
                let shared = try Self.post(sharing, seenBy: author, in: db)
                original = shared.sharedPost ?? shared.id
            }
            // Made here, where writers wait in line: ids then become visible in their order, so that a reader who has
            // seen one will never find a lower one later.
            let id = ids.next()
            try db.cachedStatement(sql: "INSERT INTO posts (id, author, text, sharedPost) VALUES (?, ?, ?, ?)")
                .execute(arguments: [id, author, text, original])
            let post = Post(
                id: id, author: author, text: text, sharedPost: original, version: 1, likes: 0, likedByMe: false)
            let answer = answer(post)
            try IdempotencyRecords.remember(answer, to: request, now: now(), in: db)
            return answer
        }
    }

    /// A post as a user sees it.
    ///
    /// - Throws: ``PostRefusal``
    package func post(_ id: RecordID, seenBy user: RecordID) async throws -> Post {
        try await database.read { db in try Self.post(id, seenBy: user, in: db) }
    }

    /// Changes the text of a post.
    ///
    /// - Parameter expected: the versions the author may have seen; nil stands for any.
    /// - Returns: the post with its new version.
    /// - Throws: ``PostRefusal``
    package func edit(_ id: RecordID, text: String, by author: RecordID, expected: [Int]?) async throws -> Post {
        try await database.write { db in
            var post = try Self.post(id, writableBy: author, expected: expected, in: db)
            post.text = text
            post.version += 1
            post.editedAt = now()
            try db.cachedStatement(sql: "UPDATE posts SET text = ?, version = ?, editedAt = ? WHERE id = ?")
                .execute(arguments: [post.text, post.version, post.editedAt, id])
            return post
        }
    }

    /// Deletes a post and its likes. Deleting one's own post once more changes nothing and is no error.
    ///
    /// - Parameter expected: the versions the author may have seen; nil stands for any.
    /// - Throws: ``PostRefusal``
    package func delete(_ id: RecordID, by author: RecordID, expected: [Int]?) async throws {
        try await database.write { db in
            do {
                _ = try Self.post(id, writableBy: author, expected: expected, in: db)
            } catch PostRefusal.deleted {
                return
            }
            try db.cachedStatement(sql: "UPDATE posts SET text = '', version = version + 1, deletedAt = ? WHERE id = ?")
                .execute(arguments: [now(), id])
            try db.cachedStatement(sql: "DELETE FROM likes WHERE post = ?").execute(arguments: [id])
            try outbox.append(
                type: PostEvent.deleted, subject: "posts/\(id)", data: ["postId": id.description], in: db)
        }
    }

    /// Deletes what has expired, a bounded amount at a time.
    package func removeExpired() async throws {
        try await database.write { db in _ = try IdempotencyRecords.removeExpired(now: now(), in: db) }
    }

    /// A post as a user sees it, inside a transaction.
    static func post(_ id: RecordID, seenBy user: RecordID, in db: Database) throws -> Post {
        let statement = try db.cachedStatement(
            sql: "SELECT \(Post.columns), p.deletedAt IS NOT NULL FROM posts p WHERE p.id = :id")
        let row = try Row.fetchOne(statement, arguments: ["me": user, "id": id])
        guard let row else { throw PostRefusal.notFound }
        if row[8] { throw PostRefusal.deleted }
        return Post(row: row)
    }

    /// A post that a user is about to change, inside the transaction that changes it.
    private static func post(
        _ id: RecordID, writableBy user: RecordID, expected: [Int]?, in db: Database
    ) throws -> Post {
        let statement = try db.cachedStatement(sql: "SELECT author FROM posts WHERE id = ?")
        guard let author = try RecordID.fetchOne(statement, arguments: [id]) else { throw PostRefusal.notFound }
        guard author == user else { throw PostRefusal.notAuthor }
        let post = try post(id, seenBy: user, in: db)
        // One writer at a time: nobody else can change the version between this check and the update.
        if let expected, !expected.contains(post.version) { throw PostRefusal.stale(current: post) }
        return post
    }
}
