// SPDX-License-Identifier: Apache-2.0

internal import Foundation
package import GRDB

/// Events that wait for their delivery, in the database of the service that they come from.
///
/// An event is appended in the transaction of the change that it tells of: it exists exactly when the change does.
/// An ``OutboxRelay`` delivers it at least once; the ``Inbox`` of the receiver makes that once in effect.
/// Safe to use from any thread.
package struct Outbox: Sendable {
    /// The `source` of all events of this outbox.
    package let source: String
    private let ids: RecordIDGenerator
    /// Tells the relay that something was committed; one element stands for any number of commits.
    let commits: AsyncStream<Void>
    private let committed: AsyncStream<Void>.Continuation

    /// An outbox in a database whose migrations include ``createTables(_:)``.
    ///
    /// - Parameter source: who the events come from, `/post-service`.
    package init(source: String, reader: some DatabaseReader) throws {
        self.source = source
        let highest = try reader.read { db in
            try RecordID.fetchOne(db, sql: "SELECT seq FROM sqlite_sequence WHERE name = 'outbox'")
        }
        ids = RecordIDGenerator(after: highest)
        (commits, committed) = AsyncStream.makeStream(bufferingPolicy: .bufferingNewest(1))
    }

    /// Creates the tables. Call it in a migration.
    ///
    /// `AUTOINCREMENT` remembers the highest id although delivered events are deleted: no id is ever used twice, not
    /// even when the clock was set back between two runs.
    package static func createTables(_ db: Database) throws {
        try db.execute(
            sql: """
                CREATE TABLE outbox (
                    id INTEGER PRIMARY KEY AUTOINCREMENT,
                    type TEXT NOT NULL,
                    subject TEXT NOT NULL,
                    data TEXT NOT NULL
                );
                CREATE TABLE undeliverable (
                    id INTEGER PRIMARY KEY,
                    type TEXT NOT NULL,
                    subject TEXT NOT NULL,
                    data TEXT NOT NULL,
                    reason TEXT NOT NULL
                );
                """)
    }

    /// Appends an event in the caller's transaction and wakes the relay when that commits.
    ///
    /// - Returns: the event as it will be delivered.
    @discardableResult
    package func append(type: String, subject: String, data: [String: String], in db: Database) throws -> CloudEvent {
        let event = CloudEvent(id: ids.next(), source: source, type: type, subject: subject, data: data)
        let statement = try db.cachedStatement(sql: "INSERT INTO outbox (id, type, subject, data) VALUES (?, ?, ?, ?)")
        try statement.execute(arguments: [event.id, type, subject, try Self.text(of: data)])
        db.afterNextTransaction { [committed] _ in committed.yield() }
        return event
    }

    /// The oldest events that wait, in order.
    package func waiting(limit: Int, in db: Database) throws -> [CloudEvent] {
        let statement = try db.cachedStatement(sql: "SELECT id, type, subject, data FROM outbox ORDER BY id LIMIT ?")
        return try Row.fetchAll(statement, arguments: [limit]).map { row in
            CloudEvent(
                id: row[0], source: source, type: row[1], subject: row[2],
                data: try JSONDecoder().decode([String: String].self, from: Data((row[3] as String).utf8)))
        }
    }

    /// How many events wait.
    package func depth(in db: Database) throws -> Int {
        try Int.fetchOne(db.cachedStatement(sql: "SELECT count(*) FROM outbox")) ?? 0
    }

    /// Forgets events that were delivered.
    package func remove(_ events: [CloudEvent], in db: Database) throws {
        let statement = try db.cachedStatement(sql: "DELETE FROM outbox WHERE id = ?")
        for event in events {
            try statement.execute(arguments: [event.id])
        }
    }

    /// Puts an event aside that its receiver will never take, so that it does not hold up those behind it.
    package func setAside(_ event: CloudEvent, reason: String, in db: Database) throws {
        let statement = try db.cachedStatement(
            sql: "INSERT OR REPLACE INTO undeliverable (id, type, subject, data, reason) VALUES (?, ?, ?, ?, ?)")
        try statement.execute(arguments: [
            event.id, event.type, event.subject, try Self.text(of: event.data), reason,
        ])
        try remove([event], in: db)
    }

    private static func text(of data: [String: String]) throws -> String {
        // String(decoding:) never fails, and JSONEncoder only makes UTF-8.
        String(decoding: try JSONEncoder().encode(data), as: UTF8.self)
    }
}
