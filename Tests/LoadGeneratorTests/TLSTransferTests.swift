// SPDX-License-Identifier: Apache-2.0

import COpenSSL
import Foundation
import Glibc
import Measurement
import Testing

@testable import LoadGenerator

extension EngineTests {
    /// What TLS does while bytes go over a connection: records and tickets.
    @Suite("TLS under way") struct TLSTransferTests {
        @Test("a request of several records is sent in whole, also on a connection that was used before")
        func severalRecords() async throws {
            let server = try TLSServer(
                names: "IP:127.0.0.1",
                answer: { connection, ssl in
                    // The beginning was read; the body ends with the only "!".
                    var buffer = [UInt8](repeating: 0, count: 16_384)
                    while true {
                        let count = SSL_read(ssl, &buffer, Int32(buffer.count))
                        if count <= 0 { return false }
                        if buffer[Int(count) - 1] == UInt8(ascii: "!") { break }
                    }
                    return TLSServer.answerOK(connection, ssl)
                })
            var post = Plan.Request(label: "POST", target: 0, method: "POST", path: .literal("/"))
            post.body = .init([.literal([UInt8](repeating: 0x78, count: 50_000) + [UInt8(ascii: "!")])])
            post.timeout = .seconds(5)
            var plan = makePlan(
                port: server.server.port, rate: .constant(perSecond: 20), seconds: 0.2, steps: [.request(post)],
                tls: .init(rootsFile: server.certificate))
            plan.connections.limitPerTarget = 1
            let result = try await LoadGeneratorTests.play(plan)
            #expect(result.accounting.byOutcome == [.ok: 4], "\(result.failureSamples)")
            #expect(server.server.connections == 1)
        }

        @Test("a ticket that comes after the first answer is used by the next connection")
        func lateTicket() async throws {
            let server = try TLSServer(
                names: "IP:127.0.0.1",
                configure: { SSL_CTX_set_num_tickets($0, 0) },
                answer: { connection, ssl in
                    // Sent with the next bytes: with the next answer.
                    TLSServer.answerOK(connection, ssl) && SSL_new_session_ticket(ssl) == 1
                })
            var plan = makePlan(
                port: server.server.port, rate: .closed(users: 1), seconds: 20,
                tls: .init(rootsFile: server.certificate))
            plan.sources[0].iterations = 6
            plan.connections.maxRequests = 3
            plan.connections.spread = 0
            let result = try await LoadGeneratorTests.play(plan)
            #expect(result.accounting.byOutcome == [.ok: 6], "\(result.failureSamples)")
            #expect(result.accounting.tlsHandshakes == 2 && result.accounting.tlsResumed == 1)
        }
    }
}
