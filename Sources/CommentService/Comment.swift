// SPDX-License-Identifier: Apache-2.0

internal import GRDB
package import ServiceKit

/// A comment on a post.
package struct Comment: Sendable, Hashable {
    /// How deep replies may nest: a comment on a post has depth 0.
    package static let deepest = 8

    /// Also tells when the comment was made.
    package var id: RecordID
    /// The post it is about.
    package var post: RecordID
    /// The comment it replies to.
    package var parent: RecordID?
    /// How many comments it is a reply to, one within the other: 0 to ``deepest``.
    package var depth: Int
    /// Who wrote it.
    package var author: RecordID
    /// What it says.
    package var text: String
    /// Grows by one with every edit.
    package var version: Int
    /// The time of the last edit in milliseconds since 1970.
    package var editedAt: Int64?
}

extension Comment {
    /// The columns of ``init(row:)`` in its order, for a table `comments c`.
    static let columns = "c.id, c.post, c.parent, c.depth, c.author, c.text, c.version, c.editedAt"

    /// A comment from a row of ``columns``.
    init(row: Row) {
        id = row[0]
        post = row[1]
        parent = row[2]
        depth = row[3]
        author = row[4]
        text = row[5]
        version = row[6]
        editedAt = row[7]
    }
}

/// Why a comment can't be made, read or changed.
package enum CommentRefusal: Error, Equatable {
    /// There never was one.
    case notFound
    /// It was deleted.
    case deleted
    /// Somebody else wrote it.
    case notAuthor
    /// It was changed since the client read it.
    case stale(current: Comment)
    /// The post was deleted.
    case postDeleted
    /// The comment to reply to is not there, or is about another post.
    case noSuchParent
    /// The comment to reply to is as deep as comments go.
    case tooDeep
}
