// SPDX-License-Identifier: Apache-2.0

/// Something the retry policy decided about a call that failed.
public enum RetryEvent: Sendable, Hashable {
    /// Why there is no further attempt.
    public enum StopReason: String, Sendable, Hashable, Codable, CaseIterable {
        /// The classifier said that another attempt would fail the same way.
        case notRetryable = "not-retryable"
        /// Repeating the call could do it twice.
        case notRepeatable = "not-repeatable"
        /// All attempts are used up.
        case attempts
        /// All retries that the calls of late have earned are used up.
        case budget
        /// The next attempt would have too little time before the deadline.
        case deadline
        /// The callee asked for a longer pause than the options allow.
        case retryAfter = "retry-after"
        /// The policy is in shadow mode and only says that it would have retried.
        case shadow
    }

    /// Another attempt follows after the delay; `attempt` is its number.
    case retrying(attempt: Int, delay: Duration)
    /// No further attempt is made, after so many.
    case stopped(StopReason, attempts: Int)
}
