// SPDX-License-Identifier: Apache-2.0

internal import Hummingbird

extension ServiceContext {
    /// An id that is part of the path.
    ///
    /// - Parameter what: what it identifies, for the message.
    /// - Throws: a ``Problem``, 404: what can't be an id identifies nothing.
    package func id(_ name: String, of what: String) throws -> RecordID {
        guard let text = parameters.get(name), let id = RecordID(text) else { throw Problem.notFound(what) }
        return id
    }
}

extension Caller {
    /// The user's id as a number.
    ///
    /// - Throws: a ``Problem``, 401, for a token whose subject is no user id of this network.
    package var userID: RecordID {
        get throws {
            guard let id = RecordID(id) else {
                throw Problem.unauthorized("The token names no user of this network.", type: "invalid-token")
            }
            return id
        }
    }
}
