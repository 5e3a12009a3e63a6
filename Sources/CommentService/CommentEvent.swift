// SPDX-License-Identifier: Apache-2.0

/// The types of the events that the Comment Service sends and understands.
package enum CommentEvent {
    /// A comment was made. Data: `postId`, `commentId`, `actorId`, `authorId` (the post's author) and, for a reply,
    /// `parentAuthorId`.
    package static let created = "social.comment.created.v1"
    /// A comment is gone. Data: `commentId`.
    package static let deleted = "social.comment.deleted.v1"
    /// From the Post Service: somebody likes somebody else's post. Data: `postId`, `authorId`, `actorId`.
    package static let postLiked = "social.post.liked.v1"
    /// From the Post Service: a post is gone. Data: `postId`.
    package static let postDeleted = "social.post.deleted.v1"
}
