// SPDX-License-Identifier: Apache-2.0

extension ResiliencePipeline {
    /// One attempt and what it means.
    @usableFromInline
    struct Attempt<Success: Sendable, Failure: Error>: HedgedOutcome {
        @usableFromInline var result: Result<Success, ResilienceError<Failure>>
        @usableFromInline var classification: Classification
        /// Times the operation was run: none when a policy refused it, several when it was hedged.
        @usableFromInline var runs: Int
        @usableFromInline var end: MonotonicInstant
        /// Whether it took longer than the breaker's options call slow.
        @usableFromInline var isSlow: Bool

        @inlinable
        init(
            _ result: Result<Success, ResilienceError<Failure>>, _ classification: Classification, runs: Int,
            end: MonotonicInstant
        ) {
            self.result = result
            self.classification = classification
            self.runs = runs
            self.end = end
            isSlow = false
        }

        /// What it means for the attempts beside it.
        @usableFromInline
        var judgement: Hedge.Judgement {
            switch result {
            case .failure(.rejected): .refused
            case .failure(.cancelled): .cancelled
            case .success, .failure(.operation), .failure(.timedOut): Hedge.Judgement(classification)
            }
        }

        @inlinable
        static func refused(_ rejection: Rejection, at end: MonotonicInstant) -> Attempt {
            let classification = Classification(.ignore, retry: .always, retryAfter: rejection.retryAfter)
            return Attempt(.failure(.rejected(rejection, last: nil)), classification, runs: 0, end: end)
        }

        @inlinable
        static func cancelled(runs: Int = 0, last: Failure? = nil, at end: MonotonicInstant) -> Attempt {
            Attempt(.failure(.cancelled(last: last)), .ignore, runs: runs, end: end)
        }

        /// Failures and refusals; not what was ignored.
        @inlinable
        var isRetryable: Bool {
            if classification.verdict.isFailure { return true }
            if case .failure(.rejected) = result { return true }
            return false
        }

        /// What the retry has to know about it.
        @inlinable
        func failed(_ call: PipelineCall) -> Retry.Failed {
            Retry.Failed(
                attempt: call.context.attempt, retry: classification.retry, retryAfter: classification.retryAfter,
                isLocal: runs == 0, idempotency: call.context.idempotency, deadline: call.context.deadline,
                previousDelay: call.delay)
        }

        @inlinable
        var outcome: CallOutcome {
            switch result {
            case .success:
                switch classification.verdict {
                case .success: isSlow ? .slow : .success
                case .failure, .throttled: .failure
                case .ignore: .ignored
                }
            case .failure(.operation): classification.verdict == .ignore ? .ignoredError : .failure
            case .failure(.rejected): .rejected
            case .failure(.timedOut): .timeout
            case .failure(.cancelled): .cancelled
            }
        }

        /// What the call ends with when this was its last attempt. A refusal after a real answer gives that answer: it
        /// is the last thing the callee said.
        ///
        /// - Parameters:
        ///   - lastFailure: The callee's last error.
        ///   - lastValue: Its last value, unless an error came after it.
        @inlinable
        func final(lastFailure: Failure?, lastValue: Success?) -> Result<Success, ResilienceError<Failure>> {
            switch result {
            case .success: return result
            case .failure(let error):
                if case .rejected = error, let lastValue { return .success(lastValue) }
                return .failure(error.keeping(lastFailure))
            }
        }
    }

    /// An attempt that did not simply succeed: it was refused, has to wait, or has failed.
    @inlinable @inline(never)
    func attempt<Success: Sendable, Failure: Error>(
        _ call: PipelineCall, _ passage: Passage, _ step: Step, _ classifier: Classifier<Success, Failure>,
        _ discard: (@Sendable (Success) async -> Void)?,
        _ operation: @Sendable (CallContext) async throws(Failure) -> Success
    ) async -> Attempt<Success, Failure> {
        switch step {
        case .admitted:
            let (result, isExpired) = await runOperation(call, passage, operation)
            return conclude(result, isExpired: isExpired, classifier.classify(result), passage)
        case .refused(let rejection): return .refused(rejection, at: passage.now)
        case .race: return await race(call, from: passage.now, classifier, discard, operation)
        // Whoever waited has been settled before.
        case .cancelled, .wait: return .cancelled(at: passage.now)
        }
    }

