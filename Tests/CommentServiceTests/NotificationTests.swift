// SPDX-License-Identifier: Apache-2.0

import CommentService
import GRDB
import Logging
import ServiceKit
import Testing

@Suite(.timeLimit(.minutes(1))) struct NotificationTests {
    private let fixture: CommentFixture
    private var store: NotificationStore { fixture.notifications }
    private let ann = user(1)
    private let bob = user(2)
    private let cid = user(3)

    init() throws {
        fixture = try CommentFixture()
    }

    private func event(_ type: String, id: Int64 = 1, _ data: [String: RecordID]) -> CloudEvent {
        CloudEvent(
            id: RecordID(rawValue: id), source: "/test", type: type, subject: "",
            data: data.mapValues(\.description))
    }

    private func deliverAll() async throws {
        let relay = OutboxRelay(
            outbox: fixture.outbox, database: fixture.database, logger: Logger(label: "test")
        ) { [store] events in
            try await store.receive(events)
        }
        try await relay.deliverAllWaiting()
    }

    @Test("a comment reaches the author of the post, once however often its event is delivered")
    func commentReachesAuthor() async throws {
        let comment = try await fixture.comment(by: bob)
        let events = try await fixture.events()
        for _ in 0..<3 {
            try await store.receive(events)
        }
        try await deliverAll()
        let told = try await fixture.notifications(of: ann)
        #expect(told.map(\.kind) == [.comment])
        #expect(told.map(\.comment) == [comment])
        #expect(told.map(\.actor) == [bob])
        #expect(told.map(\.isRead) == [false])
        #expect(try await fixture.notifications(of: bob).isEmpty)
        #expect(try await fixture.events().isEmpty)
    }

    struct Case: Sendable {
        var actor: Int64
        var author: Int64
        /// Who wrote the comment that is replied to.
        var parent: Int64?
        var told: [Int64: String]
    }

    @Test(
        "who hears of a comment",
        arguments: [
            Case(actor: 2, author: 1, parent: nil, told: [1: "comment"]),
            Case(actor: 1, author: 1, parent: nil, told: [:]),
            Case(actor: 2, author: 1, parent: 3, told: [1: "comment", 3: "reply"]),
            Case(actor: 2, author: 1, parent: 2, told: [1: "comment"]),
            Case(actor: 2, author: 1, parent: 1, told: [1: "reply"]),
            Case(actor: 1, author: 1, parent: 2, told: [2: "reply"]),
            Case(actor: 1, author: 1, parent: 1, told: [:]),
        ])
    func rules(_ example: Case) throws {
        var data = [
            "postId": post(1), "commentId": RecordID(rawValue: 50), "actorId": user(example.actor),
            "authorId": user(example.author),
        ]
        data["parentAuthorId"] = example.parent.map { user($0) }
        let changes = try NotificationRules.changes(for: event(CommentEvent.created, data))
        var told: [Int64: String] = [:]
        for case .notify(let recipient, let kind, _, _, _) in changes {
            #expect(told.updateValue(kind.rawValue, forKey: recipient.rawValue) == nil, "told twice")
        }
        #expect(told == example.told)
    }

    @Test("an event that lacks an id or carries none is malformed, an unknown type is ignored")
    func malformed() throws {
        let types = [CommentEvent.created, CommentEvent.deleted, CommentEvent.postLiked, CommentEvent.postDeleted]
        for type in types {
            #expect(throws: NotificationRules.Malformed.self) { try NotificationRules.changes(for: event(type, [:])) }
        }
        var bad = event(CommentEvent.postDeleted, [:])
        bad.data["postId"] = "'; DROP TABLE posts"
        #expect(throws: NotificationRules.Malformed.self) { try NotificationRules.changes(for: bad) }
        #expect(try NotificationRules.changes(for: event("social.weather.v9", [:])).isEmpty)
    }

    @Test("a malformed event leaves the whole delivery without effect")
    func allOrNothing() async throws {
        let good = event(
            CommentEvent.postLiked, id: 1, ["postId": post(1), "authorId": ann, "actorId": bob])
        await #expect(throws: NotificationRules.Malformed.self) {
            try await store.receive([good, event(CommentEvent.postLiked, id: 2, [:])])
        }
        #expect(try await fixture.notifications(of: ann).isEmpty)
        #expect(try await store.receive([good]).count == 1)
    }

    @Test("unread likes of a post gather in one notification, after reading a new one begins")
    func likesGather() async throws {
        func like(_ id: Int64, by actor: RecordID, of postNumber: Int64 = 1) async throws {
            try await store.receive([
                event(
                    CommentEvent.postLiked, id: id, ["postId": post(postNumber), "authorId": ann, "actorId": actor])
            ])
        }
        try await like(1, by: bob)
        try await like(2, by: cid)
        try await like(2, by: cid)
        try await like(3, by: bob, of: 2)
        #expect(try await fixture.notifications(of: ann).map(\.count) == [1, 2])
        #expect(try await fixture.notifications(of: ann).map(\.actor) == [bob, cid])
        try await store.markAllRead(of: ann, upTo: nil)
        try await like(4, by: cid)
        #expect(try await fixture.notifications(of: ann).map(\.count) == [1, 1, 2])
        #expect(try await fixture.notifications(of: ann).map(\.isRead) == [false, true, true])
    }

    @Test("a deleted comment and a deleted post take their notifications along")
    func forgotten() async throws {
        let first = try await fixture.comment(by: bob)
        _ = try await fixture.comment(by: cid)
        try await deliverAll()
        try await fixture.store.delete(first, by: bob, expected: nil)
        try await deliverAll()
        #expect(try await fixture.notifications(of: ann).map(\.actor) == [cid])
        try await store.receive([event(CommentEvent.postDeleted, ["postId": post(1)])])
        #expect(try await fixture.notifications(of: ann).isEmpty)
        // An event that was overtaken by the deletion of its post tells nobody.
        try await store.receive([
            event(CommentEvent.postLiked, id: 9, ["postId": post(1), "authorId": ann, "actorId": bob])
        ])
        #expect(try await fixture.notifications(of: ann).isEmpty)
    }

    @Test("reading marks what was seen, of the reader only, and can be repeated")
    func reading() async throws {
        for number in 1...4 {
            _ = try await fixture.comment(by: bob, on: post(Int64(number)))
        }
        _ = try await fixture.comment(by: ann, on: post(9), of: bob)
        try await deliverAll()
        let all = try await fixture.notifications(of: ann)
        #expect(try await store.markRead(all[0].id, of: ann))
        #expect(try await store.markRead(all[0].id, of: ann))
        #expect(try await !store.markRead(all[1].id, of: bob))
        #expect(try await !store.markRead(RecordID(rawValue: 4), of: ann))
        try await store.markAllRead(of: ann, upTo: all[2].id)
        let (page, unread) = try await store.notifications(of: ann, limit: 2, before: nil)
        #expect(unread == 1)
        #expect(page.items.map(\.isRead) == [true, false])
        let rest = try await store.notifications(of: ann, limit: 2, before: page.next?.position).page
        #expect(rest.items.map(\.isRead) == [true, true] && rest.next == nil)
        #expect(try await fixture.notifications(of: bob).map(\.isRead) == [false])
    }
}
