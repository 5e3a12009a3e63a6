// SPDX-License-Identifier: Apache-2.0

import Glibc
import Measurement
import Synchronization
import Testing

@testable import LoadGenerator

@Suite("User schedule")
struct UserScheduleTests {
    private func schedule(
        _ rate: Plan.Source.Rate, seconds: Double, offset: Double = 0, worker: Int = 0, of workers: Int = 1
    ) -> UserSchedule {
        var source = Plan.Source(
            name: "s", arrivals: .uniform, rate: rate, duration: .seconds(seconds), journeys: [(0, 1)])
        source.startOffset = .seconds(offset)
        return UserSchedule(source: source, worker: worker, of: workers)
    }

    private func starts(_ schedule: UserSchedule) -> [UserSchedule.Start] {
        var schedule = schedule
        var all: [UserSchedule.Start] = []
        while let start = schedule.takeStart() { all.append(start) }
        return all
    }

    @Test("constant users all start at once, and are active to the end")
    func constant() {
        let users = schedule(.closed(users: 3), seconds: 2, offset: 1)
        #expect(starts(users) == (0..<3).map { .init(user: $0, nanoseconds: 1_000_000_000) })
        #expect(users.isActive(2, at: 2_999_999_999) && !users.isActive(2, at: 3_000_000_000))
        #expect(!users.isActive(0, at: 0) && !users.isActive(3, at: 2_000_000_000))
    }

    @Test("a ramp up starts users at equal distances, a ramp down lets them go in reverse")
    func ramp() {
        let users = schedule(
            .rampingUsers(start: 0, stages: [(.seconds(10), 10), (.seconds(5), 10), (.seconds(10), 0)]), seconds: 25)
        #expect(starts(users) == (0..<10).map { .init(user: $0, nanoseconds: $0 * 1_000_000_000) })
        for user in 0..<10 as Range<UInt64> {
            // User u goes when the number falls to u, (10 − u) s after second 15.
            let end = (25 - user) * 1_000_000_000
            #expect(users.isActive(user, at: end - 1_000_000) && !users.isActive(user, at: end + 1_000_000))
            #expect(!users.isActive(user, at: user * 1_000_000_000))
        }
    }

    @Test("users come back after a dip")
    func dip() {
        let users = schedule(
            .rampingUsers(start: 2, stages: [(.seconds(1), 0), (.seconds(1), 0), (.seconds(2), 2)]), seconds: 10)
        let expected: [UserSchedule.Start] = [
            .init(user: 0, nanoseconds: 0), .init(user: 1, nanoseconds: 0), .init(user: 0, nanoseconds: 2_000_000_000),
            .init(user: 1, nanoseconds: 3_000_000_000),
        ]
        #expect(starts(users) == expected)
        #expect(users.isActive(1, at: 9_000_000_000))
    }

    @Test("a jump takes effect at once")
    func jump() {
        let users = schedule(
            .rampingUsers(start: 1, stages: [(.seconds(1), 1), (.nanoseconds(1), 4), (.seconds(1), 4)]), seconds: 3)
        #expect(starts(users).map(\.nanoseconds) == [0, 1_000_000_000, 1_000_000_000, 1_000_000_000])
    }

    @Test("workers share the users")
    func sharing() {
        let rate = Plan.Source.Rate.rampingUsers(start: 1, stages: [(.seconds(7), 12), (.seconds(2), 3)])
        let whole = starts(schedule(rate, seconds: 9))
        let parts = (0..<3).flatMap { starts(schedule(rate, seconds: 9, worker: $0, of: 3)) }
        #expect(parts.sorted { ($0.nanoseconds, $0.user) < ($1.nanoseconds, $1.user) } == whole)
    }
}

extension EngineTests {
    @Suite("Closed loops")
    struct ClosedLoopTests {
        @Test(
            "shared iterations are played exactly, and the load ends with them",
            arguments: [(workers: 1, users: 5), (2, 5), (2, 1), (3, 2)])
        func sharedIterations(workers: Int, users: Int) async throws {
            let server = ScriptedServer()
            defer { server.stop() }
            var plan = makePlan(port: server.port, rate: .closed(users: users), seconds: 60)
            plan.sources[0].iterations = 103
            plan.workers = workers
            let begun = ContinuousClock.now
            let result = try await play(plan)
            #expect(result.accounting.byOutcome == [.ok: 103] && result.accounting.journeysFinished == 103)
            #expect(ContinuousClock.now - begun < .seconds(30))
            #expect(result.plannedNanoseconds == result.actualNanoseconds)
        }

