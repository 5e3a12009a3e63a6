// SPDX-License-Identifier: Apache-2.0

package import ServiceKit

/// What an event means for notifications: a pure function from the event to the changes.
///
/// Nobody hears of what they did themselves. Whoever is both the author of the post and of the comment that is replied
/// to hears of the reply once, as a reply.
package enum NotificationRules {
    /// A change to the notifications.
    package enum Change: Sendable, Hashable {
        /// Tells a user.
        case notify(
            RecordID, kind: Notification.Kind, post: RecordID, comment: RecordID?, actor: RecordID)
        /// Forgets whatever was told about a comment that is gone.
        case forgetComment(RecordID)
        /// Deletes the comments on a post that is gone and whatever was told about it.
        case forgetPost(RecordID)
    }

    /// An event lacks something or carries something that is no id; it will never be understood.
    package struct Malformed: Error, Equatable {
        /// What is wrong, for the operator.
        package var message: String
    }

    /// The changes that an event asks for; none for a type that is not known here.
    package static func changes(for event: CloudEvent) throws(Malformed) -> [Change] {
        switch event.type {
        case CommentEvent.created: try commentCreated(event)
        case CommentEvent.deleted: [.forgetComment(try event.id("commentId"))]
        case CommentEvent.postDeleted: [.forgetPost(try event.id("postId"))]
        case CommentEvent.postLiked: try postLiked(event)
        default: []
        }
    }

    private static func commentCreated(_ event: CloudEvent) throws(Malformed) -> [Change] {
        let post = try event.id("postId")
        let comment = try event.id("commentId")
        let actor = try event.id("actorId")
        let postAuthor = try event.id("authorId")
        let parentAuthor = event.data["parentAuthorId"] == nil ? nil : try event.id("parentAuthorId")
        var changes: [Change] = []
        if let parentAuthor, parentAuthor != actor {
            changes.append(.notify(parentAuthor, kind: .reply, post: post, comment: comment, actor: actor))
        }
        if postAuthor != actor && postAuthor != parentAuthor {
            changes.append(.notify(postAuthor, kind: .comment, post: post, comment: comment, actor: actor))
        }
        return changes
    }

    private static func postLiked(_ event: CloudEvent) throws(Malformed) -> [Change] {
        let author = try event.id("authorId")
        let actor = try event.id("actorId")
        if author == actor { return [] }
        return [.notify(author, kind: .like, post: try event.id("postId"), comment: nil, actor: actor)]
    }
}

extension CloudEvent {
    /// An id from the event's data.
    fileprivate func id(_ name: String) throws(NotificationRules.Malformed) -> RecordID {
        guard let text = data[name] else {
            throw NotificationRules.Malformed(message: "event \(id) of type \(type) lacks \(name)")
        }
        guard let id = RecordID(text) else {
            throw NotificationRules.Malformed(message: "event \(id) of type \(type): \(name) is not an id")
        }
        return id
    }
}
