// SPDX-License-Identifier: Apache-2.0

import Foundation
import GRDB
import Logging
import ServiceKit
import Synchronization
import Testing

@Suite(.timeLimit(.minutes(1))) struct OutboxTests {
    private static let quiet = Logger(label: "test") { _ in SwiftLogNoOpLogHandler() }

    private func database() throws -> DatabaseQueue {
        let database = try DatabaseQueue()
        try database.write { try Outbox.createTables($0) }
        return database
    }

    private func append(_ count: Int, to outbox: Outbox, in database: DatabaseQueue) throws {
        try database.write { db in
            for number in 0..<count {
                try outbox.append(type: "t.v1", subject: "s/\(number)", data: ["n": "\(number)"], in: db)
            }
        }
    }

    private func relay(
        _ outbox: Outbox, _ database: DatabaseQueue,
        pauses: @escaping @Sendable (Duration) throws -> Void = { _ in },
        deliver: @escaping @Sendable ([CloudEvent]) async throws -> Void
    ) -> OutboxRelay {
        OutboxRelay(
            outbox: outbox, database: database, logger: Self.quiet, sleep: { try pauses($0) }, deliver: deliver)
    }

    @Test("an event exists exactly when its transaction commits")
    func atomic() throws {
        struct Abort: Error {}
        let database = try database()
        let outbox = try Outbox(source: "/test", reader: database)
        #expect(throws: Abort.self) {
            try database.write { db in
                try outbox.append(type: "t.v1", subject: "s", data: [:], in: db)
                throw Abort()
            }
        }
        #expect(try database.read { try outbox.depth(in: $0) } == 0)
    }

    @Test("everything is delivered in order, in batches, and then forgotten")
    func order() async throws {
        let database = try database()
        let outbox = try Outbox(source: "/test", reader: database)
        try append(250, to: outbox, in: database)
        let batches = Mutex<[[CloudEvent]]>([])
        try await relay(outbox, database) { batch in batches.withLock { $0.append(batch) } }.deliverAllWaiting()
        let delivered = batches.withLock { $0 }
        #expect(delivered.map(\.count) == [100, 100, 50])
        #expect(delivered.joined().map { $0.data["n"] } == (0..<250).map { "\($0)" })
        #expect(try await database.read { try outbox.depth(in: $0) } == 0)
    }

    @Test("a delivery that fails is repeated after growing pauses until it works")
    func retries() async throws {
        struct Down: Error {}
        let database = try database()
        let outbox = try Outbox(source: "/test", reader: database)
        try append(3, to: outbox, in: database)
        let attempts = Mutex(0)
        let pauses = Mutex<[Duration]>([])
        let relay = relay(outbox, database, pauses: { pause in pauses.withLock { $0.append(pause) } }) { _ in
            if attempts.withLock({
                $0 += 1; return $0
            }) <= 12 {
                throw Down()
            }
        }
        try await relay.deliverAllWaiting()
        #expect(attempts.withLock { $0 } == 13)
        let waited = pauses.withLock { $0 }
        for (index, pause) in waited.enumerated() {
            let longest = min(Duration.milliseconds(50 << index), .seconds(5))
            #expect(pause <= longest && pause >= longest / 2, "pause \(index)")
        }
        #expect(try await database.read { try outbox.depth(in: $0) } == 0)
    }

    @Test("an event that is refused is put aside with the reason, and those around it arrive")
    func refused() async throws {
        let database = try database()
        let outbox = try Outbox(source: "/test", reader: database)
        try append(5, to: outbox, in: database)
        let arrived = Mutex<[String?]>([])
        let relay = relay(outbox, database) { batch in
            if batch.contains(where: { $0.data["n"] == "2" }) { throw OutboxRelay.Refused(reason: "no twos") }
            arrived.withLock { $0 += batch.map { $0.data["n"] } }
        }
        try await relay.deliverAllWaiting()
        #expect(arrived.withLock { $0 } == ["0", "1", "3", "4"])
        let aside = try await database.read { db in
            try String.fetchAll(db, sql: "SELECT subject || ': ' || reason FROM undeliverable")
        }
        #expect(aside == ["s/2: no twos"])
    }

    @Test("a crash between delivery and forgetting repeats the delivery, under the same id")
    func crash() async throws {
        let database = try database()
        let outbox = try Outbox(source: "/test", reader: database)
        try append(1, to: outbox, in: database)
        let seen = Mutex<[CloudEvent]>([])
        let first = relay(outbox, database, pauses: { _ in throw CancellationError() }) { batch in
            seen.withLock { $0 += batch }
            throw CancellationError()
        }
        await #expect(throws: CancellationError.self) { try await first.deliverAllWaiting() }
        let restarted = try Outbox(source: "/test", reader: database)
        try await relay(restarted, database) { batch in seen.withLock { $0 += batch } }.deliverAllWaiting()
        let events = seen.withLock { $0 }
        #expect(events.count == 2 && events[0] == events[1])
    }

    @Test("ids are not used again after a restart, although delivered events are gone")
    func idsAfterRestart() async throws {
        let database = try database()
        let outbox = try Outbox(source: "/test", reader: database)
        let seen = Mutex<[CloudEvent]>([])
        try append(2, to: outbox, in: database)
        try await relay(outbox, database) { batch in seen.withLock { $0 += batch } }.deliverAllWaiting()
        let restarted = try Outbox(source: "/test", reader: database)
        try append(1, to: restarted, in: database)
        try await relay(restarted, database) { batch in seen.withLock { $0 += batch } }.deliverAllWaiting()
        let ids = seen.withLock { $0.map(\.id) }
        #expect(ids.count == 3 && ids == ids.sorted() && Set(ids).count == 3)
    }

    @Test("a running relay delivers what was left behind, wakes at each commit and stops when cancelled")
    func running() async throws {
        let database = try database()
        let outbox = try Outbox(source: "/test", reader: database)
        try append(1, to: outbox, in: database)
        let (arrivals, arrived) = AsyncStream.makeStream(of: String.self)
        let relay = relay(outbox, database) { batch in
            for event in batch { arrived.yield(event.data["n"] ?? "") }
        }
        try await withThrowingTaskGroup(of: Void.self) { group in
            group.addTask { try await relay.run() }
            var iterator = arrivals.makeAsyncIterator()
            #expect(await iterator.next() == "0")
            for _ in 0..<3 {
                try append(1, to: outbox, in: database)
                #expect(await iterator.next() == "0")
            }
            group.cancelAll()
            try await group.waitForAll()
        }
    }

    @Test("an inbox takes an event once, of each source")
    func inbox() throws {
        let database = try DatabaseQueue()
        try database.write { db in
            try Inbox.createTable(db)
            let event = CloudEvent(id: RecordID(rawValue: 5), source: "/a", type: "t", subject: "", data: [:])
            var other = event
            other.source = "/b"
            #expect(try Inbox.accept(event, now: 0, in: db))
            #expect(try !Inbox.accept(event, now: 1, in: db))
            #expect(try Inbox.accept(other, now: 1, in: db))
            #expect(try Inbox.removeExpired(now: Inbox.lifetimeMilliseconds, in: db) == 1)
        }
    }

    @Test("an event in JSON has what CloudEvents 1.0 requires, and comes back the same")
    func json() throws {
        let event = CloudEvent(
            id: RecordID(firstOf: 1_767_225_600_000), source: "/test", type: "t.v1", subject: "s", data: ["a": "b"])
        let data = try JSONEncoder().encode(event)
        let object = try #require(try JSONSerialization.jsonObject(with: data) as? [String: Any])
        #expect(object["specversion"] as? String == "1.0")
        #expect(object["time"] as? String == "2026-01-01T00:00:00.000Z")
        #expect(object["id"] as? String == event.id.description)
        #expect(try JSONDecoder().decode(CloudEvent.self, from: data) == event)
        let other = Data(#"{"specversion":"0.3","id":"0000000000000","source":"/","type":"t"}"#.utf8)
        #expect(throws: DecodingError.self) { try JSONDecoder().decode(CloudEvent.self, from: other) }
    }
}
