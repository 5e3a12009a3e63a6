// SPDX-License-Identifier: Apache-2.0

internal import HTTPTypes
package import ServiceKit

extension Comment {
    /// The version as HTTP shows it.
    var entityTag: EntityTag { EntityTag(version: version) }

    /// The answer to the request that made the comment.
    var createdAnswer: IdempotencyRecords.Answer {
        var json = JSONWriter(capacity: 512)
        write(to: &json)
        return IdempotencyRecords.Answer(
            location: "/v1/comments/\(id)", entityTag: entityTag.description, body: json.text)
    }

    /// Writes the comment as this service alone knows it: without the author's name.
    func write(to json: inout JSONWriter) {
        write(to: &json) { json in
            json.name("id")
            json.value(author)
        }
    }

    /// Writes the comment as an item of a list.
    ///
    /// - Parameter authorName: nil when it is not known.
    func write(to json: inout JSONWriter, authorName: String?) {
        write(to: &json) { json in
            json.name("id")
            json.value(author)
            json.name("name")
            json.value(authorName)
        }
    }

    private func write(to json: inout JSONWriter, author: (inout JSONWriter) -> Void) {
        json.object { json in
            json.name("id")
            json.value(id)
            json.name("postId")
            json.value(post)
            json.name("author")
            json.object(author)
            json.name("text")
            json.value(text)
            json.name("createdAt")
            json.value(WallClock.text(id.millisecond))
            if let editedAt {
                json.name("editedAt")
                json.value(WallClock.text(editedAt))
            }
            if let parent {
                json.name("parentId")
                json.value(parent)
            }
            json.name("depth")
            json.value(depth)
            json.name("version")
            json.value(version)
            json.name("state")
            json.value("visible")
        }
    }
}

extension CommentRefusal: ProblemConvertible {
    package var problem: Problem {
        switch self {
        case .notFound: .notFound("comment")
        case .deleted: Problem(.gone, type: "comment-deleted", detail: "The comment was deleted.")
        case .notAuthor: .forbidden("Only the author may change a comment.")
        case .stale(let current): .stale(current: current.entityTag)
        case .postDeleted: Problem(.gone, type: "post-deleted", detail: "The post was deleted.")
        case .noSuchParent: .invalid("/parentId", "This is no comment on this post.")
        case .tooDeep: .invalid("/parentId", "Replies may nest \(Comment.deepest) levels deep.")
        }
    }
}
