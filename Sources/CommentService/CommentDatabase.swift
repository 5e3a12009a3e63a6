// SPDX-License-Identifier: Apache-2.0

package import GRDB
internal import ServiceKit

/// The tables of the Comment Service.
package enum CommentDatabase {
    /// Brings a database to the present shape.
    package static var migrations: DatabaseMigrator {
        var migrator = DatabaseMigrator()
        migrator.registerMigration("comments and notifications") { db in
            try createComments(db)
            try createNotifications(db)
            try IdempotencyRecords.createTable(db)
            try Outbox.createTables(db)
            try Inbox.createTable(db)
        }
        return migrator
    }

    private static func createComments(_ db: Database) throws {
        // A deleted comment keeps its row, so that it answers "gone" and replies keep their parent, but not its text.
        // `deletedPosts` keeps out comments that were on their way while their post was deleted.
        // The triggers keep `commentCounts` equal to the number of comments that are not deleted: a timeline asks for
        // the counts of twenty posts at a time, some of them with thousands of comments.
        try db.execute(
            sql: """
                CREATE TABLE comments (
                    id INTEGER PRIMARY KEY,
                    post INTEGER NOT NULL,
                    parent INTEGER,
                    depth INTEGER NOT NULL,
                    author INTEGER NOT NULL,
                    text TEXT NOT NULL,
                    version INTEGER NOT NULL DEFAULT 1,
                    editedAt INTEGER,
                    deletedAt INTEGER
                );
                CREATE INDEX commentsByPost ON comments(post, id) WHERE deletedAt IS NULL;
                CREATE TABLE deletedPosts (post INTEGER PRIMARY KEY, deletedAt INTEGER NOT NULL);
                CREATE TABLE commentCounts (post INTEGER PRIMARY KEY, comments INTEGER NOT NULL);
                CREATE TRIGGER commentAdded AFTER INSERT ON comments BEGIN
                    INSERT INTO commentCounts (post, comments) VALUES (new.post, 1)
                    ON CONFLICT (post) DO UPDATE SET comments = comments + 1;
                END;
                CREATE TRIGGER commentDeleted AFTER UPDATE OF deletedAt ON comments
                WHEN old.deletedAt IS NULL AND new.deletedAt IS NOT NULL BEGIN
                    UPDATE commentCounts SET comments = comments - 1 WHERE post = new.post;
                END;
                """)
    }

    private static func createNotifications(_ db: Database) throws {
        // The likes of a post gather in one unread notification, so that a hot post does not bury everything else.
        try db.execute(
            sql: """
                CREATE TABLE notifications (
                    id INTEGER PRIMARY KEY,
                    recipient INTEGER NOT NULL,
                    kind TEXT NOT NULL,
                    post INTEGER NOT NULL,
                    comment INTEGER,
                    actor INTEGER NOT NULL,
                    count INTEGER NOT NULL DEFAULT 1,
                    readAt INTEGER
                );
                CREATE INDEX notificationsByRecipient ON notifications(recipient, id);
                CREATE INDEX unreadNotifications ON notifications(recipient, kind, post) WHERE readAt IS NULL;
                CREATE INDEX notificationsByPost ON notifications(post);
                CREATE INDEX notificationsByComment ON notifications(comment) WHERE comment IS NOT NULL;
                """)
    }
}
