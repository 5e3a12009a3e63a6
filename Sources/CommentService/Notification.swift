// SPDX-License-Identifier: Apache-2.0

internal import GRDB
package import ServiceKit

/// Tells a user what somebody else did.
package struct Notification: Sendable, Hashable {
    /// What somebody did.
    package enum Kind: String, Sendable, DatabaseValueConvertible {
        /// Commented on a post of the recipient.
        case comment
        /// Replied to a comment of the recipient.
        case reply
        /// Liked a post of the recipient.
        case like
    }

    /// Also tells when the notification was made.
    package var id: RecordID
    package var kind: Kind
    /// The post it is about.
    package var post: RecordID
    /// The comment or reply; nil for likes.
    package var comment: RecordID?
    /// Who did it; the last one of several.
    package var actor: RecordID
    /// How many times it happened: likes of one post gather until the recipient has read them.
    package var count: Int
    /// Whether the recipient has read it.
    package var isRead: Bool
}

extension Notification {
    /// The columns of ``init(row:)`` in its order.
    static let columns = "id, kind, post, comment, actor, count, readAt IS NOT NULL"

    /// A notification from a row of ``columns``.
    init(row: Row) {
        id = row[0]
        kind = row[1]
        post = row[2]
        comment = row[3]
        actor = row[4]
        count = row[5]
        isRead = row[6]
    }
}
