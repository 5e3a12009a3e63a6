// SPDX-License-Identifier: Apache-2.0

import Resilience
import ResilienceTesting
import TestSupport
import Testing

@Suite("A hedge", .timeLimit(.minutes(1)))
struct HedgeTests {
    enum Broken: Error, Equatable { case primary, hedge, cancelled }
    typealias Script = OutcomeScript<String, Broken>

    let clock = ManualClock()
    let events = EventRecorder<HedgeEvent>()

    func hedge(
        after delay: HedgeOptions.Delay = .fixed(.milliseconds(50)), attempts: Int = 1,
        budget: HedgeOptions.Budget? = nil, mode: PolicyMode = .enforced
    ) throws -> Hedge {
        try Hedge(
            HedgeOptions(delay: delay, attempts: attempts, budget: budget), mode: mode, time: clock.source,
            onEvent: events.record)
    }

    func script(_ outcomes: ScriptedOutcome<String, Broken>...) -> Script {
        Script(on: clock, cancellation: .cancelled, outcomes)
    }

    /// Starts a call that goes on while the test moves the clock.
    func call(
        _ hedge: Hedge, _ script: Script, _ idempotency: Idempotency = .safe, deadline: MonotonicInstant? = nil,
        classifier: Classifier<String, Broken> = .default, discard: (@Sendable (String) async -> Void)? = nil
    ) -> Task<Result<String, ResilienceError<Broken>>, Never> {
        Task {
            do throws(ResilienceError<Broken>) {
                let value = try await hedge.run(
                    idempotency: idempotency, deadline: deadline, classifier: classifier, discard: discard, script.run)
                return .success(value)
            } catch {
                return .failure(error)
            }
        }
    }

    @Test("leaves a call alone that is quicker than the delay")
    func notNeeded() async throws {
        let script = script(.succeed("quick", after: .milliseconds(49)))
        let call = try call(hedge(), script)
        await clock.sleepers(2)
        clock.advance(by: .milliseconds(49))
        #expect(await call.value == .success("quick"))
        #expect(events.all.isEmpty)
        try Invariants.hold(of: script, runs: 1)
    }

    @Test("makes no second attempt and arms no timer for a call that does not wait")
    func immediate() async throws {
        let script = script(.succeed("at once"))
        #expect(await call(try hedge(after: .fixed(.milliseconds(1))), script).value == .success("at once"))
        #expect(clock.sleeperCount == 0)
    }

