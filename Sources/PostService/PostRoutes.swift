// SPDX-License-Identifier: Apache-2.0

internal import HTTPTypes
internal import Hummingbird
internal import ServiceKit

/// Posts: write, read, edit, delete, like and share them.
struct PostRoutes: Sendable {
    static let textRule = TextRule(longest: 4000)
    static let shareRule = TextRule(longest: 4000, mayBeEmpty: true)

    let store: PostStore

    func add(to router: Router<ServiceContext>) {
        router.post("/v1/posts", use: create)
        router.get("/v1/posts/:id", use: read)
        router.patch("/v1/posts/:id", use: edit)
        router.delete("/v1/posts/:id", use: delete)
        router.put("/v1/posts/:id/likes/me", use: like)
        router.delete("/v1/posts/:id/likes/me", use: unlike)
        router.post("/v1/posts/:id/shares", use: share)
        router.get("/internal/v1/posts/:id", use: readForServices)
    }

    private struct Draft: Decodable {
        var text: String
    }

    private struct ShareDraft: Decodable {
        var text: String?
    }

    /// 201, with the same answer each time the same request comes.
    @Sendable private func create(_ request: Request, context: ServiceContext) async throws -> Response {
        let caller = try await context.caller(request)
        let draft = try await request.json(Draft.self)
        try Self.textRule.check(draft.text, at: "/text")
        let key = try request.idempotency(of: caller.id, payload: [draft.text])
        return Response(
            try await store.create(text: draft.text, by: caller.userID, request: key, answer: \.createdAnswer))
    }

    /// 200, or 304 when the client has what is current.
    @Sendable private func read(_ request: Request, context: ServiceContext) async throws -> Response {
        let caller = try await context.caller(request)
        let post = try await store.post(context.id("id", of: "post"), seenBy: caller.userID)
        let tag = post.entityTag
        return request.hasCurrent(tag) ? .notModified(tag) : response(post)
    }

    /// 200 with the new ETag.
    @Sendable private func edit(_ request: Request, context: ServiceContext) async throws -> Response {
        let caller = try await context.caller(request)
        let id = try context.id("id", of: "post")
        let expected = try request.expectedVersions()
        let draft = try await request.json(
            Draft.self, contentTypes: ["application/merge-patch+json", "application/json"])
        try Self.textRule.check(draft.text, at: "/text")
        return response(try await store.edit(id, text: draft.text, by: caller.userID, expected: expected))
    }

    /// 204, also when the post is gone already.
    @Sendable private func delete(_ request: Request, context: ServiceContext) async throws -> Response {
        let caller = try await context.caller(request)
        let id = try context.id("id", of: "post")
        try await store.delete(id, by: caller.userID, expected: request.expectedVersions())
        return .noContent
    }

    /// 204, also when the user likes the post already.
    @Sendable private func like(_ request: Request, context: ServiceContext) async throws -> Response {
        let caller = try await context.caller(request)
        try await store.like(context.id("id", of: "post"), by: caller.userID)
        return .noContent
    }

    /// 204, also when the user didn't like the post.
    @Sendable private func unlike(_ request: Request, context: ServiceContext) async throws -> Response {
        let caller = try await context.caller(request)
        try await store.unlike(context.id("id", of: "post"), by: caller.userID)
        return .noContent
    }

    /// 201: a post that shares another, with or without words of its own; the body may be missing.
    @Sendable private func share(_ request: Request, context: ServiceContext) async throws -> Response {
        let caller = try await context.caller(request)
        let id = try context.id("id", of: "post")
        let hasBody = request.headers[.contentType] != nil
        let text = hasBody ? try await request.json(ShareDraft.self).text ?? "" : ""
        try Self.shareRule.check(text, at: "/text")
        let key = try request.idempotency(of: caller.id, payload: [text])
        return Response(
            try await store.create(
                text: text, by: caller.userID, sharing: id, request: key, answer: \.createdAnswer))
    }

    /// Whether a post exists and whose it is: what the Comment Service wants to know.
    @Sendable private func readForServices(_ request: Request, context: ServiceContext) async throws -> Response {
        let caller = try await context.caller(request)
        let post = try await store.post(context.id("id", of: "post"), seenBy: caller.userID)
        var json = JSONWriter()
        json.object { json in
            json.name("id")
            json.value(post.id)
            json.name("authorId")
            json.value(post.author)
        }
        return .json(bytes: json.bytes)
    }

    private func response(_ post: Post) -> Response {
        var json = JSONWriter(capacity: 512)
        post.write(to: &json)
        // The answer depends on who asks (likedByMe), and changes.
        return .json(
            bytes: json.bytes,
            headers: [.eTag: post.entityTag.description, .cacheControl: "private, no-cache", .vary: "Authorization"])
    }
}
