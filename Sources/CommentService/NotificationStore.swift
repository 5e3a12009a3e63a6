// SPDX-License-Identifier: Apache-2.0

package import GRDB
package import ServiceKit

/// What users are told, in the database of the comments.
///
/// Events come in through ``receive(_:)``, which applies each of them once however often it is delivered.
/// Safe to use from any task.
package struct NotificationStore: Sendable {
    private let database: any DatabaseWriter
    private let ids: RecordIDGenerator
    private let now: @Sendable () -> Int64

    /// A store on a database that ``CommentDatabase/migrations`` has been applied to.
    ///
    /// - Parameter now: milliseconds since 1970.
    package init(
        database: any DatabaseWriter, now: @escaping @Sendable () -> Int64 = WallClock.milliseconds
    ) throws {
        self.database = database
        self.now = now
        let highest = try database.read { db in try RecordID.fetchOne(db, sql: "SELECT max(id) FROM notifications") }
        ids = RecordIDGenerator(after: highest, now: now)
    }

    /// Applies events in their order, all of them or none, those that were applied before not again.
    ///
    /// - Returns: the events that had not been here before.
    /// - Throws: `NotificationRules.Malformed` for an event that can't be understood.
    @discardableResult
    package func receive(_ events: [CloudEvent]) async throws -> [CloudEvent] {
        // Understood first: a malformed event costs no transaction.
        let changes = try events.map { event in (event, try NotificationRules.changes(for: event)) }
        return try await database.write { db in
            try changes.filter { event, changes in
                guard try Inbox.accept(event, now: now(), in: db) else { return false }
                for change in changes {
                    try apply(change, in: db)
                }
                return true
            }.map(\.0)
        }
    }

    /// The notifications of a user, newest first.
    ///
    /// - Parameters:
    ///   - limit: the most on the page.
    ///   - before: where the page before this one ended.
    /// - Returns: the page, and how many unread notifications there are in all.
    package func notifications(
        of user: RecordID, limit: Int, before: RecordID?
    ) async throws -> (page: Page<Notification>, unread: Int) {
        try await database.read { db in
            let statement = try db.cachedStatement(
                sql: """
                    SELECT \(Notification.columns) FROM notifications INDEXED BY notificationsByRecipient
                    WHERE recipient = ? AND id < ? ORDER BY id DESC LIMIT ?
                    """)
            // One row more than the page holds tells whether another page follows.
            let start = before ?? RecordID(rawValue: .max)
            let rows = try Array(
                Row.fetchCursor(statement, arguments: [user, start, limit + 1]).map(Notification.init(row:)))
            let unread = try Int.fetchOne(
                db.cachedStatement(sql: "SELECT count(*) FROM notifications WHERE recipient = ? AND readAt IS NULL"),
                arguments: [user])
            return (Page(rows: rows, limit: limit, list: .notifications, id: \.id), unread ?? 0)
        }
    }

    /// Marks one notification as read; once more changes nothing.
    ///
    /// - Returns: false when the user has no such notification.
    package func markRead(_ id: RecordID, of user: RecordID) async throws -> Bool {
        try await database.write { db in
            let statement = try db.cachedStatement(
                sql: "UPDATE notifications SET readAt = coalesce(readAt, ?) WHERE id = ? AND recipient = ?")
            try statement.execute(arguments: [now(), id, user])
            return db.changesCount > 0
        }
    }

    /// Marks all notifications of a user as read, up to and including one of them.
    ///
    /// - Parameter last: what the user has seen last; nil stands for all.
    package func markAllRead(of user: RecordID, upTo last: RecordID?) async throws {
        try await database.write { db in
            let statement = try db.cachedStatement(
                sql: "UPDATE notifications SET readAt = ? WHERE recipient = ? AND readAt IS NULL AND id <= ?")
            try statement.execute(arguments: [now(), user, last ?? RecordID(rawValue: .max)])
        }
    }

    private func apply(_ change: NotificationRules.Change, in db: Database) throws {
        switch change {
        case .notify(let recipient, let kind, let post, let comment, let actor):
            if try CommentStore.isDeleted(post: post, in: db) { return }
            if kind == .like, try addToUnreadLikes(of: post, recipient: recipient, actor: actor, in: db) { return }
            try insert(recipient: recipient, kind: kind, post: post, comment: comment, actor: actor, in: db)
        case .forgetComment(let comment):
            try db.cachedStatement(sql: "DELETE FROM notifications WHERE comment = ?").execute(arguments: [comment])
        case .forgetPost(let post):
            try db.cachedStatement(sql: "INSERT OR IGNORE INTO deletedPosts (post, deletedAt) VALUES (?, ?)")
                .execute(arguments: [post, now()])
            try db.cachedStatement(sql: "DELETE FROM notifications WHERE post = ?").execute(arguments: [post])
            try db.cachedStatement(
                sql: """
                    UPDATE comments SET text = '', version = version + 1, deletedAt = ?
                    WHERE post = ? AND deletedAt IS NULL
                    """
            ).execute(arguments: [now(), post])
        }
    }

    /// - Returns: false when there is no unread notification to add to.
    private func addToUnreadLikes(
        of post: RecordID, recipient: RecordID, actor: RecordID, in db: Database
    ) throws -> Bool {
        let statement = try db.cachedStatement(
            sql: """
                UPDATE notifications SET count = count + 1, actor = ?
                WHERE recipient = ? AND kind = 'like' AND post = ? AND readAt IS NULL
                """)
        try statement.execute(arguments: [actor, recipient, post])
        return db.changesCount > 0
    }

    private func insert(
        recipient: RecordID, kind: Notification.Kind, post: RecordID, comment: RecordID?, actor: RecordID,
        in db: Database
    ) throws {
        let statement = try db.cachedStatement(
            sql: "INSERT INTO notifications (id, recipient, kind, post, comment, actor) VALUES (?, ?, ?, ?, ?, ?)")
        try statement.execute(arguments: [ids.next(), recipient, kind, post, comment, actor])
    }
}
