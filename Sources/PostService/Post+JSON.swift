// SPDX-License-Identifier: Apache-2.0

internal import HTTPTypes
package import ServiceKit

extension Post {
    /// What the post's users see change: its version, its likes, and whether the reader is among them.
    var entityTag: EntityTag {
        EntityTag(version: version, state: [likes, likedByMe ? 1 : 0])
    }

    /// Where the post is.
    var path: String { "/v1/posts/\(id)" }

    /// The answer to the request that made the post.
    var createdAnswer: IdempotencyRecords.Answer {
        var json = JSONWriter(capacity: 512)
        write(to: &json)
        return IdempotencyRecords.Answer(location: path, entityTag: entityTag.description, body: json.text)
    }

    /// Writes the post as this service alone knows it: without names and without counts of comments.
    func write(to json: inout JSONWriter) {
        json.object { json in
            writeIdentity(to: &json) { json in
                json.name("id")
                json.value(author)
            }
            json.name("version")
            json.value(version)
            json.name("likes")
            json.value(likes)
            json.name("likedByMe")
            json.value(likedByMe)
        }
    }

    /// Writes the post as an item of a list.
    ///
    /// - Parameters:
    ///   - authorName: nil when it is not known.
    ///   - comments: their number; nil when it is not known.
    func write(to json: inout JSONWriter, authorName: String?, comments: Int?) {
        json.object { json in
            writeIdentity(to: &json) { json in
                json.name("id")
                json.value(author)
                json.name("name")
                json.value(authorName)
            }
            json.name("likes")
            json.value(likes)
            json.name("comments")
            json.value(comments)
            json.name("likedByMe")
            json.value(likedByMe)
        }
    }

    private func writeIdentity(to json: inout JSONWriter, author: (inout JSONWriter) -> Void) {
        json.name("id")
        json.value(id)
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
        if let sharedPost {
            json.name("sharedPostId")
            json.value(sharedPost)
        }
    }
}

extension PostRefusal: ProblemConvertible {
    package var problem: Problem {
        switch self {
        case .notFound: .notFound("post")
        case .deleted: Problem(.gone, type: "post-deleted", detail: "The post was deleted.")
        case .notAuthor: .forbidden("Only the author may change a post.")
        case .stale(let current): .stale(current: current.entityTag)
        }
    }
}
