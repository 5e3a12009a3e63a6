// SPDX-License-Identifier: Apache-2.0

internal import GRDB
package import ServiceKit

extension PostStore {
    /// The posts of several authors, newest first: fan-out on read.
    ///
    /// - Parameters:
    ///   - authors: the user and the user's friends.
    ///   - limit: the most posts on the page.
    ///   - before: where the page before this one ended.
    package func homeTimeline(
        of authors: [RecordID], seenBy user: RecordID, limit: Int, before: RecordID?
    ) async throws -> Page<Post> {
        let list = "[" + authors.lazy.map { String($0.rawValue) }.joined(separator: ",") + "]"
        return try await page(.homeTimeline, limit: limit) { db, rows in
            let statement = try db.cachedStatement(sql: Self.homeTimelineQuery)
            return try Row.fetchCursor(
                statement,
                arguments: ["authors": list, "me": user, "before": before ?? Self.afterAll, "rows": rows])
        }
    }

    /// The posts of one author, newest first.
    package func posts(
        by author: RecordID, seenBy user: RecordID, limit: Int, before: RecordID?
    ) async throws -> Page<Post> {
        try await page(.userTimeline, limit: limit) { db, rows in
            let statement = try db.cachedStatement(
                sql: """
                    SELECT \(Post.columns) FROM posts p
                    WHERE p.author = :author AND p.id < :before AND p.deletedAt IS NULL
                    ORDER BY p.id DESC LIMIT :rows
                    """)
            return try Row.fetchCursor(
                statement,
                arguments: ["author": author, "me": user, "before": before ?? Self.afterAll, "rows": rows])
        }
    }

    /// One walk along the index for each author. An author's ids come out of the index in order and SQLite leaves the
    /// walk as soon as an id is too old for the page, so the work grows with the authors and hardly with their posts.
    package static let homeTimelineQuery = """
        SELECT \(Post.columns) FROM posts p WHERE p.id IN (
            SELECT id FROM posts INDEXED BY postsByAuthor
            WHERE author IN (SELECT value FROM json_each(:authors)) AND id < :before AND deletedAt IS NULL
            ORDER BY id DESC LIMIT :rows
        ) ORDER BY p.id DESC
        """

    /// An id above every id of a post.
    private static let afterAll = RecordID(rawValue: .max)

    private func page(
        _ list: PageCursor.List, limit: Int,
        query: @escaping @Sendable (Database, _ rows: Int) throws -> RowCursor
    ) async throws -> Page<Post> {
        let posts = try await database.read { db in
            // One row more than the page holds tells whether another page follows.
            try Array(query(db, limit + 1).map(Post.init(row:)))
        }
        return Page(rows: posts, limit: limit, list: list, id: \.id)
    }
}
