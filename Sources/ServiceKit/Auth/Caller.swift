// SPDX-License-Identifier: Apache-2.0

/// A signed-in user, as a verified token names them.
package struct Caller: Sendable, Equatable {
    package var id: String
    package var name: String
    /// The token itself, to call other services in the user's name.
    package var token: String
    /// The sign-in that the token belongs to.
    package var session: String?

    package init(id: String, name: String, token: String, session: String? = nil) {
        self.id = id
        self.name = name
        self.token = token
        self.session = session
    }
}
