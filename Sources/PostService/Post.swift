// SPDX-License-Identifier: Apache-2.0

internal import GRDB
package import ServiceKit

/// A post as one user sees it.
package struct Post: Sendable, Hashable {
    /// Also tells when the post was made.
    package var id: RecordID
    /// Who wrote it.
    package var author: RecordID
    /// What it says; may be empty in a share.
    package var text: String
    /// The post that this one shares. Never itself a share.
    package var sharedPost: RecordID?
    /// Grows by one with every edit. Likes don't count as edits.
    package var version: Int
    /// How many users like it.
    package var likes: Int
    /// Whether the user who asks does.
    package var likedByMe: Bool
    /// The time of the last edit in milliseconds since 1970.
    package var editedAt: Int64?
}

extension Post {
    /// The columns of ``init(row:)`` in its order, for a table `posts p` and a user `:me`.
    static let columns = """
        p.id, p.author, p.text, p.sharedPost, p.version, p.likes, p.editedAt, \
        EXISTS (SELECT 1 FROM likes l WHERE l.post = p.id AND l.user = :me)
        """

    /// A post from a row of ``columns``.
    init(row: Row) {
        id = row[0]
        author = row[1]
        text = row[2]
        sharedPost = row[3]
        version = row[4]
        likes = row[5]
        editedAt = row[6]
        likedByMe = row[7]
    }
}

/// Why a post can't be read or changed.
package enum PostRefusal: Error, Equatable {
    /// There never was one.
    case notFound
    /// It was deleted.
    case deleted
    /// Somebody else wrote it.
    case notAuthor
    /// It was changed since the client read it.
    case stale(current: Post)
}
