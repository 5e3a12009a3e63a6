// SPDX-License-Identifier: Apache-2.0

import Experiments
import Foundation
import HTTPTypes
import Resilience
import ServiceKit
import TestSupport
import Testing

@Suite(.serialized, .timeLimit(.minutes(2))) struct SocialNetworkTests {
    @Test("two people meet, write, comment and are told, over TLS between three processes")
    func journey() async throws {
        try await NetworkUnderTest.run(in: TemporaryFolder()) { network in
            let ann = try await network.join("ann")
            let bob = try await network.join("bob")
            let request = try await network.send(
                .post, .user, "/v1/users/\(bob.id)/friend-requests", token: ann.token, body: "{}")
            #expect(request.status == 201)
            let accepted = try await network.send(
                .post, .user, "/v1/friend-requests/\(request.id)/accept", token: bob.token, body: "{}")
            #expect(accepted.status == 200)

            let post = try await network.send(
                .post, .post, "/v1/posts", token: bob.token, body: #"{"text":"hello, friends"}"#)
            #expect(post.status == 201)
            let liked = try await network.send(.put, .post, "/v1/posts/\(post.id)/likes/me", token: ann.token)
            #expect(liked.status == 204)
            let comment = try await network.send(
                .post, .comment, "/v1/posts/\(post.id)/comments", token: ann.token, body: #"{"text":"hello, Bob"}"#)
            #expect(comment.status == 201)
            let nowhere = try await network.send(
                .post, .comment, "/v1/posts/\(comment.id)/comments", token: ann.token, body: #"{"text":"?"}"#)
            #expect(nowhere.status == 404 && nowhere.problem == "post-not-found")

            let home = try await network.send(.get, .post, "/v1/timelines/home?limit=20", token: ann.token)
            let item = try #require(home.items.first)
            #expect(home.status == 200 && home.items.count == 1)
            #expect(item["text"] as? String == "hello, friends")
            #expect((item["author"] as? [String: Any])?["name"] as? String == "bob")
            #expect(item["likes"] as? Int == 1 && item["comments"] as? Int == 1 && item["likedByMe"] as? Bool == true)

            let list = try await network.send(.get, .comment, "/v1/posts/\(post.id)/comments", token: bob.token)
            #expect(list.items.map { ($0["author"] as? [String: Any])?["name"] as? String } == ["ann"])
            let told = try await network.wait(.comment, "/v1/notifications", token: bob.token) { $0.items.count == 2 }
            #expect(Set(told.items.compactMap { $0["kind"] as? String }) == ["like", "comment"])
            #expect(try await network.send(.get, .comment, "/v1/notifications", token: ann.token).items.isEmpty)

            let deleted = try await network.send(
                .delete, .post, "/v1/posts/\(post.id)", token: bob.token, headers: [.ifMatch: "*"])
            #expect(deleted.status == 204)
            #expect(try await network.send(.get, .post, "/v1/timelines/home", token: ann.token).items.isEmpty)
            let cleared = try await network.wait(.comment, "/v1/notifications", token: bob.token) { $0.items.isEmpty }
            #expect(cleared.items.isEmpty)
        }
    }

    @Test("what strangers send over the wire is a problem with the right status, never a 500")
    func hostileInput() async throws {
        try await NetworkUnderTest.run(in: TemporaryFolder()) { network in
            let ann = try await network.join("ann")
            let large = #"{"text":"\#(String(repeating: "x", count: 200_000))"}"#
            for service in [ServiceName.post, .comment] {
                let path = service == .post ? "/v1/posts" : "/v1/posts/\(ann.id)/comments"
                #expect(try await network.send(.post, service, path, token: ann.token, body: large).status == 413)
                #expect(try await network.send(.post, service, path, token: ann.token, body: "{").status == 400)
                let forged = ann.token.dropLast(6) + "AAAAAA"
                let refused = try await network.send(.post, service, path, token: String(forged), body: "{}")
                #expect(refused.status == 401 && refused.problem == "invalid-token")
                let unknown = try await network.send(.get, service, "/v1/\(String(repeating: "x", count: 4000))")
                #expect(unknown.status == 404 && unknown.problem != nil)
                let events = try await network.send(.post, service, "/internal/v1/events", token: ann.token, body: "[]")
                #expect([401, 404].contains(events.status))
            }
        }
    }

    @Test("a service without a place for requests refuses them, is not asked again, and still answers its operator")
    func overloaded() async throws {
        try await NetworkUnderTest.run(in: TemporaryFolder()) { network in
            let ann = try await network.join("ann")
            let post = try await network.send(.post, .post, "/v1/posts", token: ann.token, body: #"{"text":"hello"}"#)
            let comments = "/v1/posts/\(post.id)/comments"
            try await network.network.apply(
                PolicyEdits([
                    "comment": ["load-shedder": 0],
                    "post -> comment": ["retry": ["attempts": 3, "backoff": "1ms"], "fallback": "enforced"],
                ]), of: "a test")

            let refused = try await network.send(.get, .comment, comments, token: ann.token)
            #expect(refused.status == 503 && refused.problem == "overloaded")
            #expect(refused.headers[.retryAfter] == "1" && refused.headers[.retryPushback] == "-1")
            let timeline = try await network.send(.get, .post, "/v1/users/\(ann.id)/posts", token: ann.token)
            #expect(timeline.status == 200 && timeline.items.count == 1)

            let calls = try await network.network.admin(of: .post).pipelines().first { $0.name == "post -> comment" }
            #expect(calls?.counters["failures", default: 0] ?? 0 > 0 && calls?.counters["retries", default: 0] == 0)
            let requests = try await network.network.admin(of: .comment).pipelines().first { $0.name == "comment" }
            #expect(requests?.counters["rejected.shed", default: 0] ?? 0 >= 2)
            #expect(try await network.network.admin(of: .comment).unreadiness() == nil)

            try await network.network.apply(PolicyEdits(["all": "disabled"]), of: "a test")
            #expect(try await network.send(.get, .comment, comments, token: ann.token).status == 200)
        }
    }

    @Test("nothing that was acknowledged is lost when every process is killed, and undelivered events arrive after it")
    func killed() async throws {
        let folder = try TemporaryFolder()
        var posts: [String] = []
        var comments: [String] = []
        var annID = ""
        try await NetworkUnderTest.run(in: folder) { network in
            let ann = try await network.join("ann")
            let bob = try await network.join("bob")
            annID = ann.id
            for number in 0..<5 {
                let post = try await network.send(
                    .post, .post, "/v1/posts", token: ann.token, body: #"{"text":"\#(number)"}"#)
                let comment = try await network.send(
                    .post, .comment, "/v1/posts/\(post.id)/comments", token: bob.token, body: #"{"text":"hi"}"#)
                #expect(post.status == 201 && comment.status == 201)
                posts.append(post.id)
                comments.append(comment.id)
            }
            for process in await network.network.processIDs.values { kill(process, SIGKILL) }
        }
        try await NetworkUnderTest.run(in: folder) { network in
            let token = try await network.signIn("ann")
            let timeline = try await network.send(.get, .post, "/v1/users/\(annID)/posts", token: token)
            #expect(timeline.items.map { $0["id"] as? String } == posts.reversed())
            #expect(timeline.items.allSatisfy { $0["comments"] as? Int == 1 })
            let told = try await network.wait(.comment, "/v1/notifications", token: token) {
                $0.items.count == comments.count
            }
            #expect(told.items.map { $0["commentId"] as? String } == comments.reversed())
        }
    }
}
