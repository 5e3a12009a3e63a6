// SPDX-License-Identifier: Apache-2.0

import COpenSSL
import Foundation
import Measurement
import Synchronization
import Testing

@testable import LoadGenerator

extension EngineTests {
    @Suite("TLS") struct TLSTests {
        private func play(_ server: TLSServer, host: String, roots: String?, verify: Bool = true) async throws
            -> LoadResult
        {
            let tls = Plan.TLS(rootsFile: roots, verify: verify)
            var plan = makePlan(
                port: server.server.port, rate: .constant(perSecond: 100), seconds: 0.2, tls: tls, host: host)
            plan.connections.limitPerTarget = 4
            return try await LoadGeneratorTests.play(plan)
        }

        @Test("a certificate that names the host or its address is accepted", arguments: ["localhost", "127.0.0.1"])
        func accepted(host: String) async throws {
            let server = try TLSServer(names: "DNS:localhost,IP:127.0.0.1")
            let result = try await play(server, host: host, roots: server.certificate)
            #expect(result.accounting.byOutcome == [.ok: 20], "\(result.failureSamples)")
            #expect((1...4).contains(result.accounting.tlsHandshakes))
            #expect(result.accounting.tlsHandshakes == result.accounting.connectionsOpened)
        }

        @Test("sessions are resumed, and counted apart")
        func resumption() async throws {
            let server = try TLSServer(names: "DNS:localhost")
            var tls = Plan.TLS(rootsFile: server.certificate)
            var plan = makePlan(
                port: server.server.port, rate: .constant(perSecond: 50), seconds: 0.4, tls: tls, host: "localhost")
            plan.connections.strategy = .perRequest
            let resumed = try await LoadGeneratorTests.play(plan)
            #expect(resumed.accounting.byOutcome == [.ok: 20])
            #expect(resumed.accounting.tlsHandshakes == 20 && resumed.accounting.tlsResumed >= 10)
            tls.resumption = false
            plan.targets[0].tls = tls
            let full = try await LoadGeneratorTests.play(plan)
            #expect(full.accounting.tlsHandshakes == 20 && full.accounting.tlsResumed == 0)
        }

        @Test("an expired certificate is refused")
        func expired() async throws {
            let server = try TLSServer(names: "DNS:localhost", validFrom: -7200, validTo: -3600)
            let result = try await play(server, host: "localhost", roots: server.certificate)
            #expect(result.accounting.byOutcome == [.tls: 20])
            #expect(result.breakdown.ended.mapValues(\.count) == [.tls: 20])
            #expect(
                result.failureSamples.first?.message.contains("certificate has expired") == true,
                "\(result.failureSamples)"
            )
        }

        @Test("a certificate for another name is refused", arguments: ["localhost", "127.0.0.1"])
        func wrongName(host: String) async throws {
            let server = try TLSServer(names: "DNS:example.org,IP:10.0.0.1")
            let result = try await play(server, host: host, roots: server.certificate)
            #expect(result.accounting.byOutcome == [.tls: 20])
            #expect(result.failureSamples.first?.message.contains("mismatch") == true, "\(result.failureSamples)")
        }

