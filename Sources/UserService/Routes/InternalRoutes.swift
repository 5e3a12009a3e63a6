// SPDX-License-Identifier: Apache-2.0

internal import Hummingbird
internal import ServiceKit

/// What the other services ask, in the name of the user who asked them. Short answers: these are the busiest routes.
struct InternalRoutes: Sendable {
    let store: UserStore

    /// The most ids of one request.
    static let most = 100

    func add(to router: Router<ServiceContext>) {
        router.get("/internal/v1/users") { request, context in
            _ = try await context.caller(request)
            let users = try await store.users(try Self.ids(of: request))
            return try Response.json(["users": users.map { NamedUser(id: $0.id, name: $0.displayName) }])
        }
        router.get("/internal/v1/users/:id/friends") { request, context in
            _ = try await context.caller(request)
            guard let id = RecordID(try context.path("id")), let friends = try await store.friendIDs(of: id) else {
                throw Problem.notFound("user")
            }
            return try Response.json(["ids": friends])
        }
    }

    /// The ids of `?ids=a,b,c`. What is no id names nobody, and is left out like the ids of users who don't exist.
    ///
    /// - Throws: a `Problem`, 422, for none or too many.
    static func ids(of request: Request) throws -> [RecordID] {
        guard let text = request.uri.queryParameters.get("ids"), !text.isEmpty else {
            throw Problem.invalid("?ids", "Name the users: ?ids=a,b,c.")
        }
        let words = text.split(separator: ",")
        guard words.count <= most else {
            throw Problem.invalid("?ids", "At most \(most) ids at once; these are \(words.count).")
        }
        return words.compactMap { RecordID($0) }
    }
}
