// SPDX-License-Identifier: Apache-2.0

extension CircuitBreaker {
    /// The right to make one call, for code that can't be a closure in a pipeline.
    ///
    /// Use it up with `succeed`, `fail`, `end` or `ignore`. A permit that is dropped counts as abandoned: a probe's slot
    /// becomes free and nothing is recorded.
    public struct Permit: ~Copyable, Sendable {
        @usableFromInline let breaker: CircuitBreaker
        @usableFromInline let ticket: Ticket
        @usableFromInline let start: MonotonicInstant
        @usableFromInline var isFinished = false

        @inlinable
        init(breaker: CircuitBreaker, ticket: Ticket, start: MonotonicInstant) {
            self.breaker = breaker
            self.ticket = ticket
            self.start = start
        }

        @inlinable
        deinit {
            if !isFinished { breaker.abandon(ticket) }
        }

        /// The call succeeded now.
        @inlinable
        public consuming func succeed() {
            finish(.success, retryAfter: nil)
        }

        /// The call failed now.
        ///
        /// - Parameter retryAfter: How long the callee asked to be left alone.
        @inlinable
        public consuming func fail(retryAfter: Duration? = nil) {
            finish(.failure, retryAfter: retryAfter)
        }

        /// The call ended with a verdict of one's own.
        ///
        /// - Parameters:
        ///   - verdict: What the result says about the callee.
        ///   - retryAfter: How long the callee asked to be left alone.
        @inlinable
        public consuming func end(_ verdict: Verdict, retryAfter: Duration? = nil) {
            finish(verdict, retryAfter: retryAfter)
        }

        /// The result says nothing about the callee.
        @inlinable
        public consuming func ignore() {
            finish(.ignore, retryAfter: nil)
        }

        @inlinable
        mutating func finish(_ verdict: Verdict, retryAfter: Duration?) {
            isFinished = true
            // Nobody is interested in a call that passed a disabled breaker, so that the clock is not asked either.
            if !ticket.isAdmitted { return }
            let now = breaker.time.now()
            let duration = max(0, now.nanoseconds.subtractingSaturated(start.nanoseconds))
            breaker.record(ticket, verdict, duration: duration, retryAfter: retryAfter, at: now)
        }
    }

    /// Asks for one call.
    ///
    /// - Returns: The right to make it.
    /// - Throws: The refusal, a trivial value: nothing is allocated.
    @inlinable
    public func acquire() throws(Rejection) -> Permit {
        if !isActive { return Permit(breaker: self, ticket: .none, start: MonotonicInstant(nanoseconds: 0)) }
        let now = time.now()
        switch admit(at: now) {
        case .admitted(let ticket): return Permit(breaker: self, ticket: ticket, start: now)
        case .refused(let rejection): throw rejection
        }
    }
}
