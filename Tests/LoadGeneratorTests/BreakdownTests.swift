// SPDX-License-Identifier: Apache-2.0

import Foundation
import Measurement
import Testing

@testable import LoadGenerator

extension EngineTests {
    @Suite("Breakdown") struct BreakdownTests {
        private static let millisecond: UInt64 = 1_000_000

        @Test("the server's time is the first byte's, and the rest of the answer is receiving")
        func slowAnswer() async throws {
            let server = ScriptedServer(answering: { connection, _ in
                usleep(20_000)
                connection.write("HTTP/1.1 200 OK\r\ncontent-length: 4\r\n\r\n")
                usleep(40_000)
                connection.write("late")
            })
            defer { server.stop() }
            let passed = try await play(makePlan(port: server.port, rate: .closed(users: 1))).breakdown.passed
            #expect(try #require(passed[.firstByte]?.min) >= 20 * Self.millisecond * 999 / 1000)
            // A worker that a busy machine wakes late sees the first byte late, and receives for a shorter time.
            #expect(try #require(passed[.receive]?.max) >= 40 * Self.millisecond * 999 / 1000)
            #expect(passed[.send]?.max == 0)
            // Only the first request had a connection to make, and none had a name to look up or a handshake.
            #expect(passed[.connect]?.count == 1 && passed[.dns] == nil && passed[.tls] == nil)
        }

        @Test("waiting for a connection is the wait's time, and nobody else's")
        func waiting() async throws {
            let server = ScriptedServer(answering: { connection, _ in
                usleep(30_000)
                connection.answer()
            })
            defer { server.stop() }
            var plan = makePlan(port: server.port, rate: .constant(perSecond: 60), seconds: 0.4)
            plan.connections.limitPerTarget = 1
            let passed = try await play(plan).breakdown.passed
            let wait = try #require(passed[.wait]?.max)
            #expect(wait > 250 * Self.millisecond && wait > 4 * (passed[.firstByte]?.percentile(50) ?? 0))
        }

        @Test("a request that the server reads slowly is sending for as long")
        func slowReader() async throws {
            let server = ScriptedServer(script: { connection in
                usleep(150_000)
                while connection.readRequest() != nil { connection.answer() }
            })
            defer { server.stop() }
            var post = Plan.Request(label: "POST", target: 0, method: "POST", path: .literal("/"))
            post.body = .init([.literal([UInt8](repeating: 0x78, count: 12_000_000))])
            let result = try await play(
                makePlan(port: server.port, rate: .constant(perSecond: 10), seconds: 0.1, steps: [.request(post)]))
            #expect(result.accounting.byOutcome == [.ok: 1])
            #expect(try #require(result.breakdown.passed[.send]?.max) > 100 * Self.millisecond)
        }

        @Test("with TLS each new connection has a connect and a handshake, and a kept one has neither")
        func handshakes() async throws {
            let server = try TLSServer(names: "DNS:localhost")
            var plan = makePlan(
                port: server.server.port, rate: .closed(users: 3), seconds: 0.3,
                tls: .init(rootsFile: server.certificate), host: "localhost")
            plan.connections.limitPerTarget = 3
            let kept = try await play(plan)
            #expect(kept.breakdown.passed[.tls]?.count == kept.accounting.tlsHandshakes)
            #expect(kept.accounting.tlsHandshakes == 3 && kept.accounting.scheduled > 30)
            plan.connections.strategy = .perRequest
            let fresh = try await play(plan)
            #expect(fresh.breakdown.passed[.tls]?.count == fresh.breakdown.passed[.receive]?.count)
            #expect(fresh.breakdown.passed[.connect]?.count == fresh.breakdown.passed[.receive]?.count)
            let connect = try #require(fresh.breakdown.passed[.connect]?.percentile(50))
            #expect(try #require(fresh.breakdown.passed[.tls]?.percentile(50)) > connect)
        }

        @Test("what is cut off at the end is counted in the part where it was")
        func aborted() async throws {
            let server = ScriptedServer(answering: { connection, _ in usleep(600_000) })
            defer { server.stop() }
            var plan = makePlan(port: server.port, rate: .constant(perSecond: 50), seconds: 0.2)
            plan.connections.limitPerTarget = 2
            plan.sources[0].gracefulStop = .zero
            let result = try await play(plan)
            #expect(result.accounting.byOutcome == [.aborted: 2, .neverStarted: 8])
            #expect(result.breakdown.ended.mapValues(\.count) == [.firstByte: 2, .wait: 8])
        }
    }
}
