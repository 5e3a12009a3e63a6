// SPDX-License-Identifier: Apache-2.0

internal import HTTPTypes
internal import ServiceKit

extension Notification {
    /// Writes the notification as an item of a list.
    ///
    /// - Parameter actorName: nil when it is not known.
    func write(to json: inout JSONWriter, actorName: String?) {
        json.object { json in
            json.name("id")
            json.value(id)
            json.name("kind")
            json.value(kind.rawValue)
            json.name("postId")
            json.value(post)
            if let comment {
                json.name("commentId")
                json.value(comment)
            }
            json.name("actor")
            json.object { json in
                json.name("id")
                json.value(actor)
                json.name("name")
                json.value(actorName)
            }
            json.name("count")
            json.value(count)
            json.name("createdAt")
            json.value(WallClock.text(id.millisecond))
            json.name("read")
            json.value(isRead)
        }
    }
}

extension HTTPField.Name {
    /// How many notifications the user has not read.
    // A valid token, which is all that the initialiser asks for.
    static let unreadCount = HTTPField.Name("x-unread-count")!
}
