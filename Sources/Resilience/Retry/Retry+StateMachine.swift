// SPDX-License-Identifier: Apache-2.0

extension Retry {
    /// What the policy has to know about an attempt that failed.
    @usableFromInline
    struct Failed: Sendable {
        /// The number of the attempt, from 1.
        @usableFromInline var attempt: Int
        @usableFromInline var retry: Classification.RetryRule
        @usableFromInline var retryAfter: Duration?
        /// This process refused the attempt: retried only where the time of the next chance is known and fits the
        /// deadline.
        @usableFromInline var isLocal: Bool
        @usableFromInline var idempotency: Idempotency
        @usableFromInline var deadline: MonotonicInstant?
        /// The waiting time before this attempt; decorrelated jitter goes on from it.
        @usableFromInline var previousDelay: Int64

        @usableFromInline
        init(
            attempt: Int, retry: Classification.RetryRule, retryAfter: Duration?, isLocal: Bool,
            idempotency: Idempotency,
            deadline: MonotonicInstant?, previousDelay: Int64
        ) {
            self.attempt = attempt
            self.retry = retry
            self.retryAfter = retryAfter
            self.isLocal = isLocal
            self.idempotency = idempotency
            self.deadline = deadline
            self.previousDelay = previousDelay
        }
    }

    @usableFromInline
    enum Decision: Sendable, Equatable {
        /// Wait so many nanoseconds, then try again.
        case retry(after: Int64)
        case stop(RetryEvent.StopReason)
    }

    /// Decides about one failed attempt after the other; the same machine serves all calls of a policy.
    struct StateMachine: Sendable {
        var options: RetryOptions
        private var random: SplitMix64

        init(options: RetryOptions, seed: UInt64) {
            self.options = options
            random = SplitMix64(seed: seed)
        }

        /// The cheapest questions first; the budget is asked last, so that nothing has to be paid back.
        mutating func decide(
            _ failed: Failed, at now: Int64, budget: (Int64) -> Bool
        ) -> Decision {
            if failed.retry == .never { return .stop(.notRetryable) }
            if failed.isLocal, failed.retryAfter == nil || failed.deadline == nil { return .stop(.notRetryable) }
            if !failed.isLocal, failed.retry == .whenIdempotent, !failed.idempotency.isRepeatable {
                return .stop(.notRepeatable)
            }
            if failed.attempt >= options.attempts { return .stop(.attempts) }
            let asked = failed.retryAfter ?? .zero
            if asked > options.maximumRetryAfter { return .stop(.retryAfter) }
            let delay = delay(failed, asked: asked.nanosecondsSaturated)
            if let deadline = failed.deadline {
                let remaining = deadline.nanoseconds.subtractingSaturated(now.addingSaturated(delay))
                if remaining < max(1, options.minimumAttemptTime.nanosecondsSaturated) { return .stop(.deadline) }
            }
            return budget(now) ? .retry(after: delay) : .stop(.budget)
        }

        /// The backoff, or what the callee asked for when that is longer. A pause that was asked for is never cut
        /// short: jitter only makes it longer, by at most the backoff's base.
        private mutating func delay(_ failed: Failed, asked: Int64) -> Int64 {
            let backoff = backoff(attempt: failed.attempt, previous: failed.previousDelay)
            if asked <= 0 { return backoff }
            let spread = options.backoff.jitter == .none ? 0 : Double(options.backoff.base.nanosecondsSaturated)
            return max(backoff, asked.addingSaturated(Int64(spread * random.unit())))
        }

        private mutating func backoff(attempt: Int, previous: Int64) -> Int64 {
            options.backoff.pause(failures: attempt, previous: previous, &random)
        }
    }
}
