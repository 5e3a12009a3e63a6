// SPDX-License-Identifier: Apache-2.0

extension ResiliencePipeline {
    /// One attempt and what it means.
    @usableFromInline
    struct Attempt<Success: Sendable, Failure: Error>: Sendable {
        @usableFromInline var result: Result<Success, ResilienceError<Failure>>
        @usableFromInline var classification: Classification
        /// Whether the operation was run at all.
        @usableFromInline var wasRun: Bool
        @usableFromInline var end: MonotonicInstant

        @inlinable
        init(
            _ result: Result<Success, ResilienceError<Failure>>, _ classification: Classification, wasRun: Bool,
            end: MonotonicInstant
        ) {
            self.result = result
            self.classification = classification
            self.wasRun = wasRun
            self.end = end
        }

        @inlinable
        static func refused(_ rejection: Rejection, at end: MonotonicInstant) -> Attempt {
            let classification = Classification(.ignore, retry: .always, retryAfter: rejection.retryAfter)
            return Attempt(.failure(.rejected(rejection, last: nil)), classification, wasRun: false, end: end)
        }

        @inlinable
        static func cancelled(wasRun: Bool = false, last: Failure? = nil, at end: MonotonicInstant) -> Attempt {
            Attempt(.failure(.cancelled(last: last)), .ignore, wasRun: wasRun, end: end)
        }

        /// Failures and refusals; not what was ignored.
        @inlinable
        var isRetryable: Bool {
            if classification.verdict.isFailure { return true }
            if case .failure(.rejected) = result { return true }
            return false
        }

        @inlinable
        var outcome: CallOutcome {
            switch result {
            case .success: classification.verdict.isFailure ? .failure : .success
            case .failure(.operation): .failure
            case .failure(.rejected): .rejected
            case .failure(.timedOut): .timeout
            case .failure(.cancelled): .cancelled
            }
        }

        /// What the call ends with when this was its last attempt. A refusal after a real answer gives that answer: it
        /// is the last thing the callee said.
        @inlinable
        func final(lastFailure: Failure?, lastValue: Success?) -> Result<Success, ResilienceError<Failure>> {
            switch result {
            case .success: return result
            case .failure(let error):
                if case .rejected = error, lastFailure == nil, let lastValue { return .success(lastValue) }
                return .failure(error.keeping(lastFailure))
            }
        }
    }

    /// Breaker, bulkhead, attempt timeout and the operation.
    @inlinable @inline(__always)
    func attempt<Success: Sendable, Failure: Error>(
        _ context: CallContext, at now: MonotonicInstant, _ classifier: Classifier<Success, Failure>,
        _ operation: @Sendable (CallContext) async throws(Failure) -> Success
    ) async -> Attempt<Success, Failure> {
        if Task.isCancelled { return .cancelled(at: now) }
        if let deadline = context.deadline, now >= deadline { return .refused(deadlineRejection(), at: now) }
        var ticket = CircuitBreaker.Ticket.none
        if circuitBreaker.isActive {
            switch circuitBreaker.admit(at: now) {
            case .admitted(let admitted): ticket = admitted
            case .refused(let rejection): return .refused(rejection, at: now)
            }
        }
        var slot = Bulkhead.Slot.none
        var start = now
        if bulkhead.isActive {
            switch await enterBulkhead(at: now, deadline: context.deadline) {
            case .admitted(let taken, let entered):
                slot = taken
                start = entered
            case .refused(let rejection, let end):
                circuitBreaker.abandon(ticket)
                return .refused(rejection, at: end)
            case .cancelled(let end):
                circuitBreaker.abandon(ticket)
                return .cancelled(at: end)
            }
        }
        let limit = attemptLimit(deadline: context.deadline, at: start)
        let (result, isExpired) = await runOperation(context, from: start, limit: limit, operation)
        let end = time.now()
        if slot == .taken { bulkhead.release() }
        let attempt = judge(result, isExpired: isExpired, limit: limit, context, classifier, end: end)
        let duration = max(0, end.nanoseconds &- start.nanoseconds)
        if ticket.isAdmitted {
            circuitBreaker.record(
                ticket, attempt.classification.verdict, duration: duration,
                retryAfter: attempt.classification.retryAfter,
                at: end)
        }
        attemptTimeout.watch(duration: duration)
        return attempt
    }

