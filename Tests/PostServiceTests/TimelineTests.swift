// SPDX-License-Identifier: Apache-2.0

import GRDB
import PostService
import ServiceKit
import TestSupport
import Testing

@Suite(.timeLimit(.minutes(1))) struct TimelineTests {
    private let fixture: PostFixture
    private var store: PostStore { fixture.store }

    init() throws {
        fixture = try PostFixture()
    }

    /// Writes posts of random authors.
    private func seed(_ count: Int, authors: ClosedRange<Int64>, _ random: inout SeededRandom) async throws -> [Post] {
        var posts: [Post] = []
        for number in 0..<count {
            let author = user(.random(in: authors, using: &random))
            let id = try await fixture.post("\(number)", by: author)
            posts.append(try await store.post(id, seenBy: author))
        }
        return posts
    }

    private func allPages(limit: Int, _ load: (RecordID?) async throws -> Page<Post>) async throws -> [Post] {
        var posts: [Post] = []
        var before: RecordID?
        repeat {
            let page = try await load(before)
            #expect(page.items.count == limit || page.next == nil, "only the last page may be short")
            posts += page.items
            before = page.next?.position
        } while before != nil
        return posts
    }

    @Test("the pages of a home timeline are disjoint, in order and complete", arguments: [1, 2, 7, 20, 100])
    func pages(limit: Int) async throws {
        var random = SeededRandom(seed: UInt64(limit))
        let posts = try await seed(60, authors: 1...12, &random)
        let authors = Set((1...9).map { user($0) })
        let shown = try await allPages(limit: limit) { [store] before in
            try await store.homeTimeline(of: Array(authors), seenBy: user(1), limit: limit, before: before)
        }
        #expect(shown == posts.reversed().filter { authors.contains($0.author) })
    }

    @Test("pages stay disjoint while posts are added and deleted between them")
    func changingPages() async throws {
        var random = SeededRandom(seed: 5)
        let posts = try await seed(30, authors: 1...3, &random)
        let authors = (1...3).map { user($0) }
        let first = try await store.homeTimeline(of: authors, seenBy: user(1), limit: 10, before: nil)
        _ = try await seed(5, authors: 1...3, &random)
        // The last post of the first page goes, to which the cursor points.
        try await store.delete(posts[20].id, by: posts[20].author, expected: nil)
        try await store.delete(posts[15].id, by: posts[15].author, expected: nil)
        let second = try await store.homeTimeline(
            of: authors, seenBy: user(1), limit: 10, before: first.next?.position)
        #expect(first.items == posts[20...].reversed())
        #expect(second.items == (posts[9..<15] + posts[16..<20]).reversed())
    }

    @Test("a user's posts are the user's alone")
    func userTimeline() async throws {
        var random = SeededRandom(seed: 9)
        let posts = try await seed(40, authors: 1...3, &random)
        let shown = try await allPages(limit: 4) { [store] before in
            try await store.posts(by: user(2), seenBy: user(1), limit: 4, before: before)
        }
        #expect(shown == posts.reversed().filter { $0.author == user(2) })
    }

    @Test("a timeline says what the reader likes")
    func likedByMe() async throws {
        let id = try await fixture.post(by: user(1))
        try await store.like(id, by: user(2))
        for (reader, expected) in [(user(2), true), (user(3), false)] {
            let page = try await store.homeTimeline(of: [user(1)], seenBy: reader, limit: 1, before: nil)
            #expect(page.items.map(\.likedByMe) == [expected])
            #expect(page.items.map(\.likes) == [1])
        }
    }

    @Test("nobody's timeline is empty, and thousands of friends fit")
    func extremes() async throws {
        _ = try await fixture.post(by: user(1))
        #expect(try await store.homeTimeline(of: [], seenBy: user(1), limit: 5, before: nil).items.isEmpty)
        let many = (1...5000).map { user($0) }
        #expect(try await store.homeTimeline(of: many, seenBy: user(1), limit: 5, before: nil).items.count == 1)
    }

    @Test("a home timeline reads the index of authors and scans no table")
    func plan() throws {
        let plan = try fixture.database.read { db in
            try Row.fetchAll(
                db, sql: "EXPLAIN QUERY PLAN " + PostStore.homeTimelineQuery,
                arguments: ["authors": "[1,2]", "me": 1, "before": Int64.max, "rows": 21])
        }
        let steps = plan.map { $0["detail"] as String }
        #expect(
            steps.contains("SEARCH posts USING COVERING INDEX postsByAuthor (author=? AND id<?)"), "\(steps)")
        #expect(!steps.contains { $0.hasPrefix("SCAN posts") || $0.hasPrefix("SCAN p") || $0.hasPrefix("SCAN l") })
    }
}
