// SPDX-License-Identifier: Apache-2.0

extension ResiliencePipeline {
    /// Runs an operation under the policies.
    ///
    /// What is left out is taken over from `CallContext.current`, and while the operation runs it finds there what it
    /// has to hand on: calls made inside it have the earlier deadline and the same criticality.
    ///
    /// - Parameters:
    ///   - idempotency: Whether the operation may be repeated; `.unsafe` calls are only retried when the callee
    ///     certainly did not start.
    ///   - deadline: When nobody waits any more. The earlier one of this and `CallContext.current`'s counts.
    ///   - criticality: How much is lost when the call is refused; `critical` when nobody says anything.
    ///   - cohort: Which part of its class goes first when some of it has to be refused.
    ///   - share: The kind of work that the call belongs to, where the adaptive limit guarantees a share to it.
    ///   - classifier: What results mean; by default every error is a failure but a cancellation and a refusal.
    ///   - endsAtDeadline: Whether the operation ends by itself soon after `deadline` of the context that it is given,
    ///     as a client does that takes a deadline with each request. Then a time limit costs no task to cancel; an
    ///     operation that says so and goes on is late.
    ///   - discard: Gets every value that is not returned, such as the response of an attempt that was retried or lost
    ///     to a hedge, to close what it holds; the call waits for it.
    ///   - operation: Run once per attempt, with the attempt's number and the instant after which nobody waits for
    ///     this attempt. It has to end soon after its task is cancelled.
    /// - Returns: The operation's result. A value that the classifier calls a failure is returned when there is no
    ///   further attempt.
    /// - Throws: Why there is no result.
    @inlinable
    public func execute<Success: Sendable, Failure: Error>(
        idempotency: Idempotency = .unsafe, deadline: MonotonicInstant? = nil, criticality: Criticality? = nil,
        cohort: Cohort? = nil, share: CallShare? = nil, classifier: Classifier<Success, Failure> = .default,
        endsAtDeadline: Bool = false, discard: (@Sendable (Success) async -> Void)? = nil,
        operation: @Sendable (CallContext) async throws(Failure) -> Success
    ) async throws(ResilienceError<Failure>) -> Success {
        let request = CallRequest(
            idempotency: idempotency, deadline: deadline, criticality: criticality, cohort: cohort,
            share: share, endsAtDeadline: endsAtDeadline)
        return try await run(request, classifier, discard, operation).get()
    }

    /// Runs an operation under the policies, with an answer for the case that it fails.
    ///
    /// - Parameters:
    ///   - idempotency: Whether the operation may be repeated.
    ///   - deadline: When nobody waits any more. The earlier one of this and `CallContext.current`'s counts.
    ///   - criticality: How much is lost when the call is refused; `critical` when nobody says anything.
    ///   - cohort: Which part of its class goes first when some of it has to be refused.
    ///   - share: The kind of work that the call belongs to, where the adaptive limit guarantees a share to it.
    ///   - classifier: What results mean; by default every error is a failure but a cancellation and a refusal.
    ///   - endsAtDeadline: Whether the operation ends by itself soon after `deadline` of the context that it is given,
    ///     as a client does that takes a deadline with each request. Then a time limit costs no task to cancel; an
    ///     operation that says so and goes on is late.
    ///   - discard: Gets every value that is not returned, such as the response of an attempt that was retried or lost
    ///     to a hedge, to close what it holds; the call waits for it.
    ///   - answer: Asked when the call failed and the pipeline's fallback is enforced, but not when the caller gave
    ///     up. Nil means that there is no answer to this failure: the error is thrown.
    ///   - operation: Run once per attempt.
    /// - Returns: The operation's result or the fallback's answer.
    /// - Throws: Why there is no result.
    @inlinable
    public func execute<Success: Sendable, Failure: Error>(
        idempotency: Idempotency = .unsafe, deadline: MonotonicInstant? = nil, criticality: Criticality? = nil,
        cohort: Cohort? = nil, share: CallShare? = nil, classifier: Classifier<Success, Failure> = .default,
        endsAtDeadline: Bool = false, discard: (@Sendable (Success) async -> Void)? = nil,
        fallback answer: @Sendable (ResilienceError<Failure>) async -> Success?,
        operation: @Sendable (CallContext) async throws(Failure) -> Success
    ) async throws(ResilienceError<Failure>) -> Success {
        let request = CallRequest(
            idempotency: idempotency, deadline: deadline, criticality: criticality, cohort: cohort,
            share: share, endsAtDeadline: endsAtDeadline)
        switch await run(request, classifier, discard, operation) {
        case .success(let value): return value
        case .failure(let error):
            var isCancelled = false
            if case .cancelled = error { isCancelled = true }
            guard fallback.shouldAnswer(isCancelled: isCancelled) else { throw error }
            guard let value = await answer(error) else { throw error }
            fallback.reportAnswer()
            return value
        }
    }

