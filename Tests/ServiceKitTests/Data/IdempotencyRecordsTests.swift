// SPDX-License-Identifier: Apache-2.0

import GRDB
import ServiceKit
import Testing

@Suite struct IdempotencyRecordsTests {
    private let answer = IdempotencyRecords.Answer(location: "/v1/posts/1", entityTag: "\"1\"", body: "{}")
    private let request = IdempotencyRecords.Request(
        principal: "ann", operation: "POST /v1/posts", key: "k", fingerprint: "f")

    private func database() throws -> DatabaseQueue {
        let database = try DatabaseQueue()
        try database.write { try IdempotencyRecords.createTable($0) }
        return database
    }

    @Test("a repeated request gets the first answer, another user's or path's does not")
    func replay() throws {
        let database = try database()
        try database.write { db in
            #expect(try IdempotencyRecords.answer(to: request, now: 0, in: db) == nil)
            try IdempotencyRecords.remember(answer, to: request, now: 0, in: db)
            #expect(try IdempotencyRecords.answer(to: request, now: 1, in: db) == answer)
            for change in [\IdempotencyRecords.Request.principal, \.operation, \.key] {
                var other = request
                other[keyPath: change] = "another"
                #expect(try IdempotencyRecords.answer(to: other, now: 1, in: db) == nil)
            }
        }
    }

    @Test("a key that is used again with another payload is refused")
    func reuse() throws {
        try database().write { db in
            try IdempotencyRecords.remember(answer, to: request, now: 0, in: db)
            var other = request
            other.fingerprint = "another"
            #expect(throws: IdempotencyRecords.KeyReused()) {
                try IdempotencyRecords.answer(to: other, now: 1, in: db)
            }
        }
    }

    @Test("after its lifetime a key is free again and its record can be removed")
    func expiry() throws {
        let later = IdempotencyRecords.lifetimeMilliseconds
        try database().write { db in
            try IdempotencyRecords.remember(answer, to: request, now: 0, in: db)
            #expect(try IdempotencyRecords.answer(to: request, now: later - 1, in: db) == answer)
            #expect(try IdempotencyRecords.removeExpired(now: later - 1, in: db) == 0)
            #expect(try IdempotencyRecords.answer(to: request, now: later, in: db) == nil)
            try IdempotencyRecords.remember(answer, to: request, now: later, in: db)
            #expect(try IdempotencyRecords.answer(to: request, now: later, in: db) == answer)
            #expect(try IdempotencyRecords.removeExpired(now: 3 * later, in: db) == 1)
        }
    }
}
