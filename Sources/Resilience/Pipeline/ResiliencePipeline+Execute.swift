// SPDX-License-Identifier: Apache-2.0

extension ResiliencePipeline {
    /// Runs an operation under the policies.
    ///
    /// - Parameters:
    ///   - idempotency: Whether the operation may be repeated; `.unsafe` calls are only retried when the callee
    ///   certainly did not start.
    ///   - deadline: When nobody waits any more. The earlier one of this and `CallContext.current`'s counts.
    ///   - classifier: What results mean; by default every error but a cancellation is a failure.
    ///   - operation: Run once per attempt, with the attempt's number and deadline. It has to end soon after its task
    ///   is cancelled.
    /// - Returns: The operation's result. A value that the classifier calls a failure is returned when there is no
    ///   further attempt.
    /// - Throws: Why there is no result.
    @inlinable
    public func execute<Success: Sendable, Failure: Error>(
        idempotency: Idempotency = .unsafe, deadline: MonotonicInstant? = nil,
        classifier: Classifier<Success, Failure> = .default,
        operation: @Sendable (CallContext) async throws(Failure) -> Success
    ) async throws(ResilienceError<Failure>) -> Success {
        try await run(callContext(idempotency, deadline), classifier, operation).get()
    }

    /// Runs an operation under the policies, with an answer for the case that it fails.
    ///
    /// - Parameters:
    ///   - fallback: Asked when the call failed and the pipeline's fallback is enforced, but not when the caller gave
    ///   up. Nil means
    ///     that there is no answer to this failure: the error is thrown.
    /// - Returns: The operation's result or the fallback's answer.
    @inlinable
    public func execute<Success: Sendable, Failure: Error>(
        idempotency: Idempotency = .unsafe, deadline: MonotonicInstant? = nil,
        classifier: Classifier<Success, Failure> = .default,
        fallback answer: @Sendable (ResilienceError<Failure>) async -> Success?,
        operation: @Sendable (CallContext) async throws(Failure) -> Success
    ) async throws(ResilienceError<Failure>) -> Success {
        switch await run(callContext(idempotency, deadline), classifier, operation) {
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

    @inlinable @inline(__always)
    func callContext(_ idempotency: Idempotency, _ deadline: MonotonicInstant?) -> CallContext {
        var earliest = deadline
        if let outer = CallContext.current?.deadline { earliest = min(outer, earliest ?? outer) }
        return CallContext(deadline: earliest, attempt: 0, idempotency: idempotency)
    }

    /// The whole call but the fallback. One flat loop instead of nested closures: with everything in sight the compiler
    /// keeps the call on the stack.
    @inlinable @inline(__always)
    func run<Success: Sendable, Failure: Error>(
        _ initial: CallContext, _ classifier: Classifier<Success, Failure>,
        _ operation: @Sendable (CallContext) async throws(Failure) -> Success
    ) async -> Result<Success, ResilienceError<Failure>> {
        var context = initial
        let start = time.now()
        var now = start
        var attempts = 0
        var lastFailure: Failure?
        var lastValue: Success?
        var delay: Int64 = 0
        let isRetrying = retry.isActive
        if isRetrying { retry.begin(at: now) }
        let isWatched = deadline.isActive
        if isWatched { context.deadline = deadline.deadline(outer: context.deadline, start: start) }
        while true {
            context.attempt += 1
            let attempt = await self.attempt(context, at: now, classifier, operation)
            now = attempt.end
            if attempt.wasRun { attempts += 1 }
            if case .success(let value) = attempt.result {
                if !attempt.classification.verdict.isFailure {
                    if isWatched { deadline.watch(duration: now.nanoseconds - start.nanoseconds) }
                    telemetry.finish(.success, attempts: attempts, duration: now.nanoseconds - start.nanoseconds)
                    return .success(value)
                }
                lastValue = value
            }
            if case .failure(.operation(let error)) = attempt.result { lastFailure = error }
            if isRetrying, attempt.isRetryable {
                let failed = Retry.Failed(
                    attempt: context.attempt, retry: attempt.classification.retry,
                    retryAfter: attempt.classification.retryAfter, isLocal: !attempt.wasRun,
                    idempotency: context.idempotency,
                    deadline: context.deadline, previousDelay: delay)
                if case .retry(let after) = retry.decide(failed, at: now) {
                    delay = after
                    if await pause(after, from: now) {
                        now = time.now()
                        continue
                    }
                    retry.budget.giveBack()
                    telemetry.finish(
                        .cancelled, attempts: attempts, duration: time.now().nanoseconds - start.nanoseconds)
                    return .failure(.cancelled(last: lastFailure))
                }
            }
            if isWatched { deadline.watch(duration: now.nanoseconds - start.nanoseconds) }
            let result = attempt.final(lastFailure: lastFailure, lastValue: lastValue)
            telemetry.finish(attempt.outcome, attempts: attempts, duration: now.nanoseconds - start.nanoseconds)
            return result
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
