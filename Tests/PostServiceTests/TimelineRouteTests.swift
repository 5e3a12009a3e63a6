// SPDX-License-Identifier: Apache-2.0

import Foundation
import HTTPTypes
import HummingbirdTesting
import NIOCore
import PostService
import ServiceKit
import SocialTesting
import TestSupport
import Testing

@Suite(.timeLimit(.minutes(1))) struct TimelineRouteTests {
    private let post: ServiceUnderTest<PostServer>
    private let ann = user(1)
    private let bob = user(2)
    private let cid = user(3)

    init() async throws {
        post = try await ServiceUnderTest()
        post.peers.on("user", "/internal/v1/users/\(ann)/friends", json: #"{"ids":["\#(bob)"]}"#)
        post.peers.on(
            "user", "/internal/v1/users?ids=",
            json: #"{"users":[{"id":"\#(ann)","name":"Ann"},{"id":"\#(bob)","name":"Bob"}]}"#)
        post.peers.on("comment", "/internal/v1/comment-counts") { request throws(TransportFailure) in
            // The n-th post has n comments.
            let count = request.url.split(separator: ",").count
            let counts = (1...count).map(String.init).joined(separator: ",")
            return PeerResponse(status: .ok, body: ByteBuffer(string: #"{"counts":[\#(counts)]}"#))
        }
    }

    private func write(_ client: any TestClientProtocol, _ texts: [(RecordID, String)]) async throws {
        for (author, text) in texts {
            let headers = try await post.headers(author)
            let response = try await client.execute(
                uri: "/v1/posts", method: .post, headers: headers, body: ByteBuffer(string: #"{"text":"\#(text)"}"#))
            #expect(response.status == .created)
        }
    }

    @Test("the home timeline has the posts of friends and one's own, newest first, with names and counts")
    func home() async throws {
        try await post.test { client in
            try await write(client, [(ann, "a"), (bob, "b"), (cid, "c"), (bob, "d")])
            let headers = try await post.headers(ann)
            let home = try await client.execute(uri: "/v1/timelines/home?limit=20", method: .get, headers: headers)
            #expect(home.status == .ok)
            #expect(home.items.map { $0["text"] as? String } == ["d", "b", "a"])
            #expect(home.items.map { ($0["author"] as? [String: Any])?["name"] as? String } == ["Bob", "Bob", "Ann"])
            #expect(home.items.map { $0["comments"] as? Int } == [1, 2, 3])
            #expect(home.items.allSatisfy { $0["likes"] as? Int == 0 && $0["likedByMe"] as? Bool == false })
            #expect(home.json["nextCursor"] == nil && home.json["degraded"] == nil)
            // One call each, however many posts there are, all in the reader's name.
            #expect(post.peers.requests.count == 3)
            #expect(post.peers.requests.allSatisfy { $0.headers[.authorization] == headers[.authorization] })
        }
    }

    @Test("the pages of a home timeline join to all of it")
    func pages() async throws {
        try await post.test { client in
            try await write(client, (0..<7).map { ($0 % 2 == 0 ? ann : bob, "\($0)") })
            var texts: [String] = []
            var path: String? = "/v1/timelines/home?limit=3"
            while let next = path {
                let page = try await client.execute(uri: next, method: .get, headers: try await post.headers(ann))
                texts += page.items.compactMap { $0["text"] as? String }
                path = (page.json["nextCursor"] as? String).map { "/v1/timelines/home?limit=3&cursor=\($0)" }
            }
            #expect(texts == ["6", "5", "4", "3", "2", "1", "0"])
        }
    }

    @Test("an empty timeline asks for friends only")
    func empty() async throws {
        try await post.test { client in
            let home = try await client.execute(
                uri: "/v1/timelines/home", method: .get, headers: try await post.headers(ann))
            #expect(home.status == .ok && home.items.isEmpty)
            #expect(post.peers.requests.count == 1)
        }
    }

    @Test("a user's timeline is that user's, without asking for friends")
    func userTimeline() async throws {
        try await post.test { client in
            try await write(client, [(ann, "a"), (bob, "b"), (ann, "c")])
            let page = try await client.execute(
                uri: "/v1/users/\(ann)/posts", method: .get, headers: try await post.headers(cid))
            #expect(page.items.map { $0["text"] as? String } == ["c", "a"])
            #expect(post.peers.requests(to: "/friends").isEmpty && post.peers.requests.count == 2)
        }
    }

    @Test("names and counts are asked for at the same time")
    func parallel() async throws {
        // Each answers only once the other has been asked: one after the other would never come to an end.
        let stub = post.peers
        @Sendable func wait(for path: String) async throws(TransportFailure) {
            do {
                try await waitUntil("\(path) is asked for") { !stub.requests(to: path).isEmpty }
            } catch {
                throw TransportFailure(.timeout, "\(error)")
            }
        }
        stub.on("user", "/internal/v1/users?ids=") { _ async throws(TransportFailure) in
            try await wait(for: "comment-counts")
            return PeerResponse(
                status: .ok, body: ByteBuffer(string: #"{"users":[{"id":"\#(user(1))","name":"Ann"}]}"#))
        }
        stub.on("comment", "/internal/v1/comment-counts") { _ async throws(TransportFailure) in
            try await wait(for: "users?ids=")
            return PeerResponse(status: .ok, body: ByteBuffer(string: #"{"counts":[5]}"#))
        }
        try await post.test { client in
            try await write(client, [(ann, "a")])
            let home = try await client.execute(
                uri: "/v1/timelines/home", method: .get, headers: try await post.headers(ann))
            #expect(home.items.first?["comments"] as? Int == 5 && home.json["degraded"] == nil)
        }
    }

    @Test("an answer that makes no sense is an unusable peer, not a crash")
    func nonsense() async throws {
        for json in ["", "{}", #"{"ids":["x"]}"#, "[1"] {
            post.peers.on("user", "/internal/v1/users/\(ann)/friends", json: json)
            try await post.test { client in
                try await write(client, [(ann, "mine")])
                let home = try await client.execute(
                    uri: "/v1/timelines/home", method: .get, headers: try await post.headers(ann))
                #expect(home.status == .badGateway && home.problemType == "upstream-failed", "\(json)")
            }
        }
    }
}
