// SPDX-License-Identifier: Apache-2.0

internal import AsyncHTTPClient
internal import FaultInjection
internal import Foundation
internal import Synchronization

/// The people and posts of a seeded network, as templates of scripts see them.
package struct SeededPopulation: Sendable, Equatable {
    package struct User: Sendable, Equatable {
        package var id: String
        package var name: String
        /// Access token, valid as long as the network's `tokenLifetime`.
        package var token: String
    }
    package struct Post: Sendable, Equatable {
        package var id: String
        /// Id of the user.
        package var author: String
    }
    /// The most popular first.
    package var users: [User]
    /// The most commented first.
    package var posts: [Post]
}

/// Brings a population into a running network through its public API, several requests at a time.
package struct PopulationSeeder: Sendable {
    /// How far the seeding is.
    package struct Progress: Sendable, Equatable {
        package var done: Int
        package var total: Int
        /// "users", "friends", "posts" or "comments".
        package var stage: String
    }

    private let client: HTTPClient
    private let userURL: String
    private let postURL: String
    private let commentURL: String
    /// Requests in flight at once.
    private let width = 32

    /// Talks to the given services over HTTPS; `client` must trust their CA.
    init(client: HTTPClient, user: Int, post: Int, comment: Int) {
        self.client = client
        userURL = "https://127.0.0.1:\(user)"
        postURL = "https://127.0.0.1:\(post)"
        commentURL = "https://127.0.0.1:\(comment)"
    }

    /// Creates everything in the plan.
    ///
    /// - Parameter progress: Called after each request, from any thread.
    /// - Throws: `ExperimentError` that shows the request that failed, or `CancellationError`.
    package func seed(
        _ plan: PopulationPlan, seed: UInt64, progress: @escaping @Sendable (Progress) -> Void
    ) async throws -> SeededPopulation {
        let total = plan.users.count + plan.friendships.count + plan.posts.count + plan.comments.count
        let done = Mutex(0)
        @Sendable func advance(_ stage: String) {
            let now = done.withLock { done in
                done += 1
                return done
            }
            progress(Progress(done: now, total: total, stage: stage))
        }

        let users = try await concurrently(plan.users) { number, user in
            defer { advance("users") }
            return try await signUp(user, key: Self.key(seed, 0, number))
        }
        // One request at a time per pair; the pairs are independent of each other.
        _ = try await concurrently(plan.friendships) { _, pair in
            defer { advance("friends") }
            let request: Created = try await post(
                "\(userURL)/v1/users/\(users[pair.to].id)/friend-requests", Nothing(), as: users[pair.from])
            try await call("POST", "\(userURL)/v1/friend-requests/\(request.id)/accept", Nothing(), as: users[pair.to])
        }
        let posts = try await concurrently(plan.posts) { number, post in
            defer { advance("posts") }
            let created: Created = try await self.post(
                "\(postURL)/v1/posts", Text(text: post.text), as: users[post.author], key: Self.key(seed, 1, number))
            return SeededPopulation.Post(id: created.id, author: users[post.author].id)
        }
        _ = try await concurrently(plan.comments) { number, comment in
            defer { advance("comments") }
            try await call(
                "POST", "\(commentURL)/v1/posts/\(posts[comment.post].id)/comments", Text(text: comment.text),
                as: users[comment.author], key: Self.key(seed, 2, number))
        }
        return SeededPopulation(users: users, posts: posts)
    }

    // MARK: - Requests

    private struct SignUp: Encodable { var username, password, displayName: String }
    private struct Login: Encodable { var username, password: String }
    private struct Text: Encodable { var text: String }
    private struct Nothing: Encodable {}
    private struct Created: Decodable { var id: String }
    private struct Session: Decodable { var accessToken: String }

    private func signUp(_ user: PopulationPlan.User, key: String) async throws -> SeededPopulation.User {
        let created: Created = try await post(
            "\(userURL)/v1/users",
            SignUp(username: user.name, password: user.password, displayName: user.displayName), as: nil,
            key: key)
        let session: Session = try await post(
            "\(userURL)/v1/sessions", Login(username: user.name, password: user.password), as: nil)
        return SeededPopulation.User(id: created.id, name: user.displayName, token: session.accessToken)
    }

    private func post<Answer: Decodable>(
        _ url: String, _ body: some Encodable, as user: SeededPopulation.User?, key: String? = nil
    ) async throws -> Answer {
        let answer = try await call("POST", url, body, as: user, key: key)
        do {
            return try JSONDecoder().decode(Answer.self, from: answer)
        } catch {
            throw ExperimentError(
                .system,
                "seeding: the answer to POST \(url) can't be read: \(String(decoding: answer.prefix(200), as: UTF8.self))"
            )
        }
    }

    @discardableResult
    private func call(
        _ method: String, _ url: String, _ body: some Encodable, as user: SeededPopulation.User?, key: String? = nil
    ) async throws -> Data {
        var headers: [(String, String)] = []
        if let user { headers.append(("authorization", "Bearer \(user.token)")) }
        if let key { headers.append(("idempotency-key", "\"\(key)\"")) }
        let status: Int
        let answer: Data
        do {
            (status, answer) = try await client.exchange(
                method, url, headers: headers, body: JSONEncoder().encode(body), limit: .seconds(30))
        } catch let error as CancellationError {
            throw error
        } catch {
            if Task.isCancelled { throw CancellationError() }
            throw ExperimentError(.system, "seeding: \(method) \(url) failed: \(networkErrorText(error))")
        }
        guard (200..<300).contains(status) else {
            throw ExperimentError(
                .system,
                "seeding: \(method) \(url) answered \(status): \(String(decoding: answer.prefix(300), as: UTF8.self))")
        }
        return answer
    }

    /// An idempotency key that follows from the seed.
    private static func key(_ seed: UInt64, _ kind: UInt64, _ number: Int) -> String {
        var random = SeededGenerator(seed: seed ^ kind, member: UInt64(number))
        let (high, low) = (random.next(), random.next())
        let digits = String(format: "%016llx%016llx", high, low)
        func part(_ range: Range<Int>) -> Substring {
            digits[
                digits.index(
                    digits.startIndex, offsetBy: range.lowerBound)..<digits.index(
                        digits.startIndex, offsetBy: range.upperBound)]
        }
        return "\(part(0..<8))-\(part(8..<12))-\(part(12..<16))-\(part(16..<20))-\(part(20..<32))"
    }

    /// Results in the order of the items, `width` of them at work at once; the first error cancels the rest.
    private func concurrently<Item: Sendable, Result: Sendable>(
        _ items: [Item], _ work: @escaping @Sendable (Int, Item) async throws -> Result
    ) async throws -> [Result] {
        try await withThrowingTaskGroup(of: (Int, Result).self) { group in
            var results = [Result?](repeating: nil, count: items.count)
            var next = 0
            func addNext() {
                guard next < items.count else { return }
                let (number, item) = (next, items[next])
                next += 1
                group.addTask { (number, try await work(number, item)) }
            }
            for _ in 0..<width { addNext() }
            while let (number, result) = try await group.next() {
                results[number] = result
                addNext()
            }
            return results.compactMap(\.self)
        }
    }
}