    /// An attempt with others beside it when it is slow. Each of them asks all policies by itself.
    @inlinable @inline(never)
    func race<Success: Sendable, Failure: Error>(
        _ call: PipelineCall, from start: MonotonicInstant, _ classifier: Classifier<Success, Failure>,
        _ discard: (@Sendable (Success) async -> Void)?,
        _ operation: @Sendable (CallContext) async throws(Failure) -> Success
    ) async -> Attempt<Success, Failure> {
        var close: (@Sendable (Attempt<Success, Failure>) async -> Void)?
        if let discard {
            close = { attempt in
                if case .success(let value) = attempt.result { await discard(value) }
            }
        }
        let settled = await hedge.race(deadline: call.context.deadline, from: start, discard: close) {
            (number: Int) async -> Attempt<Success, Failure> in
            var call = call
            var passage = Passage()
            var step = openHedged(number, &call, &passage)
            if step.isWaiting { step = await settle(step, &call, &passage) }
            return await attempt(call, passage, step, classifier, nil, operation)
        }
        switch settled {
        case .outcome(var attempt, let runs):
            attempt.runs = runs
            attempt.end = time.now()
            return attempt
        case .cancelled(let attempt, let runs):
            var last: Failure?
            if case .failure(let error) = attempt.result { last = error.lastFailure }
            return .cancelled(runs: runs, last: last, at: time.now())
        }
    }

    /// What the result of an attempt that was run means, for everybody who has to know.
    ///
    /// - Parameter classification: What it means by itself.
    @inlinable @inline(never)
    func conclude<Success: Sendable, Failure: Error>(
        _ result: Result<Success, Failure>, isExpired: Bool, _ classification: Classification, _ passage: Passage
    ) -> Attempt<Success, Failure> {
        var attempt = judge(result, isExpired: isExpired, classification, passage)
        if case .success = result { attempt.isSlow = isSlow(passage, endingAt: attempt.end) }
        leave(
            passage, attempt.classification.verdict, retryAfter: attempt.classification.retryAfter,
            isTimeout: attempt.outcome == .timeout, at: attempt.end)
        return attempt
    }

    @inlinable @inline(__always)
    func judge<Success: Sendable, Failure: Error>(
        _ result: Result<Success, Failure>, isExpired: Bool, _ classification: Classification, _ passage: Passage
    ) -> Attempt<Success, Failure> {
        let end = time.now()
        switch result {
        case .success(let value): return Attempt(.success(value), classification, runs: 1, end: end)
        case .failure(let error):
            if isExpired {
                let timeout = timeout(passage)
                // Only the attempt's own limit is worth another attempt: after the total one nobody waits.
                let rule = timeout.scope == .attempt ? Classification.RetryRule.whenIdempotent : .never
                let last = error is CancellationError ? nil : error
                return Attempt(
                    .failure(.timedOut(timeout, last: last)), Classification(.failure, retry: rule), runs: 1,
                    end: end)
            }
            // An error under cancellation says nothing about the callee, whatever it looks like.
            if Task.isCancelled { return .cancelled(runs: 1, last: error, at: end) }
            return Attempt(.failure(.operation(error)), classification, runs: 1, end: end)
        }
    }

    /// Runs the operation, at most for the time that the attempt has.
    ///
    /// - Returns: Its result, and whether the time limit had passed before it came.
    @inlinable @inline(__always)
    func runOperation<Success: Sendable, Failure: Error>(
        _ call: PipelineCall, _ passage: Passage,
        _ operation: @Sendable (CallContext) async throws(Failure) -> Success
    ) async -> (Result<Success, Failure>, isExpired: Bool) {
        if passage.limit == .max, !call.bindsContext {
            do throws(Failure) {
                return (.success(try await operation(call.context)), false)
            } catch {
                return (.failure(error), false)
            }
        }
        return await runBound(call, passage, operation)
    }

    /// Runs the operation under a time limit, with its context bound for the calls that it makes, or both.
    @inlinable @inline(never)
    func runBound<Success: Sendable, Failure: Error>(
        _ call: PipelineCall, _ passage: Passage,
        _ operation: @Sendable (CallContext) async throws(Failure) -> Success
    ) async -> (Result<Success, Failure>, isExpired: Bool) {
        if passage.limit == .max { return (await bound(call.context, operation), false) }
        let deadline = MonotonicInstant(nanoseconds: passage.now.nanoseconds.addingSaturated(passage.limit))
        var context = call.context
        // The earlier of the call's deadline and the attempt's own limit: after it nobody waits for this attempt.
        context.deadline = deadline
        if call.endsAtDeadline {
            let result = await bound(context, operation)
            if case .success = result { return (result, false) }
            return (result, !Task.isCancelled && time.now() >= deadline)
        }
        return await runLimited(context, until: deadline, operation)
    }

    @inlinable @inline(__always)
    func bound<Success: Sendable, Failure: Error>(
        _ context: CallContext, _ operation: @Sendable (CallContext) async throws(Failure) -> Success
    ) async -> Result<Success, Failure> {
        await CallContext.$current.withValue(context) {
            do throws(Failure) {
                return .success(try await operation(context))
            } catch {
                return .failure(error)
            }
        }
    }
}
