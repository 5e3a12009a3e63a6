// SPDX-License-Identifier: Apache-2.0

import Glibc
import Measurement
import Testing

@testable import LoadGenerator

extension EngineTests {
    /// What a server does between a worker's connecting and its next look at its sockets comes as one event.
    @Suite("Events that come together") struct WorkerEdgeTests {
        /// Plays arrivals 50 ms apart against a server that says `words` as soon as it has accepted the first of them, before the
        /// worker's loop begins. Returns the outcomes in the order of the arrivals.
        private func outcomes(_ words: [UInt8], halfCloses: Bool, arrivals: Int = 1) throws -> [OutcomeIndex] {
            let (listening, port) = ScriptedServer.listen()
            defer { close(listening) }
            var plan = makePlan(
                port: port, rate: .constant(perSecond: 20), seconds: 0.05 * Double(arrivals) - 0.01)
            plan.sources[0].gracefulStop = .milliseconds(300)
            plan.connections.limitPerTarget = 1 + arrivals
            let compiled = CompiledPlan(
                plan, targets: [try ResolvedTarget(plan.targets[0], lookup: ResolvedTarget.system)])
            let mailbox = Mailbox()
            let worker = try Worker(
                plan: compiled, number: 0, mailbox: mailbox,
                resolver: Resolver(plan.targets, lookup: ResolvedTarget.system), stop: try StopFlag())
            let start = Clock.now()
            worker.begin(at: start)
            worker.startDueArrivals(start)
            let connection = accept(listening, nil, nil)
            defer { close(connection) }
            // All of it has to fit: the worker is not reading yet.
            var room: Int32 = 200_000
            setsockopt(connection, SOL_SOCKET, SO_SNDBUF, &room, socklen_t(MemoryLayout<Int32>.size))
            try #require(words.isEmpty || send(connection, words, words.count, Int32(MSG_NOSIGNAL)) == words.count)
            if halfCloses { shutdown(connection, Int32(SHUT_WR)) }
            worker.run()
            let handovers = mailbox.takeAll()
            defer { for handover in handovers { handover.chunk.free() } }
            return handovers.flatMap { handover in (0..<handover.chunk.count).map { handover.chunk.records[$0] } }
                .sorted { $0.intended < $1.intended }.map(\.outcome)
        }

        @Test("a server that half-closes as soon as it has accepted gives no answer, and that is known at once")
        func halfClosed() throws {
            #expect(try outcomes([], halfCloses: true) == [.connection])
        }

        @Test("an answer that is there before the request is read")
        func early() throws {
            let answer = Array("HTTP/1.1 200 OK\r\ncontent-length: 2\r\n\r\nok".utf8)
            #expect(try outcomes(answer, halfCloses: false) == [.ok])
        }

        @Test("what comes behind an answer that fills the buffer is no answer to the next request")
        func fullBuffer() throws {
            var answer = "HTTP/1.1 200 OK\r\ncontent-length: 65000\r\nx-filler: \r\n\r\n"
            answer = answer.replacing(
                "filler: ", with: "filler: " + String(repeating: "x", count: 65_536 - 65_000 - answer.utf8.count))
            let garbage = "HTTP/1.1 500 Unasked\r\ncontent-length: 0\r\n\r\n"
            let words = Array((answer + String(repeating: "b", count: 65_000) + garbage).utf8)
            #expect(words.count == 65_536 + garbage.utf8.count)
            // The second request goes over a connection of its own, which nobody serves.
            #expect(try outcomes(words, halfCloses: false, arrivals: 2) == [.ok, .aborted])
        }
    }
}

@Suite("Slice recorder")
struct SliceRecorderTests {
    @Test("as many steps and outcomes as a plan may have are kept apart, also after packing")
    func many() {
        let steps = 3_000
        var recorder = SliceRecorder(
            .init(steps: steps, targetOfStep: Array(repeating: 0, count: steps), targets: ["web"]))
        for round in 1...2 {
            for step in 0..<steps where round == 1 || step % 1_000 == 0 {
                for outcome in OutcomeIndex.allCases {
                    let record = RequestRecord(
                        intended: 0, pickedUp: 0, sent: 0, firstByte: 0, end: 1, step: Int32(step), outcome: outcome,
                        part: .wait)
                    recorder.add(record, RequestDetail())
                }
            }
            recorder.pack()
        }
        let samples = recorder.slice(0).samples
        #expect(samples.count == steps * OutcomeIndex.allCases.count)
        #expect(samples.allSatisfy { $0.responseTime.count == ($0.step % 1_000 == 0 ? 2 : 1) })
    }
}
