// SPDX-License-Identifier: Apache-2.0

internal import ServiceKit

/// What the Post Service asks the others, each time in the name of the user who is asking it.
///
/// Every call goes through the pipeline of its edge. With that pipeline's fallback switched on, a timeline gets worse
/// instead of failing: without friends it shows one's own posts, without names and counts it has null in their place.
struct PostPeers: Sendable {
    /// An answer, or what stands in for it.
    struct Answer<Value: Sendable>: Sendable {
        var value: Value
        /// A fallback stands in.
        var isDegraded = false
    }

    let client: ResilientClient

    /// The friends of a user; none when a fallback stands in.
    func friends(of user: RecordID, for caller: Caller) async throws -> Answer<[RecordID]> {
        struct Friends: Decodable, Sendable {
            var ids: [RecordID]
        }
        let (friends, isDegraded) = try await client.get(
            "/internal/v1/users/\(user)/friends", from: "user", as: .user(caller), fallback: Friends(ids: []))
        return Answer(value: friends.ids, isDegraded: isDegraded)
    }

    /// The names of the authors of posts, in one call; without those that the User Service doesn't know.
    func names(ofAuthorsOf posts: [Post], for caller: Caller) async throws -> Answer<[RecordID: String]> {
        struct Users: Decodable, Sendable {
            struct User: Decodable, Sendable {
                var id: RecordID
                var name: String
            }
            var users: [User]
        }
        if posts.isEmpty { return Answer(value: [:]) }
        let ids = Set(posts.map(\.author)).map(\.description).joined(separator: ",")
        let (users, isDegraded) = try await client.get(
            "/internal/v1/users?ids=\(ids)", from: "user", as: .user(caller), fallback: Users(users: []))
        let names = Dictionary(users.users.map { ($0.id, $0.name) }, uniquingKeysWith: { first, _ in first })
        return Answer(value: names, isDegraded: isDegraded)
    }

    /// How many comments posts have, in one call.
    func commentCounts(of posts: [Post], for caller: Caller) async throws -> Answer<[RecordID: Int]> {
        struct Counts: Decodable, Sendable {
            var counts: [Int]
        }
        if posts.isEmpty { return Answer(value: [:]) }
        let ids = posts.map(\.id.description).joined(separator: ",")
        let (counts, isDegraded) = try await client.get(
            "/internal/v1/comment-counts?posts=\(ids)", from: "comment", as: .user(caller),
            fallback: Counts(counts: []))
        // The counts come in the order of the posts; of an answer that is too short the rest is unknown.
        let pairs = zip(posts, counts.counts).map { ($0.id, $1) }
        return Answer(value: Dictionary(pairs, uniquingKeysWith: { first, _ in first }), isDegraded: isDegraded)
    }
}