    /// The whole call but the fallback: a first attempt that is admitted at once and succeeds goes straight through;
    /// everything else is a matter of functions that stay out of its way.
    @inlinable @inline(__always)
    func run<Success: Sendable, Failure: Error>(
        _ request: CallRequest, _ classifier: Classifier<Success, Failure>,
        _ discard: (@Sendable (Success) async -> Void)?,
        _ operation: @Sendable (CallContext) async throws(Failure) -> Success
    ) async -> Result<Success, ResilienceError<Failure>> {
        var call = PipelineCall(request)
        var passage = Passage()
        let step = begin(&call, &passage)
        guard step.isAdmitted else { return await runSlowly(call, passage, step, classifier, discard, operation) }
        let (result, isExpired) = await runOperation(call, passage, operation)
        let classification = classifier.classify(result)
        if case .success(let value) = result, !classification.verdict.isFailure {
            endQuickly(call, passage, classification.verdict)
            return .success(value)
        }
        let attempt = conclude(result, isExpired: isExpired, classification, passage)
        return await goOn(call, after: attempt, classifier, discard, operation)
    }

    /// A call that was refused or has to wait.
    @inlinable @inline(never)
    func runSlowly<Success: Sendable, Failure: Error>(
        _ initial: PipelineCall, _ first: Passage, _ step: Step, _ classifier: Classifier<Success, Failure>,
        _ discard: (@Sendable (Success) async -> Void)?,
        _ operation: @Sendable (CallContext) async throws(Failure) -> Success
    ) async -> Result<Success, ResilienceError<Failure>> {
        var call = initial
        var passage = first
        var step = step
        if step.isWaiting { step = await settle(step, &call, &passage) }
        let attempt = await attempt(call, passage, step, classifier, discard, operation)
        return await goOn(call, after: attempt, classifier, discard, operation)
    }

    /// From the first attempt's end to that of the call.
    @inlinable @inline(never)
    func goOn<Success: Sendable, Failure: Error>(
        _ initial: PipelineCall, after first: Attempt<Success, Failure>, _ classifier: Classifier<Success, Failure>,
        _ discard: (@Sendable (Success) async -> Void)?,
        _ operation: @Sendable (CallContext) async throws(Failure) -> Success
    ) async -> Result<Success, ResilienceError<Failure>> {
        var call = initial
        var attempt = first
        var lastFailure: Failure?
        var lastValue: Success?
        while true {
            call.attempts += attempt.runs
            switch attempt.result {
            case .success(let value):
                // The value of an earlier attempt has been superseded.
                if let lastValue, let discard { await discard(lastValue) }
                if !attempt.classification.verdict.isFailure {
                    end(call, attempt.outcome, at: attempt.end)
                    return .success(value)
                }
                lastValue = value
            case .failure(.operation(let error)):
                // The last answer is what counts.
                if let lastValue, let discard { await discard(lastValue) }
                lastValue = nil
                lastFailure = error
            case .failure(.timedOut(_, let error)): lastFailure = lastFailure ?? error
            case .failure: break
            }
            guard attempt.isRetryable, case .retry(let delay) = decide(attempt.failed(call), call, at: attempt.end)
            else {
                end(call, attempt.outcome, at: attempt.end)
                let result = attempt.final(lastFailure: lastFailure, lastValue: lastValue)
                if case .failure = result, let lastValue, let discard { await discard(lastValue) }
                return result
            }
            call.delay = delay
            guard await pause(delay, from: attempt.end) else {
                retry.budget.refund()
                end(call, .cancelled, at: time.now())
                if let lastValue, let discard { await discard(lastValue) }
                return .failure(.cancelled(last: lastFailure))
            }
            var passage = Passage()
            var step = openAgain(&call, &passage)
            if step.isWaiting { step = await settle(step, &call, &passage) }
            attempt = await self.attempt(call, passage, step, classifier, discard, operation)
            telemetry.retried(attempt: call.context.attempt, attempt.outcome)
            // A retry that was refused or cancelled on its way did not reach the callee.
            if attempt.runs == 0 { retry.budget.refund() }
        }
    }

    /// Waits before the next attempt.
    ///
    /// - Returns: False when the caller gave up.
    @usableFromInline
    func pause(_ nanoseconds: Int64, from now: MonotonicInstant) async -> Bool {
        if nanoseconds <= 0 { return !Task.isCancelled }
        do {
            try await time.sleep(until: MonotonicInstant(nanoseconds: now.nanoseconds.addingSaturated(nanoseconds)))
            return true
        } catch {
            return false
        }
    }
}
