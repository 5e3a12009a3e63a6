// SPDX-License-Identifier: Apache-2.0

import Resilience
import ResilienceTesting
import Testing

@Suite("Hedged calls at random", .timeLimit(.minutes(2)))
struct HedgeScheduleTests {
    enum Broken: Error, Equatable { case at(Int), cancelled }
    typealias Script = OutcomeScript<Int, Broken>

    let clock = ManualClock()

    private func outcome(_ run: Int, _ random: inout SplitMix64) -> ScriptedOutcome<Int, Broken> {
        let after = random.chance(0.2) ? .zero : random.duration(in: .zero ... .milliseconds(150))
        switch random.int(in: 0...9) {
        case 0...4: return .succeed(run, after: after)
        case 5...6: return .fail(.at(run), after: after)
        case 7: return .succeed(run, after: after).ignoringCancellation
        case 8: return .fail(.at(run), after: after).ignoringCancellation
        default: return .hang
        }
    }

    /// One call of the test, with what its runs are going to do.
    private struct Call: Sendable {
        var script: Script
        var idempotency: Idempotency
        var start: Duration
        var cancellation: Duration
        var discarded = EventRecorder<Int>()
    }

    @Test(
        """
        each runs at most 1 + n times, ends with one result that one of its runs had, leaves nothing behind, and all \
        together stay within the budget
        """,
        arguments: Seeds.some(12))
    func schedules(seed: UInt64) async throws {
        let clock = clock
        var random = SplitMix64(seed: seed)
        let hedges = random.int(in: 1...3)
        let ratio = [0, 0.1, 0.5, 2][random.int(in: 0...3)]
        let hedge = try Hedge(
            HedgeOptions(
                delay: .fixed(.milliseconds(random.int(in: 0...60))), attempts: hedges,
                budget: HedgeOptions.Budget(ratio: ratio)), time: clock.source)
        let calls = (0..<40).map { _ in
            let outcomes = (0...hedges).map { outcome($0, &random) }
            return Call(
                script: Script(on: clock, cancellation: .cancelled, outcomes),
                idempotency: random.chance(0.8) ? .safe : .unsafe,
                start: random.duration(in: .zero ... .milliseconds(300)),
                cancellation: random.duration(
                    in: random.chance(0.3) ? .zero ... .milliseconds(100) : .seconds(1) ... .seconds(2)))
        }
        let start = clock.now
        // Whether time passes early does not matter to what is checked.
        let results = await clock.run(quiet: .microseconds(200)) {
            await withTaskGroup(of: (Int, Result<Int, ResilienceError<Broken>>).self) { group in
                for (index, call) in calls.enumerated() {
                    group.addTask {
                        try? await clock.source.sleep(until: start.advanced(by: call.start))
                        return (
                            index,
                            await Self.cancelled(after: call.cancellation, on: clock) {
                                await Self.result(of: call, hedge)
                            }
                        )
                    }
                }
                return await group.reduce(into: [:]) { $0[$1.0] = $1.1 }
            }
        }
        #expect(results.count == calls.count)
        var hedgesMade = 0
        for (index, call) in calls.enumerated() {
            let runs = call.script.runs
            try Invariants.hold(of: call.script, runs: call.idempotency == .unsafe ? 1 : 1 + hedges)
            hedgesMade += max(0, runs.count - 1)
            let successes = runs.filter { $0.ending == .succeeded }.map(\.number)
            switch try #require(results[index]) {
            case .success(let number):
                #expect(successes.contains(number))
                #expect(call.discarded.all.sorted() == successes.filter { $0 != number }, "nothing gets lost")
            case .failure(.operation(let error)):
                #expect(successes.isEmpty, "no failure while there was an answer")
                #expect(error == .at(0), "the primary's error")
            case .failure(.cancelled): #expect(successes.isEmpty)
            case .failure(let error): Issue.record("seed \(seed): \(error)")
            }
        }
        let eligible = calls.count { $0.idempotency != .unsafe }
        #expect(Double(hedgesMade) <= ratio * Double(eligible) + 1e-9)
        #expect(try #require(hedge.status.budgetBalance) >= 0)
        #expect(clock.sleeperCount == 0, "no timer and no task is left")
    }

    private static func result(of call: Call, _ hedge: Hedge) async -> Result<Int, ResilienceError<Broken>> {
        do throws(ResilienceError<Broken>) {
            return .success(
                try await hedge.run(
                    idempotency: call.idempotency, discard: { call.discarded.record($0) }, call.script.run))
        } catch {
            return .failure(error)
        }
    }

    /// Runs an operation whose task is cancelled after a time.
    private static func cancelled<Value: Sendable>(
        after duration: Duration, on clock: ManualClock, _ operation: @escaping @Sendable () async -> Value
    ) async -> Value {
        let task = Task { await operation() }
        let alarm = Task {
            try? await clock.source.sleep(until: clock.now.advanced(by: duration))
            if !Task.isCancelled { task.cancel() }
        }
        let value = await task.value
        alarm.cancel()
        await alarm.value
        return value
    }

    @Test("survive a storm of cancellations on the real clock: every run that started has ended", arguments: [0, 1, 3])
    func storm(yields: Int) async throws {
        let hedge = try Hedge(HedgeOptions(delay: .fixed(.zero), attempts: 2, budget: nil))
        let started = EventRecorder<Int>()
        let ended = EventRecorder<Int>()
        await withDiscardingTaskGroup { group in
            for index in 0..<400 {
                group.addTask {
                    let call = Task {
                        try? await hedge.run(idempotency: .safe) { context async throws(Broken) -> Int in
                            started.record(index)
                            defer { ended.record(index) }
                            for _ in 0..<(context.isHedge ? 2 : 6) { await Task.yield() }
                            if index % 3 == 0 { throw .at(0) }
                            return index
                        }
                    }
                    for _ in 0..<(index % (yields * 4 + 1)) { await Task.yield() }
                    if yields > 0 || index % 2 == 0 { call.cancel() }
                    _ = await call.value
                }
            }
        }
        #expect(started.all.count == ended.all.count)
        #expect(started.all.count <= 3 * 400)
    }

    @Test("start attempts in the caller's context: with its task-local values and not before it is asked for")
    func taskLocals() async throws {
        let hedge = try Hedge(HedgeOptions(delay: .fixed(.milliseconds(1)), budget: nil), time: clock.source)
        let script = Script(on: clock, cancellation: .cancelled, [.hang, .succeed(1)])
        let context = CallContext(deadline: clock.now.advanced(by: .seconds(5)))
        let clock = clock
        let value = try await clock.run {
            try await CallContext.$current.withValue(context) {
                try await hedge.run(idempotency: .safe) { call async throws(Broken) -> Int in
                    #expect(CallContext.current?.deadline == context.deadline)
                    #expect(call.deadline == context.deadline, "the earlier deadline is handed on")
                    return try await script.run(call)
                }
            }
        }
        #expect(value == 1)
    }
}
