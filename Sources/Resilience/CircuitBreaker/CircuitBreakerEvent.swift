// SPDX-License-Identifier: Apache-2.0

/// Something a circuit breaker did.
public enum CircuitBreakerEvent: Sendable, Hashable {
    /// Where the breaker stands.
    public enum State: String, Sendable, Hashable, Codable, CaseIterable {
        /// Every call passes.
        case closed
        /// No call passes.
        case open
        /// A few calls pass, to find out whether the callee is well again.
        case halfOpen = "half-open"
        /// A growing share of the calls passes.
        case ramping
    }

    /// Why it went there.
    public enum Cause: String, Sendable, Hashable, Codable, CaseIterable {
        /// Too many failures in a row.
        case consecutiveFailures = "consecutive-failures"
        /// Too large a share of the calls failed.
        case failureRate = "failure-rate"
        /// Too large a share of the calls is slow; calls under way count.
        case slowCallRate = "slow-call-rate"
        /// Too large a share of the calls failed or is slow.
        case badRate = "bad-rate"
        /// The open time is over.
        case openTimePassed = "open-time-passed"
        /// Enough probes succeeded.
        case probesSucceeded = "probes-succeeded"
        /// Too many probes failed or were slow.
        case probesFailed = "probes-failed"
        /// The probes, or the calls of a step of a ramp, brought no results in time.
        case probesOverdue = "probes-overdue"
        /// The calls of the last step of a ramp came back well.
        case rampCompleted = "ramp-completed"
        /// The calls of a step of a ramp did not come back well.
        case rampFailed = "ramp-failed"
        /// Somebody reset the breaker.
        case reset
    }

    /// The breaker's state changed.
    case transition(from: State, to: State, cause: Cause)
    /// A ramp goes on to its next step: from now on that share of the calls passes, above 0, below 1.
    case rampedUp(share: Double)
    /// A call was refused, or would have been.
    case rejected(Rejection.Reason, shadow: Bool)
    /// A result came in after the state it was admitted in had ended; it decided nothing.
    case lateResult
}