    @Test(
        """
        cancels the losers and awaits them before the result is returned (tower-resilience \
        first_success_drops_losers_before_emitting_terminal_event; resilience4j cancels the future, not the work)
        """)
    func hedgeWins() async throws {
        let script = script(.hang, .succeed("hedge", after: .milliseconds(10)))
        let call = try call(hedge(), script)
        await clock.sleepers(2)
        clock.advance(by: .milliseconds(50))
        // The primary and the hedge.
        await events.wait { !$0.isEmpty }
        await clock.sleepers(2)
        clock.advance(by: .milliseconds(10))
        #expect(await call.value == .success("hedge"))
        #expect(script.runs.map(\.ending) == [.cancelled, .succeeded])
        #expect(script.runs.map(\.context.isHedge) == [false, true])
        #expect(script.underWay == 0)
        #expect(clock.sleeperCount == 0, "no timer is left")
        #expect(
            events.all == [
                .started(number: 1, cause: .slow, after: .milliseconds(50), shadow: false), .waited(.zero),
                .ended(.won),
            ])
    }

    @Test("returns the primary's answer when it comes first after all")
    func primaryWins() async throws {
        let script = script(.succeed("primary", after: .milliseconds(60)), .hang)
        let call = try call(hedge(), script)
        await clock.sleepers(2)
        clock.advance(by: .milliseconds(50))
        await events.wait { !$0.isEmpty }
        await clock.sleepers(2)
        clock.advance(by: .milliseconds(10))
        #expect(await call.value == .success("primary"))
        #expect(script.runs.map(\.ending) == [.succeeded, .cancelled])
        #expect(events.all.last == .ended(.lost))
    }

    @Test("waits for a loser that ignores its cancellation, and says how long that took")
    func stubbornLoser() async throws {
        let script = script(.succeed("late", after: .milliseconds(100)).ignoringCancellation, .succeed("hedge"))
        let discarded = EventRecorder<String>()
        let call = try call(hedge(), script, discard: { discarded.record($0) })
        await clock.sleepers(2)
        clock.advance(by: .milliseconds(50))
        try await waitUntil("the loser is told to end") { script.runs[0].sawCancellation }
        clock.advance(by: .milliseconds(50))
        #expect(await call.value == .success("hedge"))
        #expect(events.all.contains(.waited(.milliseconds(50))))
        #expect(discarded.all == ["late"], "its value went to whoever closes it (Polly EnsureDiscardedResultDisposed)")
    }

    @Test(
        "a primary that fails before the delay starts the hedge at once (resilience4j fastPrimaryFailureDoesNotHedge)")
    func fastFailure() async throws {
        let script = script(.fail(.primary, after: .milliseconds(5)), .succeed("hedge", after: .milliseconds(10)))
        let call = try call(hedge(), script)
        await clock.sleepers(2)
        clock.advance(by: .milliseconds(5))
        await events.wait { !$0.isEmpty }
        #expect(events.all == [.started(number: 1, cause: .failed, after: .milliseconds(5), shadow: false)])
        clock.advance(by: .milliseconds(10))
        #expect(await call.value == .success("hedge"))
    }

    @Test(
        """
        never returns a hedge's failure while the primary may succeed (resilience4j \
        slowPrimarySuccessFastHedgeFailureReturnsHedgeFailure)
        """)
    func hedgeFails() async throws {
        let script = script(.succeed("primary", after: .milliseconds(80)), .fail(.hedge))
        let call = try call(hedge(), script)
        await clock.sleepers(2)
        clock.advance(by: .milliseconds(50))
        await events.wait { !$0.isEmpty }
        clock.advance(by: .milliseconds(30))
        #expect(await call.value == .success("primary"))
        #expect(script.runs.map(\.ending) == [.succeeded, .failed])
    }

    @Test(
        """
        when all attempts fail, waits for each of them and throws the primary's error (Polly throws the last one; \
        tower-resilience all_failed_waits_for_every_attempt_and_returns_primary_error)
        """)
    func allFail() async throws {
        let script = script(.fail(.primary, after: .milliseconds(5)), .fail(.hedge, after: .milliseconds(70)))
        let call = try call(hedge(), script)
        await clock.sleepers(2)
        clock.advance(by: .milliseconds(5))
        await events.wait { !$0.isEmpty }
        await clock.sleepers(1)
        clock.advance(by: .milliseconds(70))
        #expect(await call.value == .failure(.operation(.primary)))
        #expect(events.all.last == .ended(.lost))
        try Invariants.hold(of: script, runs: 2)
    }

    @Test(
        "a call that may not be repeated runs once (tower-resilience ineligible_request_executes_once; hedgedhttp #61)")
    func unsafe() async throws {
        let script = script(.succeed("once", after: .seconds(1)))
        let call = try call(hedge(), script, .unsafe)
        await clock.sleepers(1)
        clock.advance(by: .seconds(1))
        #expect(await call.value == .success("once"))
        #expect(events.all.isEmpty)
        try Invariants.hold(of: script, runs: 1)
    }

    @Test("a hedge that the budget denies ends nothing that is under way (failsafe-go #141)")
    func denied() async throws {
        let script = script(.succeed("primary", after: .milliseconds(80)))
        let hedge = try hedge(budget: HedgeOptions.Budget(ratio: 0.05))
        let call = call(hedge, script)
        await clock.sleepers(2)
        clock.advance(by: .milliseconds(50))
        await events.wait { !$0.isEmpty }
        clock.advance(by: .milliseconds(30))
        #expect(await call.value == .success("primary"))
        #expect(events.all == [.denied(shadow: false)])
        #expect(hedge.status.budgetBalance == 0.05)
    }

    @Test("the caller's cancellation ends all attempts and is not a failure, even after one failed")
    func cancelled() async throws {
        let script = script(.fail(.primary, after: .milliseconds(5)), .hang)
        let call = try call(hedge(), script)
        await clock.sleepers(2)
        clock.advance(by: .milliseconds(5))
        await events.wait { !$0.isEmpty }
        await clock.sleepers(1)
        call.cancel()
        #expect(await call.value == .failure(.cancelled(last: .primary)), "with the last real error")
        #expect(script.runs.map(\.ending) == [.failed, .cancelled])
        #expect(clock.sleeperCount == 0)
    }

    @Test("a call that is cancelled before it begins is not made (Polly CanceledBeforeExecution)")
    func cancelledBefore() async throws {
        let script = script(.succeed("never"))
        let hedge = try hedge()
        let result = await Task {
            withUnsafeCurrentTask { $0?.cancel() }
            return await self.resultOf(hedge, script)
        }.value
        #expect(result == .failure(.cancelled(last: nil)))
        #expect(script.runs.isEmpty)
    }

    private func resultOf(_ hedge: Hedge, _ script: Script) async -> Result<String, ResilienceError<Broken>> {
        do throws(ResilienceError<Broken>) {
            return .success(try await hedge.run(idempotency: .safe, script.run))
        } catch {
            return .failure(error)
        }
    }

    @Test(
        "an attempt is not added after the deadline, nor when the callee asks to be left alone or can't be helped",
        arguments: [
            Classification(.throttled), Classification(.failure, retryAfter: .seconds(1)),
            Classification(.failure, retry: .never),
        ])
    func notAdded(classification: Classification) async throws {
        let script = script(.fail(.primary, after: .milliseconds(5)))
        let hedge = try hedge()
        let classifier = Classifier<String, Broken> { _ in classification }
        let asked = call(hedge, script, classifier: classifier)
        await clock.sleepers(2)
        clock.advance(by: .milliseconds(5))
        #expect(await asked.value == .failure(.operation(.primary)))
        let late = call(
            hedge, self.script(.succeed("late", after: .milliseconds(60))),
            deadline: clock.now.advanced(by: .milliseconds(50)))
        await clock.sleepers(1)
        clock.advance(by: .milliseconds(60))
        #expect(await late.value == .success("late"))
        #expect(events.all.isEmpty)
    }

    @Test(
        "a value that is a failure is returned when no attempt had a better one, and discarded otherwise",
        arguments: [true, false])
    func failedValue(hedgeSucceeds: Bool) async throws {
        let script = script(.succeed("503"), hedgeSucceeds ? .succeed("200") : .succeed("503 too"))
        let discarded = EventRecorder<String>()
        let classifier = Classifier<String, Broken> { (try? $0.get())?.hasPrefix("503") == true ? .failure : .success }
        let call = try call(hedge(), script, classifier: classifier, discard: { discarded.record($0) })
        #expect(await call.value == .success(hedgeSucceeds ? "200" : "503"))
        #expect(discarded.all == [hedgeSucceeds ? "503" : "503 too"])
    }

    @Test("starts as many hedges as it may, one after each delay, and keeps the first acceptable answer")
    func several() async throws {
        let script = script(.hang, .hang, .hang, .succeed("third", after: .milliseconds(1)))
        let call = try call(hedge(attempts: 3), script)
        for number in 1...3 {
            await clock.sleepers(number + 1)
            clock.advance(by: .milliseconds(50))
            await events.wait { $0.count == number }
        }
        await clock.sleepers(4)
        clock.advance(by: .milliseconds(1))
        #expect(await call.value == .success("third"))
        try Invariants.hold(of: script, runs: 4, concurrency: 4)
        #expect(script.runs.map(\.ending) == [.cancelled, .cancelled, .cancelled, .succeeded])
    }

    @Test("hedges at the 95th percentile once it has seen 100 calls, and not before (failsafe-go: not during warm-up)")
    func percentile() async throws {
        let hedge = try hedge(after: .percentile(95))
        #expect(hedge.status.delay == nil)
        for run in 1...110 {
            let script = script(.succeed("", after: .milliseconds(run % 10 == 0 ? 100 : 20)))
            let call = call(hedge, script)
            let sleepers = hedge.status.delay == nil ? 1 : 2
            await clock.sleepers(sleepers)
            clock.advance(by: .milliseconds(100))
            _ = await call.value
        }
        let delay = try #require(hedge.status.delay)
        #expect(delay > .milliseconds(90) && delay < .milliseconds(110), "\(delay)")
    }

    @Test("in shadow mode makes no second attempt and counts what it would have made")
    func shadow() async throws {
        let hedge = try hedge(budget: HedgeOptions.Budget(ratio: 0.4), mode: .shadow)
        for (index, duration) in [60, 40, 60, 60].enumerated() {
            let script = script(.succeed("", after: .milliseconds(duration)))
            let call = call(hedge, script)
            await clock.sleepers(1)
            clock.advance(by: .milliseconds(duration))
            _ = await call.value
            try Invariants.hold(of: script, runs: 1)
            #expect(clock.sleeperCount == 0, "call \(index) has armed no timer")
        }
        #expect(
            events.all == [
                .denied(shadow: true), .started(number: 1, cause: .slow, after: .milliseconds(50), shadow: true),
                .denied(shadow: true),
            ])
    }

    @Test("takes new settings while calls are under way; the balance stays")
    func configure() async throws {
        let hedge = try hedge(budget: HedgeOptions.Budget(ratio: 1))
        for _ in 0..<3 { _ = await call(hedge, script(.succeed(""))).value }
        try hedge.configure(["delay": "p99", "attempts": 2])
        #expect(hedge.setting.options?.delay == .percentile(99))
        #expect(hedge.status.budgetBalance == 3)
        #expect(hedge.status.delay == nil)
        try hedge.configure("10ms")
        #expect(hedge.status.delay == .milliseconds(10))
        try hedge.configure("disabled")
        _ = await call(hedge, script(.succeed(""))).value
        #expect(hedge.status.budgetBalance == 3, "a disabled hedge sees nothing")
        for wrong: ConfigurationValue in [["delay": "p20"], ["delay": "soon"], ["attempts": 0], ["budget": "-1%"], "p"]
        {
            #expect(throws: ConfigurationFaults.self) { try hedge.configure(wrong) }
        }
        #expect(throws: ConfigurationFaults.self) { try hedge.configure(HedgeOptions(delay: .percentile(20))) }
        #expect(hedge.setting.mode == .disabled)
    }

    @Test(
        "a value that was worth another attempt goes to whoever closes it when the caller gives up", arguments: [5, 80])
    func cancelledWithValue(milliseconds: Int) async throws {
        // Once it has come, and a hedge is under way; once it comes though its attempt was told to end.
        let busy = ScriptedOutcome<String, Broken>.succeed("busy", after: .milliseconds(milliseconds))
        let script = script(milliseconds == 5 ? busy : busy.ignoringCancellation, .hang)
        let classifier = Classifier<String, Broken> { result in
            if case .success("busy") = result { .failure } else { .success }
        }
        let discarded = EventRecorder<String>()
        let call = try call(hedge(), script, classifier: classifier, discard: { discarded.record($0) })
        await clock.sleepers(2)
        if milliseconds == 5 {
            clock.advance(by: .milliseconds(5))
            await events.wait { !$0.isEmpty }
            call.cancel()
        } else {
            call.cancel()
            try await waitUntil("the attempt is told to end") { script.runs[0].sawCancellation }
            clock.advance(by: .milliseconds(80))
        }
        #expect(await call.value == .failure(.cancelled(last: nil)))
        #expect(discarded.all == ["busy"])
    }

    @Test("attempts are told how much is lost when they are refused, as the calls of a pipeline are")
    func inheritedContext() async throws {
        let script = script(.succeed("quick"))
        let outer = CallContext(attempt: 2, criticality: .sheddable, cohort: Cohort(3), share: "batch")
        _ = try await CallContext.$current.withValue(outer) { await call(try hedge(), script).value }
        let context = try #require(script.runs.first?.context)
        #expect(context.criticality == .sheddable && context.cohort == Cohort(3) && context.share == "batch")
        #expect(context.attempt == 1 && !context.isHedge && context.idempotency == .safe)
    }

    @Test("what was learnt stays when only the number of samples that it takes is changed")
    func fewerSamples() async throws {
        let hedge = try hedge(after: .percentile(95))
        let script = script(.succeed("answer", after: .milliseconds(20)))
        for _ in 0..<50 {
            let call = call(hedge, script)
            await clock.sleepers(1)
            clock.advance(by: .milliseconds(20))
            #expect(await call.value == .success("answer"))
        }
        #expect(hedge.status.delay == nil, "of a hundred calls by default")
        try hedge.configure(HedgeOptions(delay: .percentile(95), budget: nil, minimumSamples: 40))
        #expect(hedge.status.samples == 50 && hedge.status.delay != nil)
        try hedge.configure(HedgeOptions(delay: .percentile(95), budget: nil, minimumSamples: 60))
        #expect(hedge.status.samples == 50 && hedge.status.delay == nil)
    }
}
