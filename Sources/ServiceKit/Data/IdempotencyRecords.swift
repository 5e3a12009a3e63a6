// SPDX-License-Identifier: Apache-2.0

package import GRDB

/// Remembers the answers to requests that carried an idempotency key, in the database that holds their effect.
///
/// The record is written in the transaction of the effect: either both are there or neither is, so a client that
/// repeats a request after a timeout gets the first answer again or has the first effect now, never a second one.
/// Requests with the same key that arrive together are put in order by the database's single writer, which is why
/// there is no state "still in flight". Only answers to requests that had an effect are kept; refusals are decided anew.
/// Records are kept for ``lifetimeMilliseconds``. (draft-ietf-httpapi-idempotency-key-header-07.)
package enum IdempotencyRecords {
    /// How long an answer is repeated: 24 hours.
    package static let lifetimeMilliseconds: Int64 = 24 * 3600 * 1000

    /// Who asked for what under which key.
    package struct Request: Sendable, Hashable {
        /// The user's id; empty where there is none yet, as in a sign-up.
        package var principal: String
        /// Method and path, `POST /v1/posts`.
        package var operation: String
        /// The client's key.
        package var key: String
        /// A digest of the payload, to notice a key that is used again for something else.
        package var fingerprint: String

        package init(principal: String, operation: String, key: String, fingerprint: String) {
            self.principal = principal
            self.operation = operation
            self.key = key
            self.fingerprint = fingerprint
        }
    }

    /// An answer as it was given the first time.
    package struct Answer: Sendable, Hashable {
        /// The HTTP status.
        package var status: Int
        /// The `Location` header.
        package var location: String
        /// The `ETag` header, with its quotes.
        package var entityTag: String
        /// The JSON body.
        package var body: String

        package init(status: Int = 201, location: String, entityTag: String, body: String) {
            self.status = status
            self.location = location
            self.entityTag = entityTag
            self.body = body
        }
    }

    /// The key was used before with another payload: HTTP 422.
    package struct KeyReused: Error, Equatable {
        package init() {}
    }

    /// Creates the table. Call it in a migration.
    package static func createTable(_ db: Database) throws {
        try db.execute(
            sql: """
                CREATE TABLE idempotency (
                    principal TEXT NOT NULL,
                    operation TEXT NOT NULL,
                    key TEXT NOT NULL,
                    fingerprint TEXT NOT NULL,
                    status INTEGER NOT NULL,
                    location TEXT NOT NULL,
                    entityTag TEXT NOT NULL,
                    body TEXT NOT NULL,
                    createdAt INTEGER NOT NULL,
                    PRIMARY KEY (principal, operation, key)
                );
                CREATE INDEX idempotencyByAge ON idempotency(createdAt);
                """)
    }

    /// The answer to an earlier request with this key, or nil when there was none.
    ///
    /// - Parameter now: milliseconds since 1970.
    /// - Throws: ``KeyReused`` when the key was used with another payload.
    package static func answer(to request: Request, now: Int64, in db: Database) throws -> Answer? {
        let statement = try db.cachedStatement(
            sql: """
                SELECT fingerprint, status, location, entityTag, body FROM idempotency
                WHERE principal = ? AND operation = ? AND key = ? AND createdAt > ?
                """)
        let row = try Row.fetchOne(
            statement,
            arguments: [request.principal, request.operation, request.key, now - lifetimeMilliseconds])
        guard let row else { return nil }
        guard row[0] == request.fingerprint else { throw KeyReused() }
        return Answer(status: row[1], location: row[2], entityTag: row[3], body: row[4])
    }

    /// Remembers an answer. Call it in the transaction of the effect.
    ///
    /// - Parameter now: milliseconds since 1970.
    package static func remember(_ answer: Answer, to request: Request, now: Int64, in db: Database) throws {
        // REPLACE: the row of an expired key may still be there.
        let statement = try db.cachedStatement(
            sql: """
                INSERT OR REPLACE INTO idempotency
                    (principal, operation, key, fingerprint, status, location, entityTag, body, createdAt)
                VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?)
                """)
        try statement.execute(arguments: [
            request.principal, request.operation, request.key, request.fingerprint, answer.status, answer.location,
            answer.entityTag, answer.body, now,
        ])
    }

    /// Deletes expired records, at most `limit` at a time so that writers never wait long.
    ///
    /// - Parameter now: milliseconds since 1970.
    /// - Returns: how many went.
    @discardableResult
    package static func removeExpired(now: Int64, limit: Int = 1000, in db: Database) throws -> Int {
        let statement = try db.cachedStatement(
            sql: """
                DELETE FROM idempotency WHERE rowid IN
                    (SELECT rowid FROM idempotency WHERE createdAt <= ? ORDER BY createdAt LIMIT ?)
                """)
        try statement.execute(arguments: [now - lifetimeMilliseconds, limit])
        return db.changesCount
    }
}
