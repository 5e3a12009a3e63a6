// SPDX-License-Identifier: Apache-2.0

internal import HTTPTypes
internal import Hummingbird
internal import ServiceKit

/// Friends and the requests that make them.
struct FriendRoutes: Sendable {
    let store: UserStore

    func add(to router: Router<ServiceContext>) {
        router.post("/v1/users/:id/friend-requests") { request, context in try await offer(request, context) }
        router.get("/v1/friend-requests") { request, context in try await list(request, context) }
        router.post("/v1/friend-requests/:id/accept") { try await decide(.accept, $0, $1) }
        router.post("/v1/friend-requests/:id/decline") { try await decide(.decline, $0, $1) }
        router.delete("/v1/friend-requests/:id") { try await decide(.cancel, $0, $1) }
        router.get("/v1/users/:id/friends") { request, context in try await friends(request, context) }
        router.delete("/v1/users/:id/friends/:friend") { request, context in try await unfriend(request, context) }
    }

    private struct View: Encodable {
        var id: String
        var from: String
        var to: String
        var state: FriendRequestState
        var createdAt: String

        init(_ request: FriendRequest) {
            id = request.id.description
            from = request.sender.description
            to = request.receiver.description
            state = request.state
            createdAt = WallClock.text(request.id.millisecond)
        }
    }

    private struct Page<Item: Encodable>: Encodable {
        var items: [Item]
        var nextCursor: String?
    }

    private func offer(_ request: Request, _ context: ServiceContext) async throws -> Response {
        let sender = try await signedIn(request, context)
        guard let receiver = RecordID(try context.path("id")) else { throw Problem.notFound("user") }
        guard sender != receiver else {
            throw Problem(.unprocessableContent, type: "own-friend", detail: "Nobody can be their own friend.")
        }
        switch try await store.offerFriendship(from: sender, to: receiver) {
        case .pending(let new):
            return try .json(View(new), status: .created, headers: [.location: "/v1/friend-requests/\(new.id)"])
        case .crossed(let other):
            // They had asked first: both want it, nothing is left to be answered.
            return try .json(View(other))
        case .alreadyPending(let other):
            throw Problem(
                .conflict, type: "friend-request-pending",
                detail: "A request to this user waits for an answer already.",
                extensions: ["friendRequestId": .string(other.id.description)])
        case .alreadyFriends:
            throw Problem(.conflict, type: "already-friends", detail: "The two are friends already.")
        case .noSuchUser: throw Problem.notFound("user")
        }
    }

    private func list(_ request: Request, _ context: ServiceContext) async throws -> Response {
        let user = try await signedIn(request, context)
        let word = request.uri.queryParameters.get("direction") ?? UserStore.Direction.incoming.rawValue
        guard let direction = UserStore.Direction(rawValue: word) else {
            throw Problem.invalid("?direction", "The direction is incoming or outgoing.")
        }
        let page = try await store.pendingRequests(
            of: user, direction, page: try PageRequest(request, list: .friendRequests))
        return try .json(Page(items: page.items.map(View.init), nextCursor: page.next?.text))
    }

    private func decide(
        _ action: FriendRequestState.Action, _ request: Request, _ context: ServiceContext
    ) async throws -> Response {
        let user = try await signedIn(request, context)
        guard let id = RecordID(try context.path("id")) else { throw Problem.notFound("friend-request") }
        switch try await store.decide(action, request: id, by: user) {
        case .done(let decided): return action == .cancel ? .noContent : try .json(View(decided))
        case .forbidden:
            throw Problem.forbidden(
                action == .cancel
                    ? "Only who sent a request may cancel it; you may decline it."
                    : "Only who received a request may answer it.")
        case .conflict(let decided):
            throw Problem(
                .conflict, type: "friend-request-decided", detail: "The request is \(decided.state.rawValue) already.",
                extensions: ["state": .string(decided.state.rawValue)])
        case .noSuchRequest: throw Problem.notFound("friend-request")
        }
    }

    private func friends(_ request: Request, _ context: ServiceContext) async throws -> Response {
        _ = try await context.caller(request)
        guard let user = RecordID(try context.path("id")),
            let page = try await store.friends(of: user, page: try PageRequest(request, list: .friends))
        else { throw Problem.notFound("user") }
        return try .json(Page(items: page.items.map(UserView.init), nextCursor: page.next?.text))
    }

    private func unfriend(_ request: Request, _ context: ServiceContext) async throws -> Response {
        let user = try await signedIn(request, context)
        guard try context.path("id") == user.description else {
            throw Problem.forbidden("Only one's own friendships can be ended.")
        }
        guard let friend = RecordID(try context.path("friend")) else { throw Problem.notFound("user") }
        try await store.endFriendship(user, friend)
        return .noContent
    }

    private func signedIn(_ request: Request, _ context: ServiceContext) async throws -> RecordID {
        guard let id = RecordID(try await context.caller(request).id) else {
            throw Problem.unauthorized("The access token is not valid here.", type: "invalid-token")
        }
        return id
    }
}
