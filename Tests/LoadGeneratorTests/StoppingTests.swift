// SPDX-License-Identifier: Apache-2.0

import Glibc
import Measurement
import Testing

@testable import LoadGenerator

extension EngineTests {
    @Suite("The end of a load") struct StoppingTests {
        @Test("each source has a graceful stop of its own; the others go on")
        func gracefulStops() async throws {
            let server = ScriptedServer(answering: { connection, request in
                if request.hasPrefix("GET /slow") { usleep(3_000_000) }
                connection.answer()
            })
            defer { server.stop() }
            var plan = makePlan(port: server.port, rate: .constant(perSecond: 100), seconds: 0.2)
            plan.journeys.append(.init(name: "slow", steps: [.request(get("/slow"))]))
            plan.journeys.append(
                .init(
                    name: "pausing",
                    steps: [.request(get("/first")), .think(.fixed(.seconds(60))), .request(get("/never-due"))]))
            plan.sources[0].journeys = [(1, 1)]
            plan.sources[0].gracefulStop = .milliseconds(100)
            plan.connections.limitPerTarget = 15
            var others = plan.sources[0]
            others.name = "others"
            others.duration = .milliseconds(800)
            others.startOffset = .milliseconds(100)
            others.rate = .constant(perSecond: 50)
            others.journeys = [(0, 1)]
            others.gracefulStop = .seconds(5)
            plan.sources.append(others)
            var pausing = others
            pausing.name = "pausing"
            pausing.journeys = [(2, 1)]
            pausing.gracefulStop = .zero
            plan.sources.append(pausing)
            let result = try await play(plan)
            var outcomes: [Int: [Outcome: UInt64]] = [:]
            for sample in result.slices.flatMap(\.samples) {
                outcomes[sample.step, default: [:]][sample.outcome, default: 0] += sample.responseTime.count
            }
            // 20 slow ones: 15 have a connection, 5 wait for one. The others need those, and get them after the cut.
            #expect(outcomes[1]?.keys.allSatisfy { $0 == .aborted || $0 == .neverStarted } == true)
            #expect(outcomes[1]?.values.reduce(0, +) == 20)
            #expect(outcomes[0] == [.ok: 40])
            // Without a graceful stop the last of them may be cut off under way.
            #expect(outcomes[2]?.values.reduce(0, +) == 40 && outcomes[2]?[.ok, default: 0] ?? 0 > 20)
            #expect(outcomes[3] == nil)
            let aborted = result.slices.flatMap(\.samples).filter { $0.outcome == .aborted }
            #expect(try #require(aborted.compactMap(\.responseTime.max).max()) < 1_000_000_000)
            #expect(!result.wasStopped && result.actualNanoseconds < 3_000_000_000)
        }

        @Test("steps that came due while the generator was away are never started, not forgotten")
        func dueSteps() throws {
            let pause = Plan.Step.think(.uniform(.zero, .seconds(2)))
            let plan = makePlan(
                port: 1, rate: .constant(perSecond: 50), seconds: 1, steps: [pause, pause, .request(get("/"))])
            let compiled = CompiledPlan(
                plan, targets: [try ResolvedTarget(plan.targets[0], lookup: ResolvedTarget.system)])
            let start: UInt64 = 1_000_000_000
            let worker = try Worker(
                plan: compiled, number: 0, mailbox: Mailbox(),
                resolver: Resolver(plan.targets, lookup: ResolvedTarget.system), stop: try StopFlag())
            worker.begin(at: start)
            worker.startDueArrivals(start + 1_000_000_000)
            #expect(worker.counters.scheduled == 0 && worker.sessions.inUse == 50)
            worker.abortAll(start + 2_000_000_000)
            #expect((5...30).contains(worker.counters.scheduled))
            #expect(worker.chunk.count == Int(worker.counters.scheduled))
            for number in 0..<worker.chunk.count {
                let record = worker.chunk.records[number]
                #expect(record.outcome == .neverStarted && record.intended <= start + 2_000_000_000)
                // So late was the generator, and its verdict has to see that.
                #expect(record.pickedUp == record.end)
            }
            #expect(worker.sessions.inUse == 0)
        }

        @Test("requests that were refused are counted in the second in which they were intended")
        func refusedBySecond() async throws {
            let server = ScriptedServer(script: { connection in
                _ = connection.readRequest()
                usleep(4_000_000)
            })
            defer { server.stop() }
            var plan = makePlan(port: server.port, rate: .constant(perSecond: 1000), seconds: 2)
            plan.maxInFlight = 1
            plan.sources[0].gracefulStop = .milliseconds(100)
            let result = try await play(plan)
            #expect(result.accounting.byOutcome == [.neverStarted: 1999, .aborted: 1])
            #expect(
                result.slices.prefix(2).map { $0.samples.reduce(0) { $0 + $1.responseTime.count } } == [1000, 1000])
        }
    }
}
