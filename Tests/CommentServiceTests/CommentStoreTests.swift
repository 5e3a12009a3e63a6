// SPDX-License-Identifier: Apache-2.0

import CommentService
import GRDB
import ServiceKit
import TestSupport
import Testing

@Suite(.timeLimit(.minutes(1))) struct CommentStoreTests {
    private let fixture: CommentFixture
    private var store: CommentStore { fixture.store }
    private let ann = user(1)
    private let bob = user(2)

    init() throws {
        fixture = try CommentFixture()
    }

    @Test("a comment reads as it was written, and its event waits")
    func create() async throws {
        let id = try await fixture.comment("žluť", by: bob)
        let comment = try await store.comment(id)
        #expect(comment.text == "žluť" && comment.author == bob && comment.post == post(1))
        #expect(comment.version == 1 && comment.depth == 0 && comment.parent == nil)
        let events = try await fixture.events()
        #expect(events.map(\.type) == [CommentEvent.created])
        #expect(
            events.first?.data == [
                "postId": "\(post(1))", "commentId": "\(id)", "actorId": "\(bob)", "authorId": "\(ann)",
            ])
    }

    @Test("a repeated request makes one comment and one event, also when both arrive at once")
    func idempotent() async throws {
        let ids = try await withThrowingTaskGroup(of: RecordID.self) { group in
            for _ in 0..<10 {
                group.addTask { [fixture, bob] in try await fixture.comment("once", by: bob, key: "k") }
            }
            return try await group.reduce(into: Set()) { $0.insert($1) }
        }
        #expect(ids.count == 1)
        #expect(try await store.counts(on: [post(1)]) == [1])
        #expect(try await fixture.events().count == 1)
        await #expect(throws: IdempotencyRecords.KeyReused.self) {
            try await fixture.comment("other", by: bob, key: "k")
        }
    }

    @Test("replies nest up to the deepest level and no further")
    func depth() async throws {
        var parent: RecordID?
        for depth in 0...Comment.deepest {
            let id = try await fixture.comment(by: bob, replyingTo: parent)
            let comment = try await store.comment(id)
            #expect(comment.depth == depth && comment.parent == parent)
            parent = id
        }
        await #expect(throws: CommentRefusal.tooDeep) { try await fixture.comment(by: bob, replyingTo: parent) }
    }

    @Test("a reply needs a parent that is there, on the same post")
    func parent() async throws {
        let elsewhere = try await fixture.comment(by: bob, on: post(2))
        let deleted = try await fixture.comment(by: bob)
        try await store.delete(deleted, by: bob, expected: nil)
        for parent in [elsewhere, deleted, RecordID(rawValue: 3)] {
            await #expect(throws: CommentRefusal.noSuchParent) {
                try await fixture.comment(by: ann, replyingTo: parent)
            }
        }
    }

    @Test("one of many edits that expect the same version wins")
    func optimisticConcurrency() async throws {
        let id = try await fixture.comment(by: bob)
        let wins = await withTaskGroup(of: Bool.self) { group in
            for number in 0..<20 {
                group.addTask { [store, bob] in
                    (try? await store.edit(id, text: "\(number)", by: bob, expected: [1])) != nil
                }
            }
            return await group.reduce(0) { $0 + ($1 ? 1 : 0) }
        }
        #expect(wins == 1)
        let current = try await store.comment(id)
        #expect(current.version == 2)
        await #expect(throws: CommentRefusal.stale(current: current)) {
            try await store.delete(id, by: bob, expected: [1])
        }
    }

    @Test("only the author changes a comment, and what is deleted is gone")
    func authorOnly() async throws {
        let id = try await fixture.comment(by: bob)
        await #expect(throws: CommentRefusal.notAuthor) {
            try await store.edit(id, text: "x", by: ann, expected: nil)
        }
        await #expect(throws: CommentRefusal.notAuthor) { try await store.delete(id, by: ann, expected: nil) }
        try await store.delete(id, by: bob, expected: [1])
        try await store.delete(id, by: bob, expected: [1])
        await #expect(throws: CommentRefusal.deleted) { try await store.comment(id) }
        await #expect(throws: CommentRefusal.notFound) { try await store.comment(RecordID(rawValue: 5)) }
        #expect(try await fixture.events().map(\.type) == [CommentEvent.created, CommentEvent.deleted])
    }

    @Test("pages are disjoint, in order and complete", arguments: CommentStore.Order.allCases, [1, 3, 50])
    func pages(order: CommentStore.Order, limit: Int) async throws {
        var expected: [RecordID] = []
        for number in 0..<17 {
            let id = try await fixture.comment(by: bob, on: post(Int64(number % 2)))
            if number % 2 == 1 { expected.append(id) }
        }
        try await store.delete(expected.remove(at: 4), by: bob, expected: nil)
        if order == .newest { expected.reverse() }
        var shown: [RecordID] = []
        var after: RecordID?
        repeat {
            let page = try await store.comments(on: post(1), order: order, limit: limit, after: after)
            #expect(page.items.count == limit || page.next == nil)
            shown += page.items.map(\.id)
            after = page.next?.position
        } while after != nil
        #expect(shown == expected)
    }

    @Test("counts equal the comments that are not deleted, in the order of the posts", arguments: [1, 2])
    func counts(seed: UInt64) async throws {
        var random = SeededRandom(seed: seed)
        var comments: [(id: RecordID, post: Int64)] = []
        for _ in 0..<60 {
            if let index = comments.indices.randomElement(using: &random), Int.random(in: 0..<3, using: &random) == 0 {
                try await store.delete(comments.remove(at: index).id, by: bob, expected: nil)
            } else {
                let number = Int64.random(in: 1...4, using: &random)
                comments.append((try await fixture.comment(by: bob, on: post(number)), number))
            }
        }
        let expected = [4, 9, 1, 2, 3].map { number in comments.count { $0.post == number } }
        #expect(try await store.counts(on: [post(4), post(9), post(1), post(2), post(3)]) == expected, "seed \(seed)")
    }

    @Test("a post that was deleted takes no more comments and shows none")
    func postDeleted() async throws {
        _ = try await fixture.comment(by: bob)
        let event = CloudEvent(
            id: RecordID(rawValue: 1), source: "/post-service", type: CommentEvent.postDeleted, subject: "",
            data: ["postId": "\(post(1))"])
        try await fixture.notifications.receive([event])
        #expect(try await store.comments(on: post(1), order: .newest, limit: 9, after: nil).items.isEmpty)
        #expect(try await store.counts(on: [post(1)]) == [0])
        await #expect(throws: CommentRefusal.postDeleted) { try await fixture.comment(by: bob) }
        _ = try await fixture.comment(by: bob, on: post(2))
    }
}
