// SPDX-License-Identifier: Apache-2.0

/// The types of the events that come from the Post Service.
package enum PostEvent {
    /// Somebody likes somebody else's post. Data: `postId`, `authorId`, `actorId`.
    package static let liked = "social.post.liked.v1"
    /// A post is gone. Data: `postId`.
    package static let deleted = "social.post.deleted.v1"
}
