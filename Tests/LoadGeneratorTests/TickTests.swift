// SPDX-License-Identifier: Apache-2.0

import Foundation
import Measurement
import Synchronization
import Testing

@testable import LoadGenerator

extension EngineTests {
    @Suite("The ticks of a load")
    struct TickTests {
        @Test("bring the seconds again that have changed, refused arrivals included")
        func changes() async throws {
            let server = ScriptedServer(answering: { connection, _ in
                // The answers to the first second's last requests come in the second one.
                usleep(300_000)
                connection.answer()
            })
            defer { server.stop() }
            var plan = makePlan(port: server.port, rate: .constant(perSecond: 40), seconds: 2.5)
            // Half of the first second's arrivals have no row.
            plan.tables = [.init(name: "t", columns: ["id"], rows: (0..<20).map { ["\($0)"] }, draw: .uniform)]
            plan.feeders = [.init(name: "t", table: 0, order: .queue)]
            var request = get("/")
            request.headers = [("x-id", .init([.feeder(0, column: 0)]))]
            plan.journeys[0].steps = [.request(request)]
            let known = Mutex<[Int: Slice]>([:])
            let seconds = Mutex<[Int]>([])
            let result = try await LoadEngine(plan).run(
                wantsChanges: true,
                onTick: { tick in
                    known.withLock { known in for slice in tick.changed { known[slice.second] = slice } }
                    seconds.withLock { $0.append(tick.slice.second) }
                    #expect(tick.changed.allSatisfy { $0.second <= tick.slice.second })
                })
            #expect(seconds.withLock { $0 }.prefix(2) == [0, 1])
            func counts(_ slice: Slice) -> [Outcome: UInt64] {
                slice.samples.reduce(into: [:]) { $0[$1.outcome, default: 0] += $1.responseTime.count }
            }
            // Whatever was due in the first second had ended by the end of the next one.
            let first = try #require(known.withLock { $0[0] })
            #expect(counts(first) == counts(result.slices[0]))
            #expect(counts(first)[.ok, default: 0] > 0 && counts(first)[.neverStarted, default: 0] > 0)
            #expect(first.ended[.ok] == result.slices[0].ended[.ok])
        }

        @Test("bring no other seconds unless asked to")
        func noChanges() async throws {
            let server = ScriptedServer()
            defer { server.stop() }
            let changed = Atomic(0)
            _ = try await LoadEngine(makePlan(port: server.port, seconds: 1.2)).run(onTick: { tick in
                changed.add(tick.changed.count, ordering: .relaxed)
            })
            #expect(changed.load(ordering: .relaxed) == 0)
        }
    }
}
