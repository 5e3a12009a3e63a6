// SPDX-License-Identifier: Apache-2.0

import CommentService
import Foundation
import HTTPTypes
import HummingbirdTesting
import NIOCore
import ServiceKit
import SocialTesting
import Testing

@Suite(.timeLimit(.minutes(1))) struct CommentRouteTests {
    private let comment: ServiceUnderTest<CommentServer>
    private let ann = user(1)
    private let bob = user(2)
    private let subject = post(1)

    init() async throws {
        comment = try await ServiceUnderTest()
        comment.peers.on(
            "post", "/internal/v1/posts/\(subject)", json: #"{"id":"\#(subject)","authorId":"\#(ann)"}"#)
        comment.peers.on(
            "user", "/internal/v1/users?ids=", json: #"{"users":[{"id":"\#(bob)","name":"Bob"}]}"#)
    }

    private func create(
        _ client: any TestClientProtocol, _ body: String = #"{"text":"hello"}"#, by author: RecordID,
        on post: RecordID? = nil, key: String = UUID().uuidString
    ) async throws -> TestResponse {
        try await client.execute(
            uri: "/v1/posts/\(post ?? subject)/comments", method: .post,
            headers: try await comment.headers(author, key: key), body: ByteBuffer(string: body))
    }

    private func get(_ client: any TestClientProtocol, _ path: String, as user: RecordID) async throws -> TestResponse {
        try await client.execute(uri: path, method: .get, headers: try await comment.headers(user))
    }

    /// The notifications of a user, once there are any.
    private func notifications(_ client: any TestClientProtocol, of user: RecordID) async throws -> TestResponse {
        var response = try await get(client, "/v1/notifications", as: user)
        while response.items.isEmpty {
            try await Task.sleep(for: .milliseconds(2))
            response = try await get(client, "/v1/notifications", as: user)
        }
        return response
    }

    @Test("a comment is created, listed with its author's name, and reaches the post's author")
    func journey() async throws {
        try await comment.test { client in
            let created = try await create(client, by: bob)
            #expect(created.status == .created && created.headers[.eTag] == "\"1\"")
            let id = try #require(created.json["id"] as? String)
            #expect(created.headers[.location] == "/v1/comments/\(id)")
            let list = try await get(client, "/v1/posts/\(subject)/comments", as: ann)
            #expect(list.items.map { $0["text"] as? String } == ["hello"])
            #expect(list.items.map { ($0["author"] as? [String: Any])?["name"] as? String } == ["Bob"])
            let told = try await notifications(client, of: ann)
            #expect(told.items.map { $0["commentId"] as? String } == [id])
            #expect(told.items.map { $0["kind"] as? String } == ["comment"])
            #expect(told.items.map { ($0["actor"] as? [String: Any])?["name"] as? String } == ["Bob"])
            let notification = try #require(told.items.first?["id"] as? String)
            for _ in 0..<2 {
                let read = try await client.execute(
                    uri: "/v1/notifications/\(notification)/read", method: .post,
                    headers: try await comment.headers(ann))
                #expect(read.status == .noContent)
            }
            #expect(try await get(client, "/v1/notifications", as: ann).items.first?["read"] as? Bool == true)
            let strangers = try await client.execute(
                uri: "/v1/notifications/\(notification)/read", method: .post, headers: try await comment.headers(bob))
            #expect(strangers.status == .notFound && strangers.problemType == "notification-not-found")
        }
    }

    @Test("a repeated request is answered from memory, although the Post Service is away")
    func idempotency() async throws {
        try await comment.test { client in
            let first = try await create(client, by: bob, key: "k")
            comment.peers.down("post")
            let second = try await create(client, by: bob, key: "k")
            #expect(second.status == .created && second.body == first.body)
            #expect(try await create(client, by: bob, key: "k2").status == .serviceUnavailable)
            let other = try await create(client, #"{"text":"x"}"#, by: bob, key: "k")
            #expect(other.problemType == "idempotency-key-reused")
            #expect(try await get(client, "/v1/posts/\(subject)/comments", as: bob).items.count == 1)
        }
    }

    struct PeerAnswer: Sendable {
        var status: HTTPResponse.Status
        var expected: HTTPResponse.Status
        var type: String
    }

    @Test(
        "what the Post Service says decides whether a comment is taken",
        arguments: [
            PeerAnswer(status: .notFound, expected: .notFound, type: "post-not-found"),
            PeerAnswer(status: .gone, expected: .gone, type: "post-deleted"),
            PeerAnswer(status: .internalServerError, expected: .badGateway, type: "upstream-failed"),
            PeerAnswer(status: .serviceUnavailable, expected: .serviceUnavailable, type: "upstream-unavailable"),
            PeerAnswer(status: .ok, expected: .badGateway, type: "upstream-failed"),
        ])
    func postAnswers(_ answer: PeerAnswer) async throws {
        comment.peers.on("post", "/internal/v1/posts/\(subject)", status: answer.status, json: "{}")
        try await comment.test { client in
            let response = try await create(client, by: bob)
            #expect(response.status == answer.expected && response.problemType == answer.type)
            #expect(try await get(client, "/v1/posts/\(subject)/comments", as: bob).items.isEmpty)
        }
    }

    @Test("replies keep their depth; a parent that isn't one is refused")
    func replies() async throws {
        try await comment.test { client in
            let parent = try #require(try await create(client, by: bob).json["id"] as? String)
            let reply = try await create(client, #"{"text":"yes","parentId":"\#(parent)"}"#, by: ann)
            #expect(reply.json["depth"] as? Int == 1 && reply.json["parentId"] as? String == parent)
            for wrong in ["x", user(5).description] {
                let refused = try await create(client, #"{"text":"yes","parentId":"\#(wrong)"}"#, by: ann)
                #expect(refused.status == .unprocessableContent && refused.problemType == "validation")
            }
        }
    }

    @Test("comments are listed newest or oldest first, page by page")
    func pages() async throws {
        try await comment.test { client in
            for number in 0..<5 { _ = try await create(client, #"{"text":"\#(number)"}"#, by: bob) }
            for (sort, expected) in [("newest", ["4", "3", "2", "1", "0"]), ("oldest", ["0", "1", "2", "3", "4"])] {
                var texts: [String] = []
                var path: String? = "/v1/posts/\(subject)/comments?sort=\(sort)&limit=2"
                while let next = path {
                    let page = try await get(client, next, as: ann)
                    texts += page.items.compactMap { $0["text"] as? String }
                    path = (page.json["nextCursor"] as? String).map {
                        "/v1/posts/\(subject)/comments?sort=\(sort)&limit=2&cursor=\($0)"
                    }
                }
                #expect(texts == expected)
            }
            let first = try await get(client, "/v1/posts/\(subject)/comments?limit=2", as: ann)
            let cursor = try #require(first.json["nextCursor"] as? String)
            let mixed = try await get(
                client, "/v1/posts/\(subject)/comments?limit=2&sort=oldest&cursor=\(cursor)", as: ann)
            #expect(mixed.status == .unprocessableContent, "a cursor belongs to its order")
        }
    }

    @Test("a comment is edited and deleted by its author only, and only with the version it is based on")
    func editAndDelete() async throws {
        try await comment.test { client in
            let id = try #require(try await create(client, by: bob).json["id"] as? String)
            func send(
                _ method: HTTPRequest.Method, by user: RecordID, ifMatch: String?
            ) async throws -> TestResponse {
                var headers = try await comment.headers(user)
                headers[.ifMatch] = ifMatch
                return try await client.execute(
                    uri: "/v1/comments/\(id)", method: method, headers: headers,
                    body: method == .patch ? ByteBuffer(string: #"{"text":"new"}"#) : nil)
            }
            for method in [HTTPRequest.Method.patch, .delete] {
                #expect(try await send(method, by: bob, ifMatch: nil).status == .preconditionRequired)
                #expect(try await send(method, by: ann, ifMatch: "*").status == .forbidden)
                #expect(try await send(method, by: bob, ifMatch: "\"9\"").status == .preconditionFailed)
            }
            let edited = try await send(.patch, by: bob, ifMatch: "\"1\"")
            #expect(edited.status == .ok && edited.headers[.eTag] == "\"2\"" && edited.json["text"] as? String == "new")
            #expect(try await get(client, "/v1/comments/\(id)", as: ann).headers[.eTag] == "\"2\"")
            #expect(try await send(.delete, by: bob, ifMatch: "\"2\"").status == .noContent)
            #expect(try await send(.delete, by: bob, ifMatch: "\"2\"").status == .noContent)
            #expect(try await get(client, "/v1/comments/\(id)", as: ann).status == .gone)
        }
    }

    @Test("counts come in the order of the posts, and a list that isn't one is refused")
    func counts() async throws {
        try await comment.test { client in
            _ = try await create(client, by: bob)
            _ = try await create(client, by: ann)
            let counts = try await get(
                client, "/internal/v1/comment-counts?posts=\(post(2)),\(subject)", as: ann)
            #expect(counts.json as? [String: [Int]] == ["counts": [0, 2]])
            #expect(
                try await get(client, "/internal/v1/comment-counts", as: ann).json as? [String: [Int]] == ["counts": []]
            )
            let many = Array(repeating: subject.description, count: 101).joined(separator: ",")
            for bad in ["x", "\(subject),,y", many] {
                let refused = try await get(client, "/internal/v1/comment-counts?posts=\(bad)", as: ann)
                #expect(refused.status == .unprocessableContent && refused.problemType == "validation")
            }
        }
    }

    @Test("events are taken from services only, once each, and malformed ones are refused as a whole")
    func events() async throws {
        let event = CloudEvent(
            id: RecordID(rawValue: 1), source: "/post-service", type: CommentEvent.postLiked, subject: "",
            data: ["postId": "\(subject)", "authorId": "\(ann)", "actorId": "\(bob)"])
        var malformed = event
        malformed.id = RecordID(rawValue: 2)
        malformed.data = [:]
        let batches = [[event], [event], [event, malformed]].map { try? JSONEncoder().encode($0) }
        try await comment.test { client in
            func deliver(_ body: Data?, secret: String?) async throws -> TestResponse {
                var headers: HTTPFields = [.contentType: CloudEvent.batchMediaType]
                headers[.serviceSecret] = secret
                return try await client.execute(
                    uri: "/internal/v1/events", method: .post, headers: headers, body: ByteBuffer(bytes: body ?? Data())
                )
            }
            #expect(try await deliver(batches[0], secret: nil).status == .unauthorized)
            #expect(try await deliver(batches[0], secret: "guess").status == .unauthorized)
            #expect(try await deliver(batches[0], secret: comment.secret.value).status == .noContent)
            #expect(try await deliver(batches[1], secret: comment.secret.value).status == .noContent)
            #expect(try await deliver(batches[2], secret: comment.secret.value).problemType == "validation")
            let told = try await get(client, "/v1/notifications", as: ann)
            #expect(told.items.count == 1 && told.items.first?["count"] as? Int == 1)
            let users = try await client.execute(
                uri: "/internal/v1/events", method: .post, headers: try await comment.headers(ann),
                body: ByteBuffer(string: "[]"))
            #expect(users.status == .unauthorized, "a user's token is not enough")
        }
    }

    @Test("all notifications are read at once, up to the one that was seen last")
    func readAll() async throws {
        try await comment.test { client in
            for _ in 0..<2 { _ = try await create(client, by: bob) }
            var told = try await notifications(client, of: ann)
            while told.items.count < 2 { told = try await notifications(client, of: ann) }
            let oldest = try #require(told.items.last?["id"] as? String)
            let partly = try await client.execute(
                uri: "/v1/notifications/read", method: .post, headers: try await comment.headers(ann),
                body: ByteBuffer(string: #"{"upTo":"\#(oldest)"}"#))
            #expect(partly.status == .noContent)
            #expect(try await get(client, "/v1/notifications", as: ann).headers[.init("x-unread-count")!] == "1")
            var bare = try await comment.headers(ann)
            bare[.contentType] = nil
            _ = try await client.execute(uri: "/v1/notifications/read", method: .post, headers: bare)
            #expect(try await get(client, "/v1/notifications", as: ann).headers[.init("x-unread-count")!] == "0")
        }
    }

    @Test(
        "bad input is a problem",
        arguments: [
            ("{", 400), ("{}", 422), (#"{"text":""}"#, 422),
            (#"{"text":"\#(String(repeating: "x", count: 2001))"}"#, 422),
            (#"{"text":"\#(String(repeating: "x", count: 70_000))"}"#, 413),
        ])
    func badInput(body: String, status: Int) async throws {
        try await comment.test { client in
            let response = try await create(client, body, by: bob)
            #expect(response.status.code == status && response.problemType != nil)
            #expect(comment.peers.requests.isEmpty, "nobody is asked about a request that is refused anyway")
        }
    }
}
