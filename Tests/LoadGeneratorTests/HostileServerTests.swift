// SPDX-License-Identifier: Apache-2.0

import Foundation
import Measurement
import Synchronization
import Testing

@testable import LoadGenerator

extension EngineTests {
    @Suite("Hostile servers") struct HostileServerTests {
        struct Case: Sendable, CustomTestStringConvertible {
            var name: String
            var outcome: Outcome
            /// The part in which it dies.
            var part = RequestPart.receive
            var words: String
            var script: @Sendable (ScriptedServer.Connection) -> Void
            var testDescription: String { name }
        }

        static let cases: [Case] = [
            Case(name: "garbage", outcome: .malformed, words: "does not begin like HTTP") { connection in
                _ = connection.readRequest()
                connection.write("SSH-2.0-OpenSSH\r\n")
                _ = connection.readRequest()
            },
            Case(name: "a gigabyte of header", outcome: .malformed, words: "head is longer than") { connection in
                _ = connection.readRequest()
                connection.write("HTTP/1.1 200 OK\r\n")
                for _ in 0..<100 { connection.write("x-filler: " + String(repeating: "x", count: 10_000) + "\r\n") }
            },
            Case(name: "half a head, then the end", outcome: .connection, words: "in the middle of an answer") {
                connection in
                _ = connection.readRequest()
                connection.write("HTTP/1.1 200 OK\r\ncontent-le")
            },
            Case(name: "less body than promised", outcome: .connection, words: "in the middle of an answer") {
                connection in
                _ = connection.readRequest()
                connection.write("HTTP/1.1 200 OK\r\ncontent-length: 10\r\n\r\nabc")
            },
            Case(name: "nothing, then the end", outcome: .connection, part: .firstByte, words: "without an answer") {
                connection in
                _ = connection.readRequest()
            },
            Case(name: "a reset instead of an answer", outcome: .connection, part: .firstByte, words: "reset by peer") {
                connection in
                _ = connection.readRequest()
                connection.reset()
            },
            Case(name: "nothing at all", outcome: .timeout, part: .firstByte, words: "no answer within") { connection in
                _ = connection.readRequest()
                _ = connection.readRequest()
            },
            Case(name: "one byte every few milliseconds", outcome: .timeout, words: "did not end within") {
                connection in
                _ = connection.readRequest()
                for byte in "HTTP/1.1 200 OK\r\ncontent-length: 400\r\n\r\n" + String(repeating: "x", count: 400) {
                    connection.write(String(byte))
                    usleep(5_000)
                }
            },
            Case(name: "a switch of protocols", outcome: .malformed, words: "switched protocols") { connection in
                _ = connection.readRequest()
                connection.write("HTTP/1.1 101 Switching Protocols\r\nupgrade: x\r\n\r\n")
            },
            Case(name: "garbage after the answer", outcome: .ok, words: "") { connection in
                _ = connection.readRequest()
                connection.write("HTTP/1.1 200 OK\r\ncontent-length: 2\r\n\r\nokHTTP/1.1 500 Extra\r\n\r\n")
                _ = connection.readRequest()
            },
            Case(name: "an answer before the request, then the end", outcome: .ok, words: "") { connection in
                connection.answer(headers: "connection: close\r\n")
                _ = connection.readRequest()
            },
            Case(name: "a body until the end", outcome: .ok, words: "") { connection in
                _ = connection.readRequest()
                connection.write("HTTP/1.1 200 OK\r\n\r\nall of it")
            },
            Case(name: "an early answer to an upload, then the end", outcome: .errorStatus, words: "status 413") {
                connection in
                connection.write("HTTP/1.1 413 Too Large\r\nconnection: close\r\ncontent-length: 0\r\n\r\n")
                _ = connection.readRequest()
            },
            Case(
                name: "an early answer to a large upload that is not read", outcome: .errorStatus, words: "status 413"
            ) { connection in
                connection.write("HTTP/1.1 413 Too Large\r\ncontent-length: 0\r\n\r\n")
            },
            Case(
                name: "half-closed before an answer", outcome: .connection, part: .firstByte, words: "without an answer"
            ) { connection in
                _ = connection.readRequest()
                shutdown(connection.descriptor, Int32(SHUT_WR))
                _ = connection.readRequest()
            },
            Case(name: "half-closed after an answer", outcome: .ok, words: "") { connection in
                _ = connection.readRequest()
                connection.answer()
                shutdown(connection.descriptor, Int32(SHUT_WR))
                _ = connection.readRequest()
            },
            Case(name: "half-closed after half an answer", outcome: .connection, words: "in the middle of an answer") {
                connection in
                _ = connection.readRequest()
                connection.write("HTTP/1.1 200 OK\r\ncontent-length: 10\r\n\r\nhalf")
                shutdown(connection.descriptor, Int32(SHUT_WR))
                _ = connection.readRequest()
            },
            Case(name: "a reset in the middle of an answer", outcome: .connection, words: "reset by peer") {
                connection in
                _ = connection.readRequest()
                connection.write("HTTP/1.1 200 OK\r\ncontent-length: 10\r\n\r\nhalf")
                usleep(20_000)  // the bytes must have been read: a reset throws away those that were not
                connection.reset()
            },
            Case(name: "two content lengths that differ", outcome: .malformed, words: "content-length") { connection in
                _ = connection.readRequest()
                connection.write("HTTP/1.1 200 OK\r\ncontent-length: 2\r\ncontent-length: 3\r\n\r\nok")
                _ = connection.readRequest()
            },
            Case(name: "a chunk that is longer than its size", outcome: .malformed, words: "longer than its size") {
                connection in
                _ = connection.readRequest()
                connection.write("HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n2\r\nokay\r\n0\r\n\r\n")
                _ = connection.readRequest()
            },
            Case(name: "interim answers without end", outcome: .malformed, words: "interim") { connection in
                _ = connection.readRequest()
                for _ in 0..<40 { connection.write("HTTP/1.1 102 Processing\r\n\r\n") }
                _ = connection.readRequest()
            },
            Case(name: "an interim answer before the real one", outcome: .ok, words: "") { connection in
                while connection.readRequest() != nil {
                    connection.write("HTTP/1.1 103 Early Hints\r\nlink: </a>\r\n\r\n")
                    connection.answer()
                }
            },
            Case(name: "no body where none may be, whatever the headers say", outcome: .ok, words: "") { connection in
                while connection.readRequest() != nil {
                    connection.write("HTTP/1.1 204 No Content\r\ncontent-length: 5\r\n\r\n")
                    guard connection.readRequest() != nil else { return }
                    connection.write("HTTP/1.1 304 Not Modified\r\ncontent-length: 5\r\n\r\n")
                }
            },
            Case(name: "folded headers and trailers", outcome: .ok, words: "") { connection in
                while connection.readRequest() != nil {
                    connection.write(
                        "HTTP/1.1 200 OK\r\nx-long: one\r\n two\r\n\tthree\r\ntransfer-encoding: chunked\r\n\r\n"
                            + "2\r\nok\r\n0\r\nx-sum: 1\r\nx-more: 2\r\n\r\n")
                }
            },
            Case(name: "chunks in small pieces", outcome: .ok, words: "") { connection in
                while connection.readRequest() != nil {
                    for part in [
                        "HTTP/1.1 200 O", "K\r\ntransfer-encoding: chunked\r\n", "\r\n1", "\r\na\r", "\n0\r\nt: 1",
                        "\r\n\r\n",
                    ] {
                        connection.write(part)
                        usleep(300)
                    }
                }
            },
        ]

