// SPDX-License-Identifier: Apache-2.0

import Foundation
import HTTPTypes
import HummingbirdTesting
import NIOCore
import PostService
import ServiceKit
import SocialTesting
import Testing

@Suite(.timeLimit(.minutes(1))) struct DegradedTimelineTests {
    private let post: ServiceUnderTest<PostServer>
    private let ann = user(1)
    private let bob = user(2)

    init() async throws {
        post = try await ServiceUnderTest()
        post.peers.on("user", "/internal/v1/users/\(ann)/friends", json: #"{"ids":["\#(bob)"]}"#)
        post.peers.on(
            "user", "/internal/v1/users?ids=",
            json: #"{"users":[{"id":"\#(ann)","name":"Ann"},{"id":"\#(bob)","name":"Bob"}]}"#)
        post.peers.on("comment", "/internal/v1/comment-counts", json: #"{"counts":[1,1]}"#)
    }

    /// The home timeline of a user with a post of the user and one of a friend.
    private func home(_ client: any TestClientProtocol) async throws -> TestResponse {
        for author in [ann, bob] {
            _ = try await client.execute(
                uri: "/v1/posts", method: .post, headers: try await post.headers(author),
                body: ByteBuffer(string: #"{"text":"by \#(author)"}"#))
        }
        return try await client.execute(
            uri: "/v1/timelines/home?limit=2", method: .get, headers: try await post.headers(ann))
    }

    @Test(
        "without policies a timeline fails with the service that it needs",
        arguments: ["user", "comment"],
        [(TransportFailure.Kind.connect, 503), (.timeout, 504), (.badAnswer, 502)])
    func fragile(peer: String, failure: (kind: TransportFailure.Kind, status: Int)) async throws {
        post.peers.down(peer, failure.kind)
        try await post.test { client in
            let response = try await home(client)
            #expect(response.status.code == failure.status && response.problemType != nil)
            #expect(response.json["edge"] as? String == "post -> \(peer)")
        }
    }

    @Test("with the fallback switched on a timeline without the Comment Service has no counts")
    func withoutCounts() async throws {
        post.peers.down("comment")
        try post.apply(policies: #"{"post -> comment": {"fallback": "enforced"}}"#)
        try await post.test { client in
            let response = try await home(client)
            #expect(response.status == .ok && response.items.count == 2)
            #expect(response.items.allSatisfy { $0["comments"] is NSNull })
            #expect(response.items.map { ($0["author"] as? [String: Any])?["name"] as? String } == ["Bob", "Ann"])
            #expect(response.json["degraded"] as? [String] == ["counts"])
        }
    }

    @Test("with the fallback switched on a timeline without the User Service has one's own posts and no names")
    func withoutFriends() async throws {
        post.peers.down("user")
        try post.apply(policies: #"{"post -> user": {"fallback": {}}}"#)
        try await post.test { client in
            let response = try await home(client)
            #expect(response.status == .ok)
            #expect(response.items.map { $0["text"] as? String } == ["by \(ann)"])
            #expect(response.items.allSatisfy { ($0["author"] as? [String: Any])?["name"] is NSNull })
            #expect(response.json["degraded"] as? [String] == ["friends", "names"])
        }
    }

    @Test("an open breaker keeps timelines from asking, and closing it by hand lets them ask again")
    func openBreaker() async throws {
        post.peers.down("comment")
        try post.apply(
            policies: """
                {"post -> comment": {"fallback": {}, "circuit-breaker": {"failure-rate": "50%", "minimum-calls": 2,
                "window": "10s", "open": "60s"}}}
                """)
        try await post.test { client in
            for _ in 0..<6 {
                #expect(try await home(client).json["degraded"] as? [String] == ["counts"])
            }
            let asked = post.peers.requests(to: "comment-counts").count
            #expect(asked == 2, "the third timeline found the breaker open")
            post.peers.on("comment", "/", json: #"{"counts":[4,5]}"#)
            try post.apply(policies: #"{"post -> comment": {"circuit-breaker": "disabled"}}"#)
            let healed = try await home(client)
            #expect(healed.items.map { $0["comments"] as? Int } == [4, 5] && healed.json["degraded"] == nil)
        }
    }
}
