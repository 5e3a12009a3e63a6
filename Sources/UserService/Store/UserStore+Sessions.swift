// SPDX-License-Identifier: Apache-2.0

internal import Foundation
internal import GRDB
internal import ServiceKit

extension UserStore {
    /// What becomes of a refresh token.
    enum Refresh: Sendable, Equatable {
        /// It was good, and is used up now.
        case renewed(User, session: RecordID)
        /// Unknown, expired or signed out.
        case unknown
        /// It was used before: somebody has a copy. The whole sign-in has been ended.
        case stolen
    }

    /// Keeps the refresh token of a new sign-in.
    ///
    /// - Parameter expiresAt: milliseconds since 1970.
    /// - Returns: the id of the sign-in.
    func addSession(digest: Data, user: RecordID, expiresAt: Int64) async throws -> RecordID {
        let (family, time) = (ids.next(), now())
        try await database.write { db in
            try Self.insert(digest, family: family, user: user, expiresAt: expiresAt, in: db)
            // A few at a time, so that nobody waits for a big clean-up.
            let old = try db.cachedStatement(
                sql:
                    "DELETE FROM refreshTokens WHERE digest IN (SELECT digest FROM refreshTokens WHERE expiresAt < ? LIMIT 10)"
            )
            try old.execute(arguments: [time])
        }
        return family
    }

    /// Uses up a refresh token and keeps the next one.
    func replaceRefreshToken(digest: Data, by next: Data, expiresAt: Int64) async throws -> Refresh {
        let time = now()
        return try await database.write { db in
            let find = try db.cachedStatement(
                sql: "SELECT family, user, usedAt FROM refreshTokens WHERE digest = ? AND expiresAt > ?")
            guard let row = try Row.fetchOne(find, arguments: [digest, time]) else { return .unknown }
            let (family, userID): (RecordID, RecordID) = (row[0], row[1])
            if (row[2] as Int64?) != nil {
                try Self.endFamily(family, in: db)
                return .stolen
            }
            guard let user = try Self.user(userID, in: db) else { return .unknown }
            let use = try db.cachedStatement(sql: "UPDATE refreshTokens SET usedAt = ? WHERE digest = ?")
            try use.execute(arguments: [time, digest])
            try Self.insert(next, family: family, user: userID, expiresAt: expiresAt, in: db)
            return .renewed(user, session: family)
        }
    }

    /// Ends a sign-in: its refresh tokens are worth nothing any more. Access tokens live on until they expire.
    func endSession(_ session: RecordID) async throws {
        try await database.write { db in try Self.endFamily(session, in: db) }
    }

    private static func endFamily(_ family: RecordID, in db: Database) throws {
        try db.cachedStatement(sql: "DELETE FROM refreshTokens WHERE family = ?").execute(arguments: [family])
    }

    private static func insert(
        _ digest: Data, family: RecordID, user: RecordID, expiresAt: Int64, in db: Database
    ) throws {
        let statement = try db.cachedStatement(
            sql: "INSERT INTO refreshTokens (digest, family, user, expiresAt) VALUES (?, ?, ?, ?)")
        try statement.execute(arguments: [digest, family, user, expiresAt])
    }
}
