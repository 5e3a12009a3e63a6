// SPDX-License-Identifier: Apache-2.0

internal import GRDB
package import ServiceKit

extension PostStore {
    /// Makes a user like a post. Liking it once more changes nothing.
    ///
    /// The first like of a post by somebody else than its author is an event.
    ///
    /// - Throws: ``PostRefusal``
    package func like(_ id: RecordID, by user: RecordID) async throws {
        try await database.write { db in
            let post = try Self.post(id, seenBy: user, in: db)
            if post.likedByMe { return }
            try db.cachedStatement(sql: "INSERT INTO likes (post, user) VALUES (?, ?)").execute(arguments: [id, user])
            if user == post.author { return }
            try outbox.append(
                type: PostEvent.liked, subject: "posts/\(id)",
                data: ["postId": "\(id)", "authorId": "\(post.author)", "actorId": "\(user)"], in: db)
        }
    }

    /// Takes a like back. Where there is none, nothing changes.
    ///
    /// - Throws: ``PostRefusal``
    package func unlike(_ id: RecordID, by user: RecordID) async throws {
        try await database.write { db in
            _ = try Self.post(id, seenBy: user, in: db)
            try db.cachedStatement(sql: "DELETE FROM likes WHERE post = ? AND user = ?").execute(arguments: [id, user])
        }
    }
}
