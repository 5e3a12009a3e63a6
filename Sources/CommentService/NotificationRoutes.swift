// SPDX-License-Identifier: Apache-2.0

internal import Hummingbird
internal import Logging
internal import ServiceKit

/// Notifications: list them, mark them as read, and take the events that they are made from.
struct NotificationRoutes: Sendable {
    let store: NotificationStore
    let peers: CommentPeers
    let inbox: NotificationInbox

    func add(to router: Router<ServiceContext>) {
        router.get("/v1/notifications", use: list)
        router.post("/v1/notifications/read", use: readAll)
        router.post("/v1/notifications/:id/read", use: readOne)
        router.post(RouterPath(ResilientClient.eventsPath), use: receive)
    }

    private struct ReadRequest: Decodable {
        var upTo: String?
    }

    /// The caller's notifications, newest first, with the names of those who caused them.
    @Sendable private func list(_ request: Request, context: ServiceContext) async throws -> Response {
        let caller = try await context.caller(request)
        let wanted = try PageRequest(request, list: .notifications)
        let (page, unread) = try await store.notifications(
            of: caller.userID, limit: wanted.limit, before: wanted.cursor?.position)
        let (names, isDegraded) = try await peers.names(of: page.items.map(\.actor), for: caller)
        var response = Response.page(page, degraded: isDegraded ? ["names"] : []) { json, notification in
            notification.write(to: &json, actorName: names[notification.actor])
        }
        response.headers[.unreadCount] = String(unread)
        return response
    }

    /// 204: marks all as read, or those up to `{"upTo": id}`.
    @Sendable private func readAll(_ request: Request, context: ServiceContext) async throws -> Response {
        let caller = try await context.caller(request)
        let hasBody = request.headers[.contentType] != nil
        let last = hasBody ? try await request.json(ReadRequest.self).upTo : nil
        let upTo = try last.map { text in
            guard let id = RecordID(text) else { throw Problem.invalid("/upTo", "This is no notification.") }
            return id
        }
        try await store.markAllRead(of: caller.userID, upTo: upTo)
        return .noContent
    }

    /// 204, also when it was read before.
    @Sendable private func readOne(_ request: Request, context: ServiceContext) async throws -> Response {
        let caller = try await context.caller(request)
        guard try await store.markRead(context.id("id", of: "notification"), of: caller.userID) else {
            throw Problem.notFound("notification")
        }
        return .noContent
    }

    /// 204 once all events are stored; from other services only.
    @Sendable private func receive(_ request: Request, context: ServiceContext) async throws -> Response {
        try context.requireService(request)
        let events = try await request.json([CloudEvent].self, contentTypes: [CloudEvent.batchMediaType])
        do {
            try await inbox.receive(events)
        } catch let error as NotificationRules.Malformed {
            throw Problem.invalid("", error.message)
        }
        return .noContent
    }
}
