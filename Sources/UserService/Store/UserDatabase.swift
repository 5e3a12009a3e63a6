// SPDX-License-Identifier: Apache-2.0

internal import GRDB
internal import ServiceKit

/// The tables of the User Service.
enum UserDatabase {
    /// Brings a database to the present shape.
    static var migrations: DatabaseMigrator {
        var migrator = DatabaseMigrator()
        migrator.registerMigration("users, sessions and friends") { db in
            try createUsers(db)
            try createFriends(db)
            try IdempotencyRecords.createTable(db)
        }
        return migrator
    }

    private static func createUsers(_ db: Database) throws {
        try db.execute(
            sql: """
                CREATE TABLE users (
                    id INTEGER PRIMARY KEY,
                    username TEXT NOT NULL UNIQUE COLLATE NOCASE,
                    displayName TEXT NOT NULL,
                    bio TEXT NOT NULL DEFAULT '',
                    passwordHash TEXT NOT NULL,
                    version INTEGER NOT NULL DEFAULT 1
                );
                -- Only digests of refresh tokens: who reads the database can't sign in with them. A family is one sign-in;
                -- its tokens replace each other.
                CREATE TABLE refreshTokens (
                    digest BLOB PRIMARY KEY,
                    family INTEGER NOT NULL,
                    user INTEGER NOT NULL REFERENCES users(id),
                    expiresAt INTEGER NOT NULL,
                    usedAt INTEGER
                ) WITHOUT ROWID;
                CREATE INDEX refreshTokensByFamily ON refreshTokens(family);
                CREATE INDEX refreshTokensByExpiry ON refreshTokens(expiresAt);
                """)
    }

    private static func createFriends(_ db: Database) throws {
        // The index says it once for both directions: two people have at most one pending request between them.
        // A friendship is two rows, so that the friends of anybody are one walk along the primary key.
        try db.execute(
            sql: """
                CREATE TABLE friendRequests (
                    id INTEGER PRIMARY KEY,
                    sender INTEGER NOT NULL REFERENCES users(id),
                    receiver INTEGER NOT NULL REFERENCES users(id),
                    state TEXT NOT NULL,
                    CHECK (sender <> receiver)
                );
                CREATE UNIQUE INDEX onePendingRequest ON friendRequests(min(sender, receiver), max(sender, receiver))
                    WHERE state = 'pending';
                CREATE INDEX requestsByReceiver ON friendRequests(receiver, id) WHERE state = 'pending';
                CREATE INDEX requestsBySender ON friendRequests(sender, id) WHERE state = 'pending';
                CREATE TABLE friendships (
                    user INTEGER NOT NULL REFERENCES users(id),
                    friend INTEGER NOT NULL REFERENCES users(id),
                    PRIMARY KEY (user, friend)
                ) WITHOUT ROWID;
                """)
    }
}
