// SPDX-License-Identifier: Apache-2.0

/// How far a policy may act.
public enum PolicyMode: String, Sendable, Hashable, Codable, CaseIterable {
    /// The policy does nothing and sees nothing.
    case disabled
    /// The policy evaluates every call and reports what it would have done, but lets everything pass.
    case shadow
    /// The policy acts.
    case enforced
    /// Only for a circuit breaker: every call is refused.
    case forcedOpen = "forced-open"
    /// Only for a circuit breaker: every call passes, while the breaker goes on watching.
    case forcedClosed = "forced-closed"
}

/// The policies a pipeline is made of, in their order from the outermost to the innermost.
public enum PolicyKind: String, Sendable, Hashable, Codable, CaseIterable, CodingKeyRepresentable {
    case fallback
    case deadline
    case retry
    case circuitBreaker = "circuit-breaker"
    case bulkhead
    case attemptTimeout = "attempt-timeout"

    /// The modes that make sense for the policy.
    public var modes: [PolicyMode] {
        self == .circuitBreaker ? PolicyMode.allCases : [.disabled, .shadow, .enforced]
    }
}
