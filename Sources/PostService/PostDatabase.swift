// SPDX-License-Identifier: Apache-2.0

package import GRDB
internal import ServiceKit

/// The tables of the Post Service.
package enum PostDatabase {
    /// Brings a database to the present shape.
    package static var migrations: DatabaseMigrator {
        var migrator = DatabaseMigrator()
        migrator.registerMigration("posts and likes") { db in
            try createPosts(db)
            try createLikes(db)
            try IdempotencyRecords.createTable(db)
            try Outbox.createTables(db)
        }
        return migrator
    }

    private static func createPosts(_ db: Database) throws {
        // A deleted post keeps its row, so that it answers "gone" instead of "never heard of", but not its text.
        // The index leaves deleted posts out, and a user's posts from the newest to the oldest are one walk along it.
        // It ends in deletedAt, always null there, because SQLite checks that column: without it each step of the walk
        // would look into the table.
        try db.execute(
            sql: """
                CREATE TABLE posts (
                    id INTEGER PRIMARY KEY,
                    author INTEGER NOT NULL,
                    text TEXT NOT NULL,
                    sharedPost INTEGER,
                    version INTEGER NOT NULL DEFAULT 1,
                    likes INTEGER NOT NULL DEFAULT 0,
                    editedAt INTEGER,
                    deletedAt INTEGER
                );
                CREATE INDEX postsByAuthor ON posts(author, id, deletedAt) WHERE deletedAt IS NULL;
                """)
    }

    private static func createLikes(_ db: Database) throws {
        // The triggers keep posts.likes equal to the number of rows, whoever writes them.
        try db.execute(
            sql: """
                CREATE TABLE likes (
                    post INTEGER NOT NULL REFERENCES posts(id),
                    user INTEGER NOT NULL,
                    PRIMARY KEY (post, user)
                ) WITHOUT ROWID;
                CREATE TRIGGER likeAdded AFTER INSERT ON likes BEGIN
                    UPDATE posts SET likes = likes + 1 WHERE id = new.post;
                END;
                CREATE TRIGGER likeRemoved AFTER DELETE ON likes BEGIN
                    UPDATE posts SET likes = likes - 1 WHERE id = old.post;
                END;
                """)
    }
}