        @Test("a user comes back although the end of the journey before is noticed only then")
        func lateEnd() throws {
            let ramp: Plan.Source.Rate = .rampingUsers(
                start: 1, stages: [(.seconds(1), 0), (.seconds(1), 0), (.seconds(1), 1)])
            let plan = makePlan(port: 1, rate: ramp, seconds: 5)
            let target = try ResolvedTarget(plan.targets[0], lookup: ResolvedTarget.system)
            var source = SourceState(plan: CompiledPlan(plan, targets: [target]), index: 0, worker: 0)
            #expect(source.takeArrival() == .init(number: 0, nanoseconds: 0))
            // The worker looks at the time after 2 s, when the user comes back, and then at a pause that ended before.
            #expect(source.nextOffset == 2_000_000_000)
            #expect(source.takeArrival() == nil)
            #expect(source.nextJourney(after: 0, at: 1_999_000_000)?.nanoseconds == 2_000_000_000)
            #expect(source.nextJourney(after: 1, at: 2_500_000_000)?.nanoseconds == 2_500_000_000)
        }

        @Test("shared iterations beside a load that ends by time don't hold the end back", arguments: [1, 2])
        func sharedIterationsBesideTime(workers: Int) async throws {
            let server = ScriptedServer()
            defer { server.stop() }
            var plan = makePlan(port: server.port, rate: .closed(users: 2), seconds: 60)
            plan.sources[0].iterations = 20
            var timed = plan.sources[0]
            timed.name = "timed"
            timed.iterations = nil
            timed.rate = .constant(perSecond: 50)
            timed.duration = .milliseconds(1_200)
            plan.sources.append(timed)
            plan.workers = workers
            let begun = ContinuousClock.now
            let result = try await play(plan)
            #expect(result.accounting.byOutcome == [.ok: 80])
            #expect(ContinuousClock.now - begun < .seconds(30))
            #expect(result.plannedNanoseconds >= 1_200_000_000 && result.plannedNanoseconds < 30_000_000_000)
        }

        @Test("a user who comes back goes on with new data")
        func comingBack() async throws {
            let seen = Mutex<[String]>([])
            let server = ScriptedServer(answering: { connection, request in
                seen.withLock { $0.append(String(request.prefix { $0 != "\r" })) }
                usleep(5_000)
                connection.answer()
            })
            defer { server.stop() }
            let rate = Plan.Source.Rate.rampingUsers(
                start: 2,
                stages: [(.milliseconds(100), 2), (.nanoseconds(1), 0), (.milliseconds(50), 0), (.nanoseconds(1), 2)])
            let path = Plan.Template([.literal(Array("/".utf8)), .counter, .literal(Array("/".utf8)), .uuid])
            let request = Plan.Request(label: "GET /", target: 0, method: "GET", path: path)
            _ = try await play(makePlan(port: server.port, rate: rate, seconds: 0.3, steps: [.request(request)]))
            let requests = seen.withLock { $0 }
            #expect(requests.count > 20 && Set(requests).count == requests.count)
        }

        @Test("the number of users follows the ramp")
        func ramp() async throws {
            let gauge = Gauge()
            let server = ScriptedServer(answering: { connection, _ in
                gauge.enter()
                usleep(20_000)
                gauge.leave()
                connection.answer()
            })
            defer { server.stop() }
            let rate = Plan.Source.Rate.rampingUsers(
                start: 0, stages: [(.milliseconds(400), 6), (.milliseconds(400), 1)])
            let result = try await play(makePlan(port: server.port, rate: rate, seconds: 0.8))
            #expect(gauge.most <= 6 && gauge.most >= 3)
            #expect(result.accounting.byOutcome.keys.map(\.rawValue) == ["ok"])
            #expect(server.connections <= 6)
        }

        @Test("iterations for an open source and a ramp without users are refused")
        func problems() throws {
            var plan = makePlan(port: 1)
            plan.sources[0].iterations = 5
            #expect(plan.problems().contains { $0.contains("only closed loops take a number of iterations") })
            plan.sources[0].rate = .rampingUsers(start: 0, stages: [(.seconds(1), 0)])
            plan.sources[0].iterations = 0
            #expect(plan.problems().count == 2)
        }
    }
}

/// How many are inside at once, and how many were at most.
private final class Gauge: Sendable {
    private let counts = Mutex((now: 0, most: 0))

    var most: Int { counts.withLock(\.most) }
    func enter() {
        counts.withLock { counts in
            counts.now += 1
            counts.most = max(counts.most, counts.now)
        }
    }
    func leave() { counts.withLock { $0.now -= 1 } }
}
