// SPDX-License-Identifier: Apache-2.0

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
    /// them have ended. A first attempt that ends without waiting needs neither another thread nor a timer. What is
    /// generic in here is little and inlinable: unspecialised it would cost ten times as much.
    ///
    /// - Parameters:
    ///   - deadline: No attempt is started at or after it.
    ///   - start: When the call began.
    ///   - discard: Gets every outcome that is not the call's; when the caller gave up, all of them.
    ///   - attempt: Makes the attempt of that number, 0 first.
    @inlinable
    func race<Outcome: HedgedOutcome>(
        deadline: MonotonicInstant?, from start: MonotonicInstant, discard: (@Sendable (Outcome) async -> Void)?,
        attempt: @Sendable (_ number: Int) async -> Outcome
    ) async -> Settled<Outcome> {
        let entry = enter(at: start, deadline: deadline)
        guard let course = entry.course else {
            let outcome = await attempt(0)
            leave(entry, outcome.judgement)
            return .outcome(outcome, runs: outcome.runs)
        }
        // Safe because `drive` awaits every task that uses the closure; a task has let go of it when it has a value.
        return await withoutActuallyEscaping(attempt) { attempt in
            await Self.drive(course, discard, attempt)
        }
    }

    /// Does what the course says until all attempts have ended. In the caller's task, so that every attempt inherits
    /// its task-local values and its priority.
    @inlinable
    static func drive<Outcome: HedgedOutcome>(
        _ course: Course, _ discard: (@Sendable (Outcome) async -> Void)?,
        _ attempt: @escaping @Sendable (Int) async -> Outcome
    ) async -> Settled<Outcome> {
        let primary = begin(0, course, attempt)
        var hedges: [Task<Outcome, Never>] = []
        while true {
            switch course.next() {
            case .start(let number): hedges.append(begin(number, course, attempt))
            case .cancelAttempts:
                // All of them: cancelling one that has ended does nothing.
                primary.cancel()
                for hedge in hedges { hedge.cancel() }
            case .wait: await course.news()
            case .settled(let number, let isCancelled):
                let first = await primary.value
                if hedges.isEmpty {
                    course.conclude()
                    if !isCancelled { return .outcome(first, runs: first.runs) }
                    await discard?(first)
                    return .cancelled(first, runs: first.runs)
                }
                var outcomes = [first]
                for hedge in hedges { outcomes.append(await hedge.value) }
                course.conclude()
                var runs = 0
                for outcome in outcomes { runs += outcome.runs }
                if let discard {
                    // Of a call that was given up only an error is taken: a failure may also be a value.
                    for (other, outcome) in outcomes.enumerated() where other != number || isCancelled {
                        await discard(outcome)
                    }
                }
                return isCancelled ? .cancelled(outcomes[number], runs: runs) : .outcome(outcomes[number], runs: runs)
            }
        }
    }

    /// Starts an attempt, on this thread until it waits for something.
    @inlinable
    static func begin<Outcome: HedgedOutcome>(
        _ number: Int, _ course: Course, _ attempt: @escaping @Sendable (Int) async -> Outcome
    ) -> Task<Outcome, Never> {
        // Unstructured on purpose: `drive` waits until every attempt has ended.
        Task.immediate {
            let outcome = await attempt(number)
            course.end(number, outcome.judgement)
            return outcome
        }
    }
}
