// SPDX-License-Identifier: Apache-2.0

/// Something a circuit breaker did.
public enum CircuitBreakerEvent: Sendable, Hashable {
    /// Where the breaker stands.
    public enum State: String, Sendable, Hashable, Codable, CaseIterable {
        case closed
        case open
        case halfOpen = "half-open"
    }

    /// Why it went there.
    public enum Cause: String, Sendable, Hashable, Codable, CaseIterable {
        case consecutiveFailures = "consecutive-failures"
        case failureRate = "failure-rate"
        case slowCallRate = "slow-call-rate"
        case badRate = "bad-rate"
        /// The open time is over.
        case openTimePassed = "open-time-passed"
        /// Enough probes succeeded.
        case probesSucceeded = "probes-succeeded"
        /// Too many probes failed or were slow.
        case probesFailed = "probes-failed"
        /// The probes did not end in time.
        case probesOverdue = "probes-overdue"
        /// Somebody reset the breaker.
        case reset
    }

    case transition(from: State, to: State, cause: Cause)
    /// A call was refused, or would have been.
    case rejected(Rejection.Reason, shadow: Bool)
    /// A result came in after the state it was admitted in had ended; it decided nothing.
    case lateResult
}