    /// What the result of an attempt that was run means.
    @inlinable @inline(__always)
    func judge<Success: Sendable, Failure: Error>(
        _ result: Result<Success, Failure>, isExpired: Bool, limit: Int64, _ context: CallContext,
        _ classifier: Classifier<Success, Failure>, end: MonotonicInstant
    ) -> Attempt<Success, Failure> {
        switch result {
        case .success(let value):
            return Attempt(.success(value), classifier.classify(result), wasRun: true, end: end)
        case .failure(let error):
            if isExpired {
                let timeout = timeout(limit: limit, context, end: end)
                // Only the attempt's own limit is worth another attempt: after the total one nobody waits.
                let rule = timeout.scope == .attempt ? Classification.RetryRule.whenIdempotent : .never
                return Attempt(
                    .failure(.timedOut(timeout, last: nil)), Classification(.failure, retry: rule), wasRun: true,
                    end: end)
            }
            // An error under cancellation says nothing about the callee, whatever it looks like.
            if Task.isCancelled { return .cancelled(wasRun: true, last: error, at: end) }
            return Attempt(.failure(.operation(error)), classifier.classify(result), wasRun: true, end: end)
        }
    }

    /// A bulkhead's answer, after the wait if there was one.
    @usableFromInline
    enum Entry: Sendable {
        case admitted(Bulkhead.Slot, at: MonotonicInstant)
        case refused(Rejection, at: MonotonicInstant)
        case cancelled(at: MonotonicInstant)
    }

    @inlinable @inline(__always)
    func enterBulkhead(at now: MonotonicInstant, deadline: MonotonicInstant?) async -> Entry {
        switch bulkhead.admit() {
        case .admitted(let slot): return .admitted(slot, at: now)
        case .refused(let rejection): return .refused(rejection, at: now)
        case .wait(let id, let longest): return await waitForBulkhead(id, longest, at: now, deadline: deadline)
        }
    }

    @usableFromInline
    func waitForBulkhead(
        _ id: UInt64, _ longest: Int64, at now: MonotonicInstant, deadline: MonotonicInstant?
    ) async -> Entry {
        let latest = MonotonicInstant(nanoseconds: now.nanoseconds.addingSaturated(longest))
        let result = await bulkhead.wait(id, since: now, until: min(latest, deadline ?? latest))
        let end = time.now()
        switch result {
        case .admitted: return .admitted(.taken, at: end)
        case .refused(let rejection): return .refused(rejection, at: end)
        case .cancelled: return .cancelled(at: end)
        }
    }

    /// The time that an attempt has, in nanoseconds: its own limit or what is left until the deadline. `.max` when
    /// unlimited.
    @usableFromInline
    func attemptLimit(deadline: MonotonicInstant?, at start: MonotonicInstant) -> Int64 {
        let limit = attemptTimeout.enforcedLimit
        guard let deadline else { return limit }
        return min(limit, max(0, deadline.nanoseconds.subtractingSaturated(start.nanoseconds)))
    }

    /// Which limit it was that passed.
    @usableFromInline
    func timeout(limit: Int64, _ context: CallContext, end: MonotonicInstant) -> Timeout {
        attemptTimeout.reportTimeout(limit: limit)
        let isTotal = attemptTimeout.enforcedLimit > limit
        return Timeout(isTotal ? .total : .attempt, limit: .nanoseconds(limit))
    }

    @usableFromInline
    func deadlineRejection() -> Rejection {
        telemetry.report(.rejected(.deadlineTooShort))
        return Rejection(.deadlineTooShort)
    }

    /// Runs the operation, at most for `limit` nanoseconds.
    ///
    /// - Returns: Its result, and whether the time limit had passed before it came.
    @inlinable @inline(__always)
    func runOperation<Success: Sendable, Failure: Error>(
        _ context: CallContext, from start: MonotonicInstant, limit: Int64,
        _ operation: @Sendable (CallContext) async throws(Failure) -> Success
    ) async -> (Result<Success, Failure>, isExpired: Bool) {
        if limit == .max {
            do throws(Failure) {
                return (.success(try await operation(context)), false)
            } catch {
                return (.failure(error), false)
            }
        }
        return await runLimited(
            context, until: MonotonicInstant(nanoseconds: start.nanoseconds.addingSaturated(limit)), operation)
    }

    @inlinable
    func runLimited<Success: Sendable, Failure: Error>(
        _ context: CallContext, until deadline: MonotonicInstant,
        _ operation: @Sendable (CallContext) async throws(Failure) -> Success
    ) async -> (Result<Success, Failure>, isExpired: Bool) {
        // Safe because this function always waits for the task that uses the closure.
        await withoutActuallyEscaping(operation) { operation in
            let race = AttemptTimeout.Race()
            // A task of its own, because only it must be cancelled when the time is up. It starts on this thread at
            // once: an operation that returns without waiting needs no timer and no other thread.
            let task = Task.immediate { () -> Result<Success, Failure> in
                defer { race.finish() }
                do throws(Failure) {
                    return .success(try await operation(context))
                } catch {
                    return .failure(error)
                }
            }
            if race.isFinished { return (await task.value, false) }
            let alarm = race.arm(task, at: deadline, on: time)
            let result = await withTaskCancellationHandler {
                await task.value
            } onCancel: {
                task.cancel()
            }
            alarm.cancel()
            return (result, race.isExpired)
        }
    }
}

extension RetryBudget {
    @usableFromInline
    func giveBack() {
        refund()
    }
}
