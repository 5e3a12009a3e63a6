// SPDX-License-Identifier: Apache-2.0

/// Something a rate limiter did.
public enum RateLimiterEvent: Sendable, Hashable {
    /// A call was refused, or would have been.
    case rejected(Rejection.Reason, shadow: Bool)
    /// A call was admitted after it had waited for its turn.
    case waited(Duration)
}
