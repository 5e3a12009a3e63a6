// SPDX-License-Identifier: Apache-2.0

internal import HTTPTypes
internal import Hummingbird
internal import ServiceKit

/// Comments: write, list, read, edit and delete them, and count them for timelines.
struct CommentRoutes: Sendable {
    static let textRule = TextRule(longest: 2000)
    /// The most posts whose comments are counted at once: the most items on a page.
    static let mostPosts = 100

    let store: CommentStore
    let peers: CommentPeers

    func add(to router: Router<ServiceContext>) {
        router.post("/v1/posts/:id/comments", use: create)
        router.get("/v1/posts/:id/comments", use: list)
        router.get("/v1/comments/:id", use: read)
        router.patch("/v1/comments/:id", use: edit)
        router.delete("/v1/comments/:id", use: delete)
        router.get("/internal/v1/comment-counts", use: counts)
    }

    private struct Draft: Decodable {
        var text: String
        var parentId: String?
    }

    private struct Edit: Decodable {
        var text: String
    }

    /// 201, with the same answer each time the same request comes.
    @Sendable private func create(_ request: Request, context: ServiceContext) async throws -> Response {
        let caller = try await context.caller(request)
        let post = try context.id("id", of: "post")
        let draft = try await request.json(Draft.self)
        try Self.textRule.check(draft.text, at: "/text")
        let parent = try draft.parentId.map { text in
            guard let id = RecordID(text) else { throw CommentRefusal.noSuchParent }
            return id
        }
        let key = try request.idempotency(of: caller.id, payload: [draft.text, draft.parentId ?? ""])
        if let earlier = try await store.answer(to: key) { return Response(earlier) }
        let author = try await peers.author(ofPost: post, for: caller)
        return Response(
            try await store.create(
                text: draft.text, by: caller.userID, on: post, of: author, replyingTo: parent, request: key,
                answer: \.createdAnswer))
    }

    /// The comments on a post with the names of their authors: `?sort=newest` (or `oldest`), `limit`, `cursor`.
    ///
    /// A post that doesn't exist has no comments: reading doesn't ask the Post Service.
    @Sendable private func list(_ request: Request, context: ServiceContext) async throws -> Response {
        let caller = try await context.caller(request)
        let post = try context.id("id", of: "post")
        let order = try order(request)
        let wanted = try PageRequest(request, list: order.list)
        let page = try await store.comments(on: post, order: order, limit: wanted.limit, after: wanted.cursor?.position)
        let (names, isDegraded) = try await peers.names(of: page.items.map(\.author), for: caller)
        return .page(page, degraded: isDegraded ? ["names"] : []) { json, comment in
            comment.write(to: &json, authorName: names[comment.author])
        }
    }

    /// 200, or 304 when the client has what is current.
    @Sendable private func read(_ request: Request, context: ServiceContext) async throws -> Response {
        _ = try await context.caller(request)
        let comment = try await store.comment(context.id("id", of: "comment"))
        let tag = comment.entityTag
        return request.hasCurrent(tag) ? .notModified(tag) : response(comment)
    }

    /// 200 with the new ETag.
    @Sendable private func edit(_ request: Request, context: ServiceContext) async throws -> Response {
        let caller = try await context.caller(request)
        let id = try context.id("id", of: "comment")
        let expected = try request.expectedVersions()
        let edit = try await request.json(
            Edit.self, contentTypes: ["application/merge-patch+json", "application/json"])
        try Self.textRule.check(edit.text, at: "/text")
        return response(try await store.edit(id, text: edit.text, by: caller.userID, expected: expected))
    }

    /// 204, also when the comment is gone already.
    @Sendable private func delete(_ request: Request, context: ServiceContext) async throws -> Response {
        let caller = try await context.caller(request)
        let id = try context.id("id", of: "comment")
        try await store.delete(id, by: caller.userID, expected: request.expectedVersions())
        return .noContent
    }

    /// How many comments up to 100 posts have, in their order: `?posts=a,b` gives `{"counts":[3,0]}`.
    @Sendable private func counts(_ request: Request, context: ServiceContext) async throws -> Response {
        _ = try await context.caller(request)
        let posts = (request.uri.queryParameters["posts"] ?? "").split(separator: ",").map { RecordID($0) }
        let known = posts.compactMap(\.self)
        guard known.count == posts.count, known.count <= Self.mostPosts else {
            throw Problem.invalid(
                "?posts", "Send up to \(Self.mostPosts) ids of posts with commas in between.")
        }
        let counts = try await store.counts(on: known)
        var json = JSONWriter()
        json.object { json in
            json.name("counts")
            json.array(counts) { $0.value($1) }
        }
        return .json(bytes: json.bytes)
    }

    private func order(_ request: Request) throws -> CommentStore.Order {
        guard let text = request.uri.queryParameters["sort"] else { return .newest }
        guard let order = CommentStore.Order(rawValue: String(text)) else {
            throw Problem.invalid("?sort", "Sort by newest or oldest.")
        }
        return order
    }

    private func response(_ comment: Comment) -> Response {
        var json = JSONWriter(capacity: 512)
        comment.write(to: &json)
        return .json(bytes: json.bytes, headers: [.eTag: comment.entityTag.description])
    }
}