        @Test("each ends as its own counted outcome with a reason, and the run goes on", arguments: cases)
        func hostile(hostile: Case) async throws {
            let server = ScriptedServer(script: hostile.script)
            defer { server.stop() }
            var request = get("/")
            // Long where no timeout is expected: other tests run on the same processors.
            request.timeout = hostile.outcome == .timeout ? .milliseconds(400) : .seconds(9)
            if hostile.name.contains("large upload") {
                request.method = "POST"
                request.body = .init([.literal([UInt8](repeating: 0x78, count: 50_000_000))])
            }
            let result = try await play(
                makePlan(port: server.port, rate: .constant(perSecond: 40), seconds: 0.25, steps: [.request(request)]))
            #expect(result.accounting.scheduled == 10)
            #expect(result.accounting.byOutcome == [hostile.outcome: 10], "\(result.failureSamples)")
            let died = result.breakdown.ended.mapValues(\.count)
            #expect(died == (hostile.outcome.isCompleted ? [:] : [hostile.part: 10]))
            if hostile.words.isEmpty {
                #expect(result.failureSamples.isEmpty)
            } else {
                #expect(
                    result.failureSamples.first?.message.contains(hostile.words) == true, "\(result.failureSamples)")
            }
        }

        @Test("a connection that closes while it is idle is not used again")
        func idleClose() async throws {
            let server = ScriptedServer(script: { connection in
                _ = connection.readRequest()
                connection.answer()
            })
            defer { server.stop() }
            // Slow enough that the end of a connection is there before the next request wants it.
            let result = try await play(makePlan(port: server.port, rate: .constant(perSecond: 4), seconds: 1))
            #expect(result.accounting.byOutcome == [.ok: 4] && server.connections == 4)
        }

        @Test(
            "a target that is not there ends as counted failures in words",
            arguments: [Plan.Source.Rate.constant(perSecond: 100), .closed(users: 3)])
        func refused(rate: Plan.Source.Rate) async throws {
            let server = ScriptedServer()
            server.stop()
            let result = try await play(makePlan(port: server.port, rate: rate, seconds: 0.2))
            #expect(result.accounting.byOutcome.keys.sorted { $0.rawValue < $1.rawValue } == [.connection])
            #expect(result.accounting.connectionsOpened == 0)
            #expect(result.breakdown.ended.mapValues(\.count) == [.connect: result.accounting.scheduled])
            // A closed user pauses after a failure instead of storming a dead server.
            #expect((3...60).contains(result.accounting.scheduled))
            let message = "web 127.0.0.1:\(server.port): can't connect: Connection refused"
            #expect(result.failureSamples == [FailureSample(message: message, count: result.accounting.scheduled)])
        }

