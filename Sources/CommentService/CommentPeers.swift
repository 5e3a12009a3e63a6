// SPDX-License-Identifier: Apache-2.0

internal import HTTPTypes
internal import ServiceKit

/// What the Comment Service asks the others, each time in the name of the user who is asking it.
struct CommentPeers: Sendable {
    let client: ResilientClient

    /// Who wrote a post.
    ///
    /// There is no fallback: a comment on a post of which nothing is known is not taken.
    ///
    /// - Throws: a `Problem` that says the post is not there (404) or gone (410), `CallError`.
    func author(ofPost post: RecordID, for caller: Caller) async throws -> RecordID {
        struct Summary: Decodable, Sendable {
            var authorId: RecordID
        }
        do {
            let summary: Summary = try await client.get("/internal/v1/posts/\(post)", from: "post", as: .user(caller))
            return summary.authorId
        } catch {
            switch error.status {
            case 404: throw Problem.notFound("post")
            case 410: throw CommentRefusal.postDeleted
            default: throw error
            }
        }
    }

    /// The names of users in one call; with the pipeline's fallback switched on, none instead of a failure.
    ///
    /// - Returns: the names, without those that the User Service doesn't know, and whether a fallback stands in.
    func names(
        of users: [RecordID], for caller: Caller
    ) async throws -> (names: [RecordID: String], isDegraded: Bool) {
        struct Users: Decodable, Sendable {
            struct User: Decodable, Sendable {
                var id: RecordID
                var name: String
            }
            var users: [User]
        }
        let wanted = Set(users)
        if wanted.isEmpty { return ([:], false) }
        let ids = wanted.map(\.description).joined(separator: ",")
        let (users, isDegraded) = try await client.get(
            "/internal/v1/users?ids=\(ids)", from: "user", as: .user(caller), fallback: Users(users: []))
        return (Dictionary(users.users.map { ($0.id, $0.name) }, uniquingKeysWith: { first, _ in first }), isDegraded)
    }
}
