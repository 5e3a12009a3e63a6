// SPDX-License-Identifier: Apache-2.0

package import GRDB

/// Remembers which events had their effect, so that an event that is delivered again has none.
///
/// The memory is written in the transaction of the effect. It lasts ``lifetimeMilliseconds``: an event that is
/// delivered again later than that would act again.
package enum Inbox {
    /// How long an event is remembered: seven days.
    package static let lifetimeMilliseconds: Int64 = 7 * 24 * 3600 * 1000

    /// Creates the table. Call it in a migration.
    package static func createTable(_ db: Database) throws {
        try db.execute(
            sql: """
                CREATE TABLE inbox (
                    source TEXT NOT NULL,
                    id INTEGER NOT NULL,
                    receivedAt INTEGER NOT NULL,
                    PRIMARY KEY (source, id)
                ) WITHOUT ROWID;
                CREATE INDEX inboxByAge ON inbox(receivedAt);
                """)
    }

    /// Notes an event in the transaction of its effect.
    ///
    /// - Parameter now: milliseconds since 1970.
    /// - Returns: false when the event has been here before, so that it must have no effect now.
    package static func accept(_ event: CloudEvent, now: Int64, in db: Database) throws -> Bool {
        let statement = try db.cachedStatement(
            sql: "INSERT OR IGNORE INTO inbox (source, id, receivedAt) VALUES (?, ?, ?)")
        try statement.execute(arguments: [event.source, event.id, now])
        return db.changesCount > 0
    }

    /// Deletes what is older than the memory lasts, at most `limit` rows at a time.
    ///
    /// - Parameter now: milliseconds since 1970.
    /// - Returns: how many went.
    @discardableResult
    package static func removeExpired(now: Int64, limit: Int = 1000, in db: Database) throws -> Int {
        let statement = try db.cachedStatement(
            sql: """
                DELETE FROM inbox WHERE (source, id) IN
                    (SELECT source, id FROM inbox WHERE receivedAt <= ? ORDER BY receivedAt LIMIT ?)
                """)
        try statement.execute(arguments: [now - lifetimeMilliseconds, limit])
        return db.changesCount
    }
}
