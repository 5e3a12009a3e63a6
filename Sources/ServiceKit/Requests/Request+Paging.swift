// SPDX-License-Identifier: Apache-2.0

package import Hummingbird

/// Which part of a list a client asks for with `?limit=&cursor=`.
package struct PageRequest: Sendable, Equatable {
    /// How many items a page holds when the client doesn't say.
    package static let defaultLimit = 20
    /// The most items on any page; who asks for more gets as many.
    package static let highestLimit = 100

    /// The most items on the page: 1 to ``highestLimit``.
    package var limit: Int
    /// The last item that was shown; nil for the first page.
    package var after: RecordID?
}

extension Request {
    /// Reads `?limit=&cursor=`.
    ///
    /// - Throws: a ``Problem``, 422, for a limit that is no number above 0 and for a cursor that is not of this list.
    package func page(of list: PageCursor.List) throws -> PageRequest {
        var page = PageRequest(limit: PageRequest.defaultLimit)
        guard uri.query != nil else { return page }
        let parameters = uri.queryParameters
        var faults: [Problem.Fault] = []
        if let text = parameters["limit"] {
            if let limit = Int(text), limit > 0 {
                page.limit = min(limit, PageRequest.highestLimit)
            } else {
                faults.append(.init(pointer: "?limit", detail: "The limit must be a whole number from 1 to 100."))
            }
        }
        if let text = parameters["cursor"] {
            page.after = PageCursor(text, of: list)?.position
            if page.after == nil {
                faults.append(.init(pointer: "?cursor", detail: "This is no nextCursor of this list."))
            }
        }
        guard faults.isEmpty else { throw Problem.validation(faults) }
        return page
    }
}

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
