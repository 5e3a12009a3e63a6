// SPDX-License-Identifier: Apache-2.0

import HTTPTypes
import ServiceKit
import Testing

@testable import UserService

@Suite("Friends")
struct FriendTests {
    @Test("a request that is accepted makes two friends, once")
    func accept() async throws {
        try await UserFixture.run { users in
            let (ada, bob) = (try await users.person("ada"), try await users.person("bob"))
            let offer = try await users.call(.post, "/v1/users/\(bob.id)/friend-requests", token: ada.token)
            #expect(offer.status == 201 && offer.body.state == "pending")
            let id = try #require(offer.body.id)
            #expect(try await users.call(.post, "/v1/users/\(bob.id)/friend-requests", token: ada.token).status == 409)
            let waiting = try await users.call(.get, "/v1/friend-requests", token: bob.token)
            #expect(waiting.body.items?.map(\.id) == [id])

            // Who sent it can't accept it, and to others it does not exist.
            let accept = "/v1/friend-requests/\(id)/accept"
            #expect(try await users.call(.post, accept, token: ada.token).status == 403)
            let eve = try await users.person("eve")
            #expect(try await users.call(.post, accept, token: eve.token).status == 404)
            for _ in 0..<2 {
                let accepted = try await users.call(.post, accept, token: bob.token)
                #expect(accepted.status == 200 && accepted.body.state == "accepted")
            }
            #expect(try await users.call(.post, "/v1/friend-requests/\(id)/decline", token: bob.token).status == 409)
            #expect(try await users.call(.delete, "/v1/friend-requests/\(id)", token: ada.token).status == 409)
            #expect(
                try await users.call(.post, "/v1/users/\(ada.id)/friend-requests", token: bob.token).problem
                    == "already-friends")

            for (one, other) in [(ada, bob), (bob, ada)] {
                let friends = try await users.call(.get, "/v1/users/\(one.id)/friends", token: eve.token)
                #expect(friends.body.items?.map(\.id) == [other.id])
                let ids = try await users.call(.get, "/internal/v1/users/\(one.id)/friends", token: eve.token)
                #expect(ids.body.ids == [other.id])
            }
        }
    }

    @Test("requests that cross make friends at once")
    func crossing() async throws {
        try await UserFixture.run { users in
            let (ada, bob) = (try await users.person("ada"), try await users.person("bob"))
            _ = try await users.call(.post, "/v1/users/\(bob.id)/friend-requests", token: ada.token)
            let crossed = try await users.call(.post, "/v1/users/\(ada.id)/friend-requests", token: bob.token)
            #expect(crossed.status == 200 && crossed.body.state == "accepted")
            #expect(try await users.call(.get, "/v1/users/\(ada.id)/friends", token: ada.token).body.items?.count == 1)
            #expect(try await users.call(.get, "/v1/friend-requests", token: bob.token).body.items == [])
        }
    }

    @Test("requests that cross at the same time leave one friendship and no request")
    func race() async throws {
        try await UserFixture.run { users in
            let (ada, bob) = (try await users.person("ada"), try await users.person("bob"))
            async let one = users.call(.post, "/v1/users/\(bob.id)/friend-requests", token: ada.token)
            async let other = users.call(.post, "/v1/users/\(ada.id)/friend-requests", token: bob.token)
            #expect(Set([try await one.status, try await other.status]) == [200, 201])
            #expect(try await users.call(.get, "/v1/users/\(ada.id)/friends", token: ada.token).body.items?.count == 1)
        }
    }

    @Test("a declined or cancelled request leaves the way free for another")
    func again() async throws {
        try await UserFixture.run { users in
            let (ada, bob) = (try await users.person("ada"), try await users.person("bob"))
            for (word, method, who) in [("/decline", HTTPRequest.Method.post, bob), ("", .delete, ada)] {
                let offer = try await users.call(.post, "/v1/users/\(bob.id)/friend-requests", token: ada.token)
                let id = try #require(offer.body.id)
                let ended = try await users.call(method, "/v1/friend-requests/\(id)\(word)", token: who.token)
                #expect(ended.status == (method == .delete ? 204 : 200))
            }
            #expect(try await users.call(.get, "/v1/users/\(ada.id)/friends", token: ada.token).body.items == [])
        }
    }

    @Test("nobody befriends themselves or nobody")
    func senseless() async throws {
        try await UserFixture.run { users in
            let ada = try await users.person("ada")
            #expect(try await users.call(.post, "/v1/users/\(ada.id)/friend-requests", token: ada.token).status == 422)
            #expect(try await users.call(.post, "/v1/users/nobody/friend-requests", token: ada.token).status == 404)
            #expect(
                try await users.call(.post, "/v1/users/0000000000001/friend-requests", token: ada.token).status == 404)
            #expect(try await users.call(.get, "/v1/users/0000000000001/friends", token: ada.token).status == 404)
        }
    }

    @Test("the pages of a list of friends are disjoint, complete and in order; an end to it is an end for both")
    func pages() async throws {
        try await UserFixture.run { users in
            let ada = try await users.person("ada")
            var expected: [String] = []
            for number in 0..<7 {
                let friend = try await users.person("friend-\(number)")
                let offer = try await users.call(.post, "/v1/users/\(ada.id)/friend-requests", token: friend.token)
                _ = try await users.call(
                    .post, "/v1/friend-requests/\(try #require(offer.body.id))/accept", token: ada.token)
                expected.append(friend.id)
            }
            var found: [String] = []
            var cursor: String?
            repeat {
                let next = cursor.map { "&cursor=\($0)" } ?? ""
                let page = try await users.call(.get, "/v1/users/\(ada.id)/friends?limit=3\(next)", token: ada.token)
                found += try #require(page.body.items).map(\.id)
                cursor = page.body.nextCursor
            } while cursor != nil
            #expect(found == expected)
            for query in ["limit=0", "limit=x", "cursor=x", "cursor=n0000000000000"] {
                #expect(
                    try await users.call(.get, "/v1/users/\(ada.id)/friends?\(query)", token: ada.token).status == 422)
            }

            let gone = expected[0]
            #expect(
                try await users.call(.delete, "/v1/users/\(ada.id)/friends/\(gone)", token: ada.token).status == 204)
            #expect(try await users.call(.get, "/v1/users/\(gone)/friends", token: ada.token).body.items == [])
            #expect(
                try await users.call(.delete, "/v1/users/\(gone)/friends/\(ada.id)", token: ada.token).status == 403)
        }
    }
}
