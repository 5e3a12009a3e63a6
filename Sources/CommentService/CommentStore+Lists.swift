// SPDX-License-Identifier: Apache-2.0

internal import GRDB
package import ServiceKit

extension CommentStore {
    /// In which order comments are listed.
    package enum Order: String, Sendable, CaseIterable {
        case newest, oldest

        /// The kind of cursor that belongs to the order.
        package var list: PageCursor.List { self == .newest ? .newestComments : .oldestComments }
    }

    /// The comments on a post; of a post without comments, or of none, an empty page.
    ///
    /// - Parameters:
    ///   - limit: the most comments on the page.
    ///   - after: where the page before this one ended.
    package func comments(
        on post: RecordID, order: Order, limit: Int, after: RecordID?
    ) async throws -> Page<Comment> {
        let comments = try await database.read { db in
            let statement = try db.cachedStatement(sql: order == .newest ? Self.newestQuery : Self.oldestQuery)
            let start = after ?? RecordID(rawValue: order == .newest ? .max : -1)
            // One row more than the page holds tells whether another page follows.
            return try Array(
                Row.fetchCursor(statement, arguments: [post, start, limit + 1]).map(Comment.init(row:)))
        }
        return Page(rows: comments, limit: limit, list: order.list, id: \.id)
    }

    /// How many comments each of these posts has, in the order of the posts.
    package func counts(on posts: [RecordID]) async throws -> [Int] {
        try await database.read { db in
            let statement = try db.cachedStatement(sql: "SELECT comments FROM commentCounts WHERE post = ?")
            return try posts.map { try Int.fetchOne(statement, arguments: [$0]) ?? 0 }
        }
    }

    private static let newestQuery = """
        SELECT \(Comment.columns) FROM comments c
        WHERE c.post = ? AND c.id < ? AND c.deletedAt IS NULL ORDER BY c.id DESC LIMIT ?
        """

    private static let oldestQuery = """
        SELECT \(Comment.columns) FROM comments c
        WHERE c.post = ? AND c.id > ? AND c.deletedAt IS NULL ORDER BY c.id LIMIT ?
        """
}