        @Test("a server that does not accept ends as timeouts of the connection")
        func blackhole() async throws {
            // A backlog of one that is full: further connections get no answer from the kernel.
            let (descriptor, port) = ScriptedServer.listen()
            listen(descriptor, 0)
            defer { close(descriptor) }
            var plan = makePlan(port: port, rate: .constant(perSecond: 50), seconds: 0.2)
            plan.connections.connectTimeout = .milliseconds(200)
            plan.sources[0].gracefulStop = .seconds(1)
            var request = get("/")
            request.timeout = .milliseconds(200)
            plan.journeys[0].steps = [.request(request)]
            let result = try await play(plan)
            #expect(result.accounting.byOutcome == [.timeout: 10])
            #expect(result.failureSamples.contains { $0.message.contains("no connection within 0.2 seconds") })
        }

        @Test("a server that sends faster than can be read is given up in its time, and holds up nobody else")
        func endlessAnswer() async throws {
            let wasGivenUp = Mutex<Bool?>(nil)
            let server = ScriptedServer(answering: { connection, request in
                guard request.hasPrefix("GET /endless ") else { return connection.answer() }
                connection.write("HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n")
                // Chunks of one byte take far longer to read than to send.
                let chunks = Array(String(repeating: "1\r\nx\r\n", count: 50_000).utf8)
                let begun = ContinuousClock.now
                var isSent = true
                while isSent, ContinuousClock.now - begun < .seconds(8) {
                    isSent = send(connection.descriptor, chunks, chunks.count, Int32(MSG_NOSIGNAL)) > 0
                }
                wasGivenUp.withLock { $0 = !isSent }
                shutdown(connection.descriptor, Int32(SHUT_RDWR))
            })
            defer { server.stop() }
            var endless = get("/endless")
            endless.timeout = .milliseconds(500)
            var plan = makePlan(port: server.port, rate: .closed(users: 1), seconds: 20)
            plan.sources[0].iterations = 1
            plan.journeys.append(.init(name: "endless", steps: [.request(endless)]))
            plan.sources.append(plan.sources[0])
            plan.sources[1].journeys = [(1, 1)]
            plan.sources[0].startOffset = .milliseconds(200)
            let result = try await play(plan)
            #expect(result.accounting.byOutcome == [.timeout: 1, .ok: 1], "\(result.failureSamples)")
            while wasGivenUp.withLock({ $0 == nil }) { try await Task.sleep(for: .milliseconds(5)) }
            #expect(wasGivenUp.withLock { $0 } == true, "the worker read on until the server was done")
        }

        @Test("requests larger than the socket's buffers are written in pieces")
        func largeRequest() async throws {
            let server = ScriptedServer(answering: { connection, request in connection.answer("\(request.utf8.count)") }
            )
            defer { server.stop() }
            var post = Plan.Request(label: "POST", target: 0, method: "POST", path: .literal("/"))
            post.body = .init([.literal([UInt8](repeating: 0x78, count: 6_000_000)), .uuid])
            let capture = Plan.Capture("value", variable: .init(index: 0), source: .json([]))
            post.captures = [capture]
            post.timeout = .seconds(20)
            let result = try await play(
                makePlan(port: server.port, rate: .constant(perSecond: 4), seconds: 0.5, steps: [.request(post)]))
            #expect(result.accounting.byOutcome == [.ok: 2])
            #expect(result.slices.map(\.bytesSent).reduce(0, +) > 12_000_000)
        }
    }
}

extension EngineTests {
    @Suite("Truth") struct TruthTests {
        @Test(
            "a frozen target shows in the response time, where service time alone would hide it, whatever the caps are",
            arguments: [100_000, 50])
        func freeze(maxInFlight: Int) async throws {
            let server = ServerProcess()
            // 5 % of the arrivals fall in the freeze. True p99: 1 s − 1 % of 20 s = 0.8 s, plus catching up.
            var plan = makePlan(port: server.port, rate: .constant(perSecond: 500), seconds: 20)
            plan.connections.limitPerTarget = 10
            plan.maxInFlight = maxInFlight
            let engine = try LoadEngine(plan)
            let result = try await engine.run(onTick: { tick in
                if tick.slice.second == 1 { server.freeze(seconds: 1) }
            })
            #expect(result.accounting.byOutcome == [.ok: 10_000], "\(result.failureSamples)")
            #expect(result.accounting.isBalanced)
            let response = LatencyHistogram.merging(result.slices.flatMap(\.samples).map(\.responseTime))
            let service = LatencyHistogram.merging(result.slices.flatMap(\.samples).map(\.serviceTime))
            let (trueP99, naiveP99) = (try #require(response.percentile(99)), try #require(service.percentile(99)))
            #expect(trueP99 > 750_000_000, "p99 of the response time was \(trueP99) ns")
            // Above that only by what a busy machine adds to it.
            #expect(trueP99 < 1_200_000_000, "p99 of the response time was \(trueP99) ns")
            #expect(naiveP99 < trueP99 / 3, "p99 of the service time was \(naiveP99) ns")
            #expect(try #require(service.max) > 750_000_000)
        }
    }
}
