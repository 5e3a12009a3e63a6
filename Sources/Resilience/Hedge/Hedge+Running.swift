// SPDX-License-Identifier: Apache-2.0

internal import Synchronization

/// What an attempt of a hedged call ends with.
@usableFromInline
protocol HedgedOutcome: Sendable {
    /// What it means for the other attempts.
    var judgement: Hedge.Judgement { get }
    /// How often the operation was run for it; 0 when a policy refused it.
    var runs: Int { get }
}

extension Hedge {
    /// What a hedged call ends with; `runs` sums up those of its attempts.
    @usableFromInline
    enum Settled<Outcome: HedgedOutcome>: Sendable {
        case outcome(Outcome, runs: Int)
        /// The caller gave up; the outcome holds the real error of an attempt that had one.
        case cancelled(Outcome, runs: Int)
    }

    /// Runs a call that may be repeated: its first attempt, and others beside it when that one is slow or fails.
    ///
    /// The attempts run in tasks of their own, because each has to be cancelled by itself; when this returns all of
    /// them have ended. A first attempt that ends without waiting needs neither another thread nor a timer.
    ///
    /// - Parameters:
    ///   - deadline: No attempt is started at or after it.
    ///   - start: When the call began.
    ///   - discard: Gets every outcome that is not the call's.
    ///   - attempt: Makes the attempt of that number, 0 first.
    @usableFromInline
    func race<Outcome: HedgedOutcome>(
        deadline: MonotonicInstant?, from start: MonotonicInstant, discard: (@Sendable (Outcome) async -> Void)?,
        attempt: @Sendable (_ number: Int) async -> Outcome
    ) async -> Settled<Outcome> {
        let (plan, mode) = begin(at: start)
        guard mode == .enforced, let plan, !Task.isCancelled else {
            let outcome = await attempt(0)
            watch(outcome.judgement, from: start, plan: plan, isShadow: mode == .shadow)
            return .outcome(outcome, runs: outcome.runs)
        }
        let course = Course<Outcome>(
            Race(plan, start: start.nanoseconds, deadline: deadline?.nanoseconds ?? .max), time: time)
        // Safe because every task that uses the closure has ended before `drive` returns.
        let settlement = await withoutActuallyEscaping(attempt) { attempt in
            course.run(0, attempt)
            return await withTaskCancellationHandler {
                await drive(course, from: start, attempt)
            } onCancel: {
                course.cancel()
            }
        }
        return await conclude(course, settlement, from: start, discard)
    }

    /// Does what the race asks for until all attempts have ended. In the caller's task, so that every attempt inherits
    /// its task-local values and its priority.
    private func drive<Outcome: HedgedOutcome>(
        _ course: Course<Outcome>, from start: MonotonicInstant,
        _ attempt: @escaping @Sendable (Int) async -> Outcome
    ) async -> Race.Settlement {
        var timer: (at: Int64, action: DelayedAction)?
        defer { timer?.action.cancel() }
        while true {
            switch course.next() {
            case .start(let cause):
                guard withdraw() else {
                    course.deny()
                    listener.report(.denied(shadow: false))
                    continue
                }
                guard let number = course.launch() else {
                    refund()
                    continue
                }
                let after = start.duration(to: time.now())
                listener.report(.started(number: number, cause: cause, after: after, shadow: false))
                course.run(number, attempt)
            case .cancelAttempts: course.cancelAttempts()
            case .wait(let instant):
                if instant != timer?.at {
                    timer?.action.cancel()
                    timer = instant.map { at in
                        (at, DelayedAction(at: MonotonicInstant(nanoseconds: at), on: time) { course.signal() })
                    }
                }
                await course.news()
            case .settled(let settlement):
                await course.finish()
                return settlement
            }
        }
    }

    /// Reports, learns, and hands the outcomes that nobody takes to `discard`.
    private func conclude<Outcome: HedgedOutcome>(
        _ course: Course<Outcome>, _ settlement: Race.Settlement, from start: MonotonicInstant,
        _ discard: (@Sendable (Outcome) async -> Void)?
    ) async -> Settled<Outcome> {
        let (race, outcomes) = course.result
        finish(race, settlement, refusedHedges: outcomes.dropFirst().count { $0.judgement == .refused }, from: start)
        let taken: Int
        switch settlement {
        case .attempt(let number), .cancelled(let number): taken = number
        }
        if let discard {
            for (number, outcome) in outcomes.enumerated() where number != taken { await discard(outcome) }
        }
        let runs = outcomes.reduce(0) { $0 + $1.runs }
        if case .cancelled = settlement { return .cancelled(outcomes[taken], runs: runs) }
        return .outcome(outcomes[taken], runs: runs)
    }

    /// The attempts of one call, with what they ended with.
    private final class Course<Outcome: HedgedOutcome>: Sendable {
        private struct Core {
            var race: Race
            var outcomes: [Outcome?] = [nil]
            var tasks: [Task<Void, Never>] = []
            var hasNews = false
            var waiter: CheckedContinuation<Void, Never>?
        }

        private let core: Mutex<Core>
        private let time: TimeSource

        init(_ race: Race, time: TimeSource) {
            core = Mutex(Core(race: race))
            self.time = time
        }

        /// Starts an attempt, on this thread until it waits for something.
        func run(_ number: Int, _ attempt: @escaping @Sendable (Int) async -> Outcome) {
            // Unstructured on purpose: whoever drives the course waits until every attempt has ended.
            let task = Task.immediate {
                self.end(number, await attempt(number))
            }
            core.withLock { $0.tasks.append(task) }
        }

        private func end(_ number: Int, _ outcome: Outcome) {
            let now = time.now().nanoseconds
            signal {
                $0.outcomes[number] = outcome
                $0.race.ended(number, outcome.judgement, at: now)
            }
        }

        func cancel() {
            let now = time.now().nanoseconds
            signal { $0.race.cancel(at: now) }
        }

        /// Wakes the driver.
        func signal() {
            signal { _ in }
        }

        private func signal(_ change: (inout Core) -> Void) {
            let waiter = core.withLock { core in
                change(&core)
                core.hasNews = core.waiter == nil
                return core.waiter.take()
            }
            waiter?.resume()
        }

        /// Waits until something has happened since the last time.
        func news() async {
            await withCheckedContinuation { continuation in
                let isThere = core.withLock { core in
                    if core.hasNews {
                        core.hasNews = false
                        return true
                    }
                    core.waiter = continuation
                    return false
                }
                if isThere { continuation.resume() }
            }
        }

        func next() -> Race.Action {
            let now = time.now().nanoseconds
            return core.withLock { $0.race.next(at: now) }
        }

        func launch() -> Int? {
            let now = time.now().nanoseconds
            return core.withLock { core in
                let number = core.race.launch(at: now)
                if number != nil { core.outcomes.append(nil) }
                return number
            }
        }

        func deny() {
            core.withLock { $0.race.deny() }
        }

        /// All of them: cancelling one that has ended does nothing.
        func cancelAttempts() {
            for task in core.withLock({ $0.tasks }) { task.cancel() }
        }

        /// Waits until the attempts' tasks, which have told their outcome, have let go of the closure.
        func finish() async {
            for task in core.withLock({ $0.tasks }) { await task.value }
        }

        /// The race and the outcomes of all its attempts, once it is settled.
        var result: (race: Race, outcomes: [Outcome]) {
            core.withLock { ($0.race, $0.outcomes.compactMap { $0 }) }
        }
    }
}
