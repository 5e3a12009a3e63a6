// SPDX-License-Identifier: Apache-2.0

import Foundation
import HTTPTypes
import HummingbirdTesting
import NIOCore
import PostService
import ServiceKit
import SocialTesting
import Testing

@Suite(.timeLimit(.minutes(1))) struct PostRouteTests {
    private let post: ServiceUnderTest<PostServer>
    private let ann = user(1)
    private let bob = user(2)

    init() async throws {
        post = try await ServiceUnderTest()
        post.peers.on("comment", "/internal/v1/events", status: .noContent, json: "")
    }

    private func create(
        _ client: any TestClientProtocol, _ body: String = #"{"text":"hello"}"#, by author: RecordID, key: String? = nil
    ) async throws -> TestResponse {
        let headers = try await post.headers(author, key: key ?? UUID().uuidString)
        return try await client.execute(
            uri: "/v1/posts", method: .post, headers: headers, body: ByteBuffer(string: body))
    }

    @Test("a post is created with its place and version, and read back")
    func createAndRead() async throws {
        try await post.test { client in
            let created = try await create(client, #"{"text":"žluť \"🐎\"\n"}"#, by: ann)
            #expect(created.status == .created)
            let id = try #require(created.json["id"] as? String)
            #expect(created.headers[.location] == "/v1/posts/\(id)")
            #expect(created.headers[.eTag] == "\"1.0.0\"")
            let read = try await client.execute(
                uri: "/v1/posts/\(id)", method: .get, headers: try await post.headers(bob))
            #expect(read.status == .ok && read.headers[.eTag] == "\"1.0.0\"")
            #expect(read.json["text"] as? String == "žluť \"🐎\"\n")
            #expect((read.json["author"] as? [String: Any])?["id"] as? String == ann.description)
            #expect(read.json["likes"] as? Int == 0 && read.json["likedByMe"] as? Bool == false)
            #expect(post.peers.requests.isEmpty, "one post is read without anybody else")
        }
    }

    @Test("a repeated request gets the same answer even after the post was edited, and one post exists")
    func idempotency() async throws {
        try await post.test { client in
            let first = try await create(client, by: ann, key: "k1")
            let id = try #require(first.json["id"] as? String)
            var edit = try await post.headers(ann)
            edit[.ifMatch] = "*"
            _ = try await client.execute(
                uri: "/v1/posts/\(id)", method: .patch, headers: edit, body: ByteBuffer(string: #"{"text":"new"}"#))
            let second = try await create(client, by: ann, key: "k1")
            #expect(second.status == .created && second.body == first.body)
            #expect(
                second.headers[.eTag] == first.headers[.eTag] && second.headers[.location] == first.headers[.location])
            let other = try await create(client, #"{"text":"other"}"#, by: ann, key: "k1")
            #expect(other.status == .unprocessableContent && other.problemType == "idempotency-key-reused")
        }
    }

    @Test("GET answers 304 as long as nothing that is shown has changed")
    func conditionalGet() async throws {
        try await post.test { client in
            let created = try await create(client, by: ann)
            let id = try #require(created.json["id"] as? String)
            var headers = try await post.headers(ann)
            headers[.ifNoneMatch] = created.headers[.eTag]
            let same = try await client.execute(uri: "/v1/posts/\(id)", method: .get, headers: headers)
            #expect(same.status == .notModified && same.body.readableBytes == 0)
            _ = try await client.execute(
                uri: "/v1/posts/\(id)/likes/me", method: .put, headers: try await post.headers(bob))
            let liked = try await client.execute(uri: "/v1/posts/\(id)", method: .get, headers: headers)
            #expect(liked.status == .ok && liked.json["likes"] as? Int == 1)
        }
    }

    @Test("an edit needs the version it is based on; a like in between does not get in its way")
    func edit() async throws {
        try await post.test { client in
            let id = try #require(try await create(client, by: ann).json["id"] as? String)
            func edit(_ ifMatch: String?, by user: RecordID, _ text: String = "new") async throws -> TestResponse {
                var headers = try await post.headers(user)
                headers[.ifMatch] = ifMatch
                headers[.contentType] = "application/merge-patch+json"
                return try await client.execute(
                    uri: "/v1/posts/\(id)", method: .patch, headers: headers,
                    body: ByteBuffer(string: #"{"text":"\#(text)"}"#))
            }
            let missing = try await edit(nil, by: ann)
            #expect(missing.status == .preconditionRequired && missing.problemType == "if-match-required")
            #expect(try await edit("7", by: ann).status == .badRequest)
            #expect(try await edit("\"1.0.0\"", by: bob).status == .forbidden)
            _ = try await client.execute(
                uri: "/v1/posts/\(id)/likes/me", method: .put, headers: try await post.headers(bob))
            let edited = try await edit("\"1.0.0\"", by: ann)
            #expect(edited.status == .ok && edited.headers[.eTag] == "\"2.1.0\"")
            #expect(edited.json["text"] as? String == "new" && edited.json["editedAt"] is String)
            let stale = try await edit("\"1.0.0\"", by: ann)
            #expect(stale.status == .preconditionFailed && stale.problemType == "stale-etag")
            #expect(stale.json["currentETag"] as? String == "\"2.1.0\"" && stale.json["retryable"] as? Bool == false)
            #expect(try await edit("W/\"2.1.0\"", by: ann).status == .preconditionFailed, "weak tags match nothing")
            #expect(try await edit("\"x\", \"2.1.0\"", by: ann).status == .ok)
            #expect(try await edit("*", by: ann, "").status == .unprocessableContent)
        }
    }

    @Test("a deleted post is gone, and deleting it again is fine")
    func delete() async throws {
        try await post.test { client in
            let id = try #require(try await create(client, by: ann).json["id"] as? String)
            var headers = try await post.headers(ann)
            let unconditional = try await client.execute(uri: "/v1/posts/\(id)", method: .delete, headers: headers)
            #expect(unconditional.status == .preconditionRequired)
            headers[.ifMatch] = "\"1.0.0\""
            for _ in 0..<2 {
                let deleted = try await client.execute(uri: "/v1/posts/\(id)", method: .delete, headers: headers)
                #expect(deleted.status == .noContent)
            }
            for (method, path) in [
                (HTTPRequest.Method.get, ""), (.put, "/likes/me"), (.delete, "/likes/me"), (.post, "/shares"),
            ] {
                var headers = try await post.headers(bob)
                headers[.contentType] = nil
                let gone = try await client.execute(uri: "/v1/posts/\(id)\(path)", method: method, headers: headers)
                #expect(gone.status == .gone && gone.problemType == "post-deleted", "\(method) \(path)")
            }
        }
    }

    @Test("likes and unlikes can be repeated; the first like and a deletion are told to the Comment Service")
    func likesAndEvents() async throws {
        try await post.test { client in
            let id = try #require(try await create(client, by: ann).json["id"] as? String)
            let headers = try await post.headers(bob)
            for method in [HTTPRequest.Method.put, .put, .delete, .delete] {
                let response = try await client.execute(
                    uri: "/v1/posts/\(id)/likes/me", method: method, headers: headers)
                #expect(response.status == .noContent && response.body.readableBytes == 0)
            }
            var owner = try await post.headers(ann)
            owner[.ifMatch] = "*"
            _ = try await client.execute(uri: "/v1/posts/\(id)", method: .delete, headers: owner)
            var events: [CloudEvent] = []
            while events.count < 2 {
                try await Task.sleep(for: .milliseconds(2))
                events = try post.peers.requests(to: "/internal/v1/events").flatMap { request in
                    try JSONDecoder().decode(
                        [CloudEvent].self, from: Data((request.body ?? ByteBuffer()).readableBytesView))
                }
            }
            #expect(events.map(\.type) == [PostEvent.liked, PostEvent.deleted])
            #expect(events.first?.data == ["postId": id, "authorId": "\(ann)", "actorId": "\(bob)"])
            let request = try #require(post.peers.requests(to: "/internal/v1/events").first)
            #expect(request.headers[.contentType] == CloudEvent.batchMediaType)
            #expect(request.headers[.serviceSecret] == post.secret.value && request.headers[.authorization] == nil)
        }
    }

    @Test("a share has its own words or none and points to the original")
    func shares() async throws {
        try await post.test { client in
            let id = try #require(try await create(client, by: ann).json["id"] as? String)
            var bare = try await post.headers(bob)
            bare[.contentType] = nil
            let share = try await client.execute(uri: "/v1/posts/\(id)/shares", method: .post, headers: bare)
            #expect(share.status == .created && share.json["sharedPostId"] as? String == id)
            #expect(share.json["text"] as? String == "")
            let shareID = try #require(share.json["id"] as? String)
            let again = try await client.execute(
                uri: "/v1/posts/\(shareID)/shares", method: .post, headers: try await post.headers(ann),
                body: ByteBuffer(string: #"{"text":"look"}"#))
            #expect(again.json["sharedPostId"] as? String == id && again.json["text"] as? String == "look")
        }
    }

    @Test("services learn whose post it is")
    func internalRead() async throws {
        try await post.test { client in
            let id = try #require(try await create(client, by: ann).json["id"] as? String)
            let read = try await client.execute(
                uri: "/internal/v1/posts/\(id)", method: .get, headers: try await post.headers(bob))
            #expect(read.json as? [String: String] == ["id": id, "authorId": ann.description])
            let missing = try await client.execute(
                uri: "/internal/v1/posts/\(user(9))", method: .get, headers: try await post.headers(bob))
            #expect(missing.status == .notFound && missing.problemType == "post-not-found")
        }
    }

    struct BadRequest: Sendable, CustomTestStringConvertible {
        var method = HTTPRequest.Method.post
        var path = "/v1/posts"
        var body: String?
        var change: (@Sendable (inout HTTPFields) -> Void)?
        var status: HTTPResponse.Status
        var type: String

        var testDescription: String { "\(method) \(path.prefix(40)) \(body?.prefix(30) ?? "") \(status.code) \(type)" }
    }

    @Test(
        "what can't be understood or accepted is a problem with the right status",
        arguments: [
            BadRequest(body: "{", status: .badRequest, type: "malformed-json"),
            BadRequest(body: "", status: .badRequest, type: "malformed-json"),
            BadRequest(body: "{}", status: .unprocessableContent, type: "validation"),
            BadRequest(body: "[]", status: .unprocessableContent, type: "validation"),
            BadRequest(body: #"{"text":7}"#, status: .unprocessableContent, type: "validation"),
            BadRequest(body: #"{"text":null}"#, status: .unprocessableContent, type: "validation"),
            BadRequest(body: #"{"text":" \n "}"#, status: .unprocessableContent, type: "validation"),
            BadRequest(body: #"{"text":"a\u0000b"}"#, status: .unprocessableContent, type: "validation"),
            BadRequest(
                body: #"{"text":"\#(String(repeating: "é", count: 4001))"}"#, status: .unprocessableContent,
                type: "validation"),
            BadRequest(
                body: #"{"text":"\#(String(repeating: "x", count: 70_000))"}"#, status: .contentTooLarge,
                type: "body-too-large"),
            BadRequest(
                body: #"{"text":"x"}"#, change: { $0[.contentType] = "text/plain" }, status: .unsupportedMediaType,
                type: "unsupported-media-type"),
            BadRequest(
                body: #"{"text":"x"}"#, change: { $0[.idempotencyKey] = nil }, status: .badRequest,
                type: "idempotency-key-required"),
            BadRequest(
                body: #"{"text":"x"}"#, change: { $0[.idempotencyKey] = "\"\"" }, status: .badRequest,
                type: "malformed-idempotency-key"),
            BadRequest(
                body: #"{"text":"x"}"#, change: { $0[.authorization] = nil }, status: .unauthorized,
                type: "unauthorized"),
            BadRequest(
                body: #"{"text":"x"}"#, change: { $0[.authorization] = "Bearer a.b.c" }, status: .unauthorized,
                type: "invalid-token"),
            BadRequest(method: .get, path: "/v1/posts/nonsense", status: .notFound, type: "post-not-found"),
            BadRequest(method: .get, path: "/v1/posts/%00%ff", status: .notFound, type: "post-not-found"),
            BadRequest(method: .get, path: "/v1/posts/0000000000009", status: .notFound, type: "post-not-found"),
            BadRequest(method: .get, path: "/v1/nothing", status: .notFound, type: "about:blank"),
            BadRequest(method: .put, path: "/v1/posts", status: .methodNotAllowed, type: "about:blank"),
            BadRequest(
                method: .get, path: "/v1/timelines/home?limit=0", status: .unprocessableContent, type: "validation"),
            BadRequest(
                method: .get, path: "/v1/timelines/home?cursor=u0000000000001", status: .unprocessableContent,
                type: "validation"),
            BadRequest(method: .get, path: "/v1/users/x/posts", status: .notFound, type: "user-not-found"),
        ])
    func badRequests(_ bad: BadRequest) async throws {
        try await post.test { client in
            var headers = try await post.headers(ann)
            bad.change?(&headers)
            let response = try await client.execute(
                uri: bad.path, method: bad.method, headers: headers, body: bad.body.map(ByteBuffer.init(string:)))
            #expect(response.status == bad.status)
            #expect(response.problemType == bad.type)
        }
    }

    @Test("an expired token and one of another network are refused")
    func forgedTokens() async throws {
        let stranger = try await ServiceUnderTest(PostServer.self)
        let tokens = [
            try await stranger.token(ann), try await post.token(ann, at: Date(timeIntervalSinceNow: -3600)),
            try await post.token(ann).dropLast(4) + "AAAA",
        ]
        try await post.test { client in
            for token in tokens {
                let response = try await client.execute(
                    uri: "/v1/timelines/home", method: .get, headers: [.authorization: "Bearer \(token)"])
                #expect(response.status == .unauthorized && response.problemType?.contains("token") == true)
                #expect(response.headers[.wwwAuthenticate]?.hasPrefix("Bearer") == true)
            }
        }
    }
}
