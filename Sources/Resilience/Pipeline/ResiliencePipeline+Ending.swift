// SPDX-License-Identifier: Apache-2.0

extension ResiliencePipeline {
    func refused(_ rejection: Rejection, _ passage: inout Passage) -> Step {
        undo(&passage)
        return .refused(rejection)
    }

    func cancelled(_ passage: inout Passage) -> Step {
        undo(&passage)
        return .cancelled
    }

    /// The attempt is not made: gives everything back as if it had never asked. A refusal by a policy further in says
    /// nothing about the callee.
    private func undo(_ passage: inout Passage) {
        let passed = passage.passed
        passage.passed = []
        if passed.contains(.adaptiveLimit) { adaptiveLimit.finish(passage.limitTicket, .ignored, at: passage.now) }
        if passed.contains(.bulkhead) { bulkhead.release() }
        if passed.contains(.rateLimiter) { rateLimiter.refund() }
        if passed.contains(.adaptiveThrottle) {
            adaptiveThrottle.record(passage.throttleTicket, .ignore, at: passage.now)
        }
        if passed.contains(.circuitBreaker) { circuitBreaker.abandon(passage.breakerTicket) }
    }

    /// The attempt was made: tells every policy that it has passed how it ended, from the innermost to the outermost.
    @usableFromInline
    func leave(
        _ passage: Passage, _ verdict: Verdict, retryAfter: Duration?, isTimeout: Bool, at end: MonotonicInstant
    ) {
        let duration = max(0, end.nanoseconds &- passage.now.nanoseconds)
        if passage.passed.contains(.adaptiveLimit) {
            // A call that ran into its limit has found the callee overloaded.
            let outcome = isTimeout ? .dropped : AdaptiveLimit.Outcome(verdict)
            adaptiveLimit.finish(passage.limitTicket, outcome, at: end)
        }
        if passage.passed.contains(.bulkhead) { bulkhead.release() }
        if passage.passed.contains(.adaptiveThrottle) {
            adaptiveThrottle.record(passage.throttleTicket, verdict, at: end)
        }
        if passage.passed.contains(.circuitBreaker) {
            circuitBreaker.record(passage.breakerTicket, verdict, duration: duration, retryAfter: retryAfter, at: end)
        }
        attemptTimeout.watch(duration: duration)
    }

    /// Whether a failed attempt is followed by another one.
    @usableFromInline
    func decide(_ failed: Retry.Failed, _ call: PipelineCall, at now: MonotonicInstant) -> Retry.Decision? {
        // A call that the load shedder refused stands outside of the retry.
        call.mask.contains(.retry) && call.context.attempt > 0 ? retry.decide(failed, at: now) : nil
    }

    /// The call has ended.
    @usableFromInline
    func end(_ call: PipelineCall, _ outcome: CallOutcome, at now: MonotonicInstant) {
        let duration = now.nanoseconds &- call.start.nanoseconds
        if call.holdsPlace { loadShedder.release() }
        if call.mask.contains(.deadline) { deadline.watch(duration: duration) }
        telemetry.finish(outcome, attempts: call.attempts, duration: duration)
    }

    /// The usual end: the first attempt has succeeded.
    @usableFromInline
    func endQuickly(_ call: PipelineCall, _ passage: Passage, _ verdict: Verdict) {
        let now = time.now()
        var call = call
        call.attempts = 1
        leave(passage, verdict, retryAfter: nil, isTimeout: false, at: now)
        end(call, outcome(verdict, duration: now.nanoseconds &- passage.now.nanoseconds), at: now)
    }

    // MARK: - Time limits

    /// An attempt's time was up.
    ///
    /// - Returns: Which limit it was.
    @usableFromInline
    func timeout(_ passage: Passage) -> Timeout {
        if passage.isLimitTotal {
            deadline.reportExpiry(limit: passage.limit)
        } else {
            attemptTimeout.reportTimeout(limit: passage.limit)
        }
        return Timeout(passage.isLimitTotal ? .total : .attempt, limit: .nanoseconds(passage.limit))
    }

    func deadlineRejection() -> Rejection {
        telemetry.report(.rejected(.deadlineTooShort))
        return Rejection(.deadlineTooShort)
    }
}