        @Test("a certificate that nobody vouches for is refused, unless the plan says not to verify")
        func selfSigned() async throws {
            let server = try TLSServer(names: "DNS:localhost")
            let other = try TLSServer(names: "DNS:localhost")
            let result = try await play(server, host: "localhost", roots: other.certificate)
            #expect(result.accounting.byOutcome == [.tls: 20])
            #expect(
                result.failureSamples.first?.message.contains("certificate not accepted") == true,
                "\(result.failureSamples)")
            let trusting = try await play(server, host: "localhost", roots: nil, verify: false)
            #expect(trusting.accounting.byOutcome == [.ok: 20])
        }

        @Test("a plain server where TLS is expected ends as a TLS failure")
        func plainServer() async throws {
            let server = ScriptedServer(script: { connection in connection.write("HTTP/1.1 400 Bad Request\r\n\r\n") })
            defer { server.stop() }
            let plan = makePlan(
                port: server.port, rate: .constant(perSecond: 50), seconds: 0.1,
                tls: .init(rootsFile: nil, verify: false))
            let result = try await LoadGeneratorTests.play(plan)
            #expect(result.accounting.byOutcome == [.tls: 5])
            #expect(result.failureSamples.first?.message.contains("TLS failed: ") == true, "\(result.failureSamples)")
        }

        struct Setting: Sendable, CustomTestStringConvertible {
            var name: String
            var configure: @Sendable (OpaquePointer) -> Void = { _ in }
            var change: @Sendable (inout Plan.TLS) -> Void = { _ in }
            /// Nil when it works.
            var failure: String?
            var testDescription: String { name }
        }

        static let settings: [Setting] = [
            Setting(name: "TLS 1.2 only", configure: { _ = seawall_ssl_set_versions($0, 0x0303, 0x0303) }),
            Setting(
                name: "the plan wants TLS 1.3 and the server has 1.2",
                configure: { _ = seawall_ssl_set_versions($0, 0x0303, 0x0303) },
                change: { $0.minimumVersion = .tls13 }, failure: "protocol version"),
            Setting(
                name: "the plan stops at TLS 1.2 and the server wants 1.3",
                configure: { _ = seawall_ssl_set_versions($0, 0x0304, 0x0304) },
                change: { $0.maximumVersion = .tls12 }, failure: "protocol version"),
            Setting(
                name: "one cipher suite that both have",
                configure: { SSL_CTX_set_ciphersuites($0, "TLS_CHACHA20_POLY1305_SHA256:TLS_AES_128_GCM_SHA256") },
                change: { $0.cipherSuites = "TLS_CHACHA20_POLY1305_SHA256" }),
            Setting(
                name: "no cipher suite that both have",
                configure: { SSL_CTX_set_ciphersuites($0, "TLS_AES_128_GCM_SHA256") },
                change: { $0.cipherSuites = "TLS_CHACHA20_POLY1305_SHA256" }, failure: "handshake failure"),
            Setting(
                name: "a cipher of TLS 1.2",
                change: { tls in
                    tls.maximumVersion = .tls12
                    tls.ciphers = "ECDHE-ECDSA-AES128-GCM-SHA256"
                }),
            Setting(
                name: "a server that insists on another protocol",
                configure: { context in
                    SSL_CTX_set_alpn_select_cb(
                        context,
                        { _, chosen, length, offered, count, _ in
                            // "h2" stands second in what is offered: after the nine bytes of http/1.1.
                            chosen?.pointee = offered.map { $0 + 10 }
                            length?.pointee = 2
                            return count > 11 ? SSL_TLSEXT_ERR_OK : SSL_TLSEXT_ERR_NOACK
                        }, nil)
                },
                change: { $0.alpn = ["http/1.1", "h2"] }, failure: "not HTTP/1"),
        ]

        @Test("versions, ciphers and protocols are those of the plan", arguments: settings)
        func negotiated(setting: Setting) async throws {
            let server = try TLSServer(names: "IP:127.0.0.1", configure: setting.configure)
            var tls = Plan.TLS(rootsFile: server.certificate)
            setting.change(&tls)
            let result = try await LoadGeneratorTests.play(
                makePlan(port: server.server.port, rate: .constant(perSecond: 50), seconds: 0.1, tls: tls))
            if let failure = setting.failure {
                #expect(result.accounting.byOutcome == [.tls: 5])
                #expect(result.breakdown.ended.mapValues(\.count) == [.tls: 5])
                #expect(result.failureSamples.first?.message.contains(failure) == true, "\(result.failureSamples)")
            } else {
                #expect(result.accounting.byOutcome == [.ok: 5], "\(result.failureSamples)")
            }
        }

        @Test("another server name is sent, and looked for in the certificate")
        func serverName() async throws {
            let server = try TLSServer(names: "DNS:inside.example")
            var tls = Plan.TLS(rootsFile: server.certificate)
            tls.serverName = "inside.example"
            var plan = makePlan(port: server.server.port, rate: .constant(perSecond: 50), seconds: 0.1, tls: tls)
            #expect(try await LoadGeneratorTests.play(plan).accounting.byOutcome == [.ok: 5])
            plan.targets[0].tls?.serverName = "outside.example"
            #expect(try await LoadGeneratorTests.play(plan).accounting.byOutcome == [.tls: 5])
        }

        @Test("a server that asks for a client certificate gets the plan's, and refuses who has none")
        func clientCertificate() async throws {
            let client = try TLSServer(names: "DNS:client")
            let server = try TLSServer(
                names: "IP:127.0.0.1",
                configure: { context in
                    SSL_CTX_set_verify(context, SSL_VERIFY_PEER | SSL_VERIFY_FAIL_IF_NO_PEER_CERT, nil)
                    SSL_CTX_load_verify_locations(context, client.certificate, nil)
                    // Without one OpenSSL refuses everybody whom it has asked for a certificate and who resumes a session.
                    SSL_CTX_set_session_id_context(context, [1], 1)
                })
            var tls = Plan.TLS(rootsFile: server.certificate)
            tls.certificateFile = client.certificate
            tls.keyFile = client.key
            var plan = makePlan(port: server.server.port, rate: .constant(perSecond: 50), seconds: 0.1, tls: tls)
            plan.connections.strategy = .perRequest
            let accepted = try await LoadGeneratorTests.play(plan)
            #expect(accepted.accounting.byOutcome == [.ok: 5], "\(accepted.failureSamples)")
            plan.targets[0].tls = Plan.TLS(rootsFile: server.certificate)
            let refused = try await LoadGeneratorTests.play(plan)
            #expect(refused.accounting.byOutcome == [.tls: 5])
            #expect(
                refused.failureSamples.contains { $0.message.contains("certificate required") },
                "\(refused.failureSamples)")
        }

        @Test("files and settings that OpenSSL refuses are told before anything is sent")
        func impossible() throws {
            func message(_ change: (inout Plan.TLS) -> Void) -> String {
                var tls = Plan.TLS(rootsFile: nil, verify: false)
                change(&tls)
                do {
                    _ = try LoadEngine(makePlan(port: 1, tls: tls))
                    return "nothing"
                } catch {
                    return error.message
                }
            }
            #expect(message { $0.ciphers = "NO-SUCH-CIPHER" }.contains("no cipher of the list `NO-SUCH-CIPHER`"))
            #expect(message { $0.cipherSuites = "TLS_NONE" }.contains("cipher suites `TLS_NONE`"))
            #expect(message { $0.certificateFile = "/nowhere.pem" }.contains("can't be read from /nowhere.pem"))
            #expect(message { $0.keyFile = "/key.pem" }.contains("without its certificate"))
            #expect(message { $0.alpn = [""] }.contains("not the name of a protocol"))
            #expect(
                message {
                    $0.minimumVersion = .tls13
                    $0.maximumVersion = .tls12
                }.contains("at least 1.3 and at most 1.2"))
        }

        @Test("a reset in the middle of a TLS record is a broken connection in words")
        func resetInRecord() async throws {
            let server = try TLSServer(
                names: "IP:127.0.0.1",
                answer: { connection, _ in
                    // The beginning of a record of 64 bytes of application data.
                    let part: [UInt8] = [0x17, 3, 3, 0, 64, 1, 2, 3]
                    send(connection.descriptor, part, part.count, Int32(MSG_NOSIGNAL))
                    usleep(20_000)
                    connection.reset()
                    return false
                })
            let result = try await play(server, host: "127.0.0.1", roots: server.certificate)
            #expect(result.accounting.byOutcome == [.connection: 20])
            #expect(
                result.failureSamples.first?.message.contains("reset by peer") == true, "\(result.failureSamples)")
        }

        private static func write(_ text: String, _ ssl: OpaquePointer) {
            let bytes = Array(text.utf8)
            SSL_write(ssl, bytes, Int32(bytes.count))
        }

        @Test("a body until the end is whole only when TLS says that this is the end", arguments: [true, false])
        func untilClose(isAnnounced: Bool) async throws {
            let server = try TLSServer(
                names: "IP:127.0.0.1",
                answer: { _, ssl in
                    Self.write("HTTP/1.1 200 OK\r\n\r\nperhaps all of it", ssl)
                    if isAnnounced { SSL_shutdown(ssl) }
                    return false
                })
            let result = try await play(server, host: "127.0.0.1", roots: server.certificate)
            #expect(result.accounting.byOutcome == [(isAnnounced ? .ok : .connection): 20], "\(result.failureSamples)")
            if !isAnnounced {
                #expect(result.failureSamples.first?.message.contains("in the middle of an answer") == true)
            }
        }

        @Test("a server that closes a kept-alive connection as a request is sent on it is a broken connection")
        func closedOnReuse() async throws {
            let seen = Mutex<Set<Int32>>([])
            let server = try TLSServer(
                names: "IP:127.0.0.1",
                answer: { connection, ssl in
                    // Descriptors come again: each ends with its second request.
                    let isFirst = seen.withLock { seen in
                        if seen.remove(connection.descriptor) != nil { return false }
                        seen.insert(connection.descriptor)
                        return true
                    }
                    return isFirst && TLSServer.answerOK(connection, ssl)
                })
            var plan = makePlan(
                port: server.server.port, rate: .constant(perSecond: 20), seconds: 0.5,
                tls: .init(rootsFile: server.certificate))
            plan.connections.limitPerTarget = 1
            let result = try await LoadGeneratorTests.play(plan)
            #expect(result.accounting.byOutcome == [.ok: 5, .connection: 5], "\(result.failureSamples)")
            #expect(result.failureSamples.first?.message.contains("closed a kept-alive connection") == true)
        }

        @Test("what comes behind an answer in one piece with it is no answer to the next request")
        func garbageReadAhead() async throws {
            let server = try TLSServer(
                names: "IP:127.0.0.1",
                answer: { connection, ssl in
                    func cork(_ on: Int32) {
                        var on = on
                        setsockopt(
                            connection.descriptor, Int32(IPPROTO_TCP), TCP_CORK, &on,
                            socklen_t(MemoryLayout<Int32>.size))
                    }
                    cork(1)
                    Self.write("HTTP/1.1 200 OK\r\ncontent-length: 2\r\n\r\nok", ssl)
                    Self.write("HTTP/1.1 500 Unasked\r\ncontent-length: 0\r\n\r\n", ssl)
                    cork(0)
                    return true
                })
            var plan = makePlan(
                port: server.server.port, rate: .closed(users: 1), seconds: 5,
                tls: .init(rootsFile: server.certificate))
            plan.sources[0].iterations = 5
            let result = try await LoadGeneratorTests.play(plan)
            #expect(result.accounting.byOutcome == [.ok: 5], "\(result.failureSamples)")
            #expect(server.server.connections == 5)
        }

        @Test("a handshake that fails for another reason does not blame a certificate that is not verified")
        func unverified() async throws {
            let server = try TLSServer(
                names: "IP:127.0.0.1",
                configure: { context in
                    SSL_CTX_set_verify(context, SSL_VERIFY_PEER | SSL_VERIFY_FAIL_IF_NO_PEER_CERT, nil)
                })
            var tls = Plan.TLS(rootsFile: nil, verify: false)
            // In TLS 1.2 the server's certificate comes before the client's is missed.
            tls.maximumVersion = .tls12
            let result = try await LoadGeneratorTests.play(
                makePlan(port: server.server.port, rate: .constant(perSecond: 50), seconds: 0.1, tls: tls))
            #expect(result.accounting.byOutcome == [.tls: 5])
            #expect(result.failureSamples.first?.message.contains("TLS failed: ") == true, "\(result.failureSamples)")
        }

        @Test("a record that was tampered with is a TLS failure in words")
        func badRecord() async throws {
            let server = try TLSServer(
                names: "IP:127.0.0.1",
                answer: { connection, _ in
                    let record: [UInt8] = [0x17, 3, 3, 0, 32] + (0..<32).map { UInt8($0) }
                    send(connection.descriptor, record, record.count, Int32(MSG_NOSIGNAL))
                    usleep(20_000)
                    return false
                })
            let result = try await play(server, host: "127.0.0.1", roots: server.certificate)
            #expect(result.accounting.byOutcome == [.tls: 20])
            #expect(result.failureSamples.first?.message.contains("TLS failed: ") == true, "\(result.failureSamples)")
        }
    }
}
