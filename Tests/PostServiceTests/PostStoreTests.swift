// SPDX-License-Identifier: Apache-2.0

import GRDB
import PostService
import ServiceKit
import TestSupport
import Testing

@Suite(.timeLimit(.minutes(1))) struct PostStoreTests {
    private let fixture: PostFixture
    private var store: PostStore { fixture.store }
    private let ann = user(1)
    private let bob = user(2)

    init() throws {
        fixture = try PostFixture()
    }

    @Test("a post reads as it was written")
    func create() async throws {
        let id = try await fixture.post("žluť 🐎\n", by: ann)
        let post = try await store.post(id, seenBy: bob)
        #expect(post.text == "žluť 🐎\n")
        #expect(post.author == ann)
        #expect(post.version == 1)
        #expect(post.likes == 0 && !post.likedByMe)
        #expect(post.editedAt == nil && post.sharedPost == nil)
    }

    @Test("a repeated request makes one post, also when both arrive at once")
    func idempotent() async throws {
        let ids = try await withThrowingTaskGroup(of: RecordID.self) { group in
            for _ in 0..<10 {
                group.addTask { [fixture, ann] in try await fixture.post("once", by: ann, key: "k") }
            }
            return try await group.reduce(into: Set()) { $0.insert($1) }
        }
        #expect(ids.count == 1)
        #expect(try await store.posts(by: ann, seenBy: ann, limit: 100, before: nil).items.map(\.id) == Array(ids))
    }

    @Test("the same key with another text is refused and makes nothing")
    func keyReused() async throws {
        _ = try await fixture.post("one", by: ann, key: "k")
        await #expect(throws: IdempotencyRecords.KeyReused.self) {
            try await fixture.post("two", by: ann, key: "k")
        }
        _ = try await fixture.post("mine", by: bob, key: "k")
        #expect(try await store.posts(by: ann, seenBy: ann, limit: 100, before: nil).items.count == 1)
    }

    @Test("one of many edits that expect the same version wins, the others learn what is current")
    func optimisticConcurrency() async throws {
        let id = try await fixture.post(by: ann)
        let outcomes = await withTaskGroup(of: Result<Post, any Error>.self) { group in
            for number in 0..<20 {
                group.addTask { [store, ann] in
                    do {
                        return .success(try await store.edit(id, text: "edit \(number)", by: ann, expected: [1]))
                    } catch {
                        return .failure(error)
                    }
                }
            }
            return await group.reduce(into: []) { $0.append($1) }
        }
        let winners = outcomes.compactMap { try? $0.get() }
        #expect(winners.count == 1)
        let current = try await store.post(id, seenBy: ann)
        #expect(current == winners.first)
        #expect(current.version == 2 && current.editedAt != nil)
        for case .failure(let error) in outcomes {
            #expect(error as? PostRefusal == .stale(current: current))
        }
    }

    @Test("an edit that expects any version goes through; one of several may match")
    func expectations() async throws {
        let id = try await fixture.post(by: ann)
        #expect(try await store.edit(id, text: "a", by: ann, expected: nil).version == 2)
        #expect(try await store.edit(id, text: "b", by: ann, expected: [1, 2]).version == 3)
        await #expect(throws: PostRefusal.self) { try await store.edit(id, text: "c", by: ann, expected: []) }
    }

    @Test("only the author changes a post")
    func authorOnly() async throws {
        let id = try await fixture.post(by: ann)
        await #expect(throws: PostRefusal.notAuthor) {
            try await store.edit(id, text: "x", by: bob, expected: nil)
        }
        await #expect(throws: PostRefusal.notAuthor) { try await store.delete(id, by: bob, expected: nil) }
        #expect(try await store.post(id, seenBy: ann).text == "hello")
    }

    @Test("a deleted post is gone for everybody, in every way, and its deletion can be repeated")
    func delete() async throws {
        let id = try await fixture.post(by: ann)
        try await store.like(id, by: bob)
        try await store.delete(id, by: ann, expected: [1])
        try await store.delete(id, by: ann, expected: [1])
        await #expect(throws: PostRefusal.deleted) { try await store.post(id, seenBy: ann) }
        await #expect(throws: PostRefusal.deleted) {
            try await store.edit(id, text: "x", by: ann, expected: nil)
        }
        await #expect(throws: PostRefusal.deleted) { try await store.like(id, by: ann) }
        await #expect(throws: PostRefusal.deleted) { try await fixture.post(by: bob, sharing: id) }
        await #expect(throws: PostRefusal.notAuthor) { try await store.delete(id, by: bob, expected: nil) }
        #expect(try await store.posts(by: ann, seenBy: ann, limit: 9, before: nil).items.isEmpty)
        #expect(try await store.homeTimeline(of: [ann], seenBy: bob, limit: 9, before: nil).items.isEmpty)
        #expect(try await fixture.events().map(\.type) == [PostEvent.liked, PostEvent.deleted])
    }

    @Test("what never was is not found")
    func notFound() async throws {
        let id = RecordID(rawValue: 77)
        await #expect(throws: PostRefusal.notFound) { try await store.post(id, seenBy: ann) }
        await #expect(throws: PostRefusal.notFound) { try await store.delete(id, by: ann, expected: nil) }
        await #expect(throws: PostRefusal.notFound) { try await store.like(id, by: ann) }
        await #expect(throws: PostRefusal.notFound) { try await store.unlike(id, by: ann) }
    }

    @Test("a share of a share shares the original")
    func shares() async throws {
        let original = try await fixture.post(by: ann)
        let share = try await fixture.post("look", by: bob, sharing: original)
        let again = try await fixture.post("", by: ann, sharing: share)
        #expect(try await store.post(share, seenBy: ann).sharedPost == original)
        #expect(try await store.post(again, seenBy: ann).sharedPost == original)
    }

    @Test("a like counts once, is an event once, and is no edit")
    func likes() async throws {
        let id = try await fixture.post(by: ann)
        try await withThrowingTaskGroup(of: Void.self) { group in
            for number in 0..<60 {
                group.addTask { [store] in try await store.like(id, by: user(Int64(10 + number % 20))) }
            }
            try await group.waitForAll()
        }
        let post = try await store.post(id, seenBy: user(10))
        #expect(post.likes == 20 && post.likedByMe && post.version == 1)
        #expect(try await !store.post(id, seenBy: ann).likedByMe)
        let events = try await fixture.events()
        #expect(events.count == 20)
        #expect(
            Set(events.compactMap { $0.data["actorId"] }) == Set((10..<30).map { user($0).description }))
        try await store.unlike(id, by: user(10))
        try await store.unlike(id, by: user(10))
        #expect(try await store.post(id, seenBy: user(10)).likes == 19)
    }

    @Test("nobody is told of liking their own post")
    func ownLike() async throws {
        try await store.like(fixture.post(by: ann), by: ann)
        #expect(try await fixture.events().isEmpty)
    }

    @Test("the count of likes equals their rows after any mixture of likes, unlikes and deletes", arguments: [1, 2, 3])
    func likeInvariant(seed: UInt64) async throws {
        var random = SeededRandom(seed: seed)
        let posts = [try await fixture.post(by: ann), try await fixture.post(by: ann), try await fixture.post(by: bob)]
        for _ in 0..<150 {
            let post = posts.randomElement(using: &random)!
            let user = user(.random(in: 1...8, using: &random))
            if Bool.random(using: &random) {
                try await store.like(post, by: user)
            } else {
                try await store.unlike(post, by: user)
            }
        }
        try await store.delete(posts[2], by: bob, expected: nil)
        let wrong = try await fixture.database.read { db in
            try Int.fetchOne(
                db, sql: "SELECT count(*) FROM posts p WHERE likes <> (SELECT count(*) FROM likes WHERE post = p.id)")
        }
        #expect(wrong == 0, "seed \(seed)")
    }

    @Test("a store that is opened again goes on with higher ids")
    func reopened() async throws {
        let before = try await fixture.post(by: ann)
        let reopened = try PostStore(database: fixture.database, outbox: fixture.outbox, now: { 0 })
        let answer = try await reopened.create(
            text: "later", by: ann, request: PostFixture.request(by: ann, fingerprint: "later")
        ) { IdempotencyRecords.Answer(location: $0.id.description, entityTag: "", body: "") }
        #expect(try #require(RecordID(answer.location)) > before)
    }
}
