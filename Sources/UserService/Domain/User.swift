// SPDX-License-Identifier: Apache-2.0

internal import ServiceKit

/// Somebody who has signed up.
struct User: Sendable, Equatable {
    var id: RecordID
    /// Unique, without regard to case.
    var username: String
    /// What others see.
    var displayName: String
    var bio: String
    /// Goes up with each change of the profile.
    var version: Int

    var entityTag: EntityTag { EntityTag(version: version) }
    var location: String { "/v1/users/\(id)" }
}

/// A user as clients see one.
struct UserView: Encodable, Sendable {
    var id: String
    var username: String
    var displayName: String
    var bio: String
    var createdAt: String

    init(_ user: User) {
        id = user.id.description
        username = user.username
        displayName = user.displayName
        bio = user.bio
        createdAt = WallClock.text(user.id.millisecond)
    }
}

/// What other services show of a user.
struct NamedUser: Encodable, Sendable, Equatable {
    var id: RecordID
    var name: String
}
