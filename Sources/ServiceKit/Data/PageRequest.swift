// SPDX-License-Identifier: Apache-2.0

package import Hummingbird

/// Which part of a list a client wants: `?limit=20&cursor=…`.
package struct PageRequest: Sendable, Equatable {
    /// The most items that the page may have.
    package var limit: Int
    /// Where the page begins; nil for the beginning of the list.
    package var cursor: PageCursor?

    package init(limit: Int, cursor: PageCursor? = nil) {
        self.limit = limit
        self.cursor = cursor
    }

    /// Reads the query.
    ///
    /// - Parameters:
    ///   - list: the list that the cursor has to belong to.
    ///   - maximum: a higher limit is lowered to it, as AIP-158 asks.
    /// - Throws: a ``Problem``, 422, with all that is wrong.
    package init(_ request: Request, list: PageCursor.List, default standard: Int = 20, maximum: Int = 100) throws {
        let query = request.uri.queryParameters
        var faults: [Problem.Fault] = []
        limit = standard
        if let text = query.get("limit") {
            if let number = Int(text), number >= 1 {
                limit = min(number, maximum)
            } else {
                faults.append(.init(pointer: "?limit", detail: "The limit must be a number from 1 to \(maximum)."))
            }
        }
        if let text = query.get("cursor") {
            cursor = PageCursor(text, of: list)
            if cursor == nil {
                faults.append(
                    .init(pointer: "?cursor", detail: "This is not a cursor of this list; leave it out to start."))
            }
        }
        guard faults.isEmpty else { throw Problem.validation(faults) }
    }
}
