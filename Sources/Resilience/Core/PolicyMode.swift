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
///
/// Outlier ejection stands last because it has no place in that order: it guards the endpoints that the operation
/// picks from.
public enum PolicyKind: String, Sendable, Hashable, Codable, CaseIterable, CodingKeyRepresentable {
    /// Answers a call that failed.
    case fallback
    /// Bounds a call with all its attempts.
    case deadline
    /// Refuses the least critical calls when there is too much to do.
    case loadShedder = "load-shedder"
    /// Tries a failed call again.
    case retry
    /// Makes a slow call a second time beside the first.
    case hedge
    /// Stops calling a callee that fails.
    case circuitBreaker = "circuit-breaker"
    /// Refuses a share of the calls while the callee does not serve them.
    case adaptiveThrottle = "adaptive-throttle"
    /// Lets so many calls through in so much time.
    case rateLimiter = "rate-limiter"
    /// Bounds the calls under way at once by a fixed number.
    case bulkhead
    /// Bounds the calls under way at once by a number that it finds out itself.
    case adaptiveLimit = "adaptive-limit"
    /// Ends an attempt that takes too long.
    case attemptTimeout = "attempt-timeout"
    /// Leaves out endpoints that fail while the others don't.
    case outlierEjection = "outlier-ejection"

    /// The modes that make sense for the policy.
    public var modes: [PolicyMode] {
        self == .circuitBreaker ? PolicyMode.allCases : PolicyMode.common
    }
}

extension PolicyMode {
    /// The modes that every policy has.
    static let common: [PolicyMode] = [.disabled, .shadow, .enforced]
}

/// A set of policies, one bit each: those of a pipeline that are switched on.
///
/// A call loads it once instead of asking every policy whether it is there at all.
@usableFromInline
struct PolicyMask: OptionSet, Sendable {
    @usableFromInline let rawValue: UInt32

    @inlinable
    init(rawValue: UInt32) {
        self.rawValue = rawValue
    }

    @usableFromInline static let fallback = PolicyMask(rawValue: 1)
    @usableFromInline static let deadline = PolicyMask(rawValue: 1 << 1)
    @usableFromInline static let loadShedder = PolicyMask(rawValue: 1 << 2)
    @usableFromInline static let retry = PolicyMask(rawValue: 1 << 3)
    @usableFromInline static let hedge = PolicyMask(rawValue: 1 << 4)
    @usableFromInline static let circuitBreaker = PolicyMask(rawValue: 1 << 5)
    @usableFromInline static let adaptiveThrottle = PolicyMask(rawValue: 1 << 6)
    @usableFromInline static let rateLimiter = PolicyMask(rawValue: 1 << 7)
    @usableFromInline static let bulkhead = PolicyMask(rawValue: 1 << 8)
    @usableFromInline static let adaptiveLimit = PolicyMask(rawValue: 1 << 9)
    @usableFromInline static let attemptTimeout = PolicyMask(rawValue: 1 << 10)
    @usableFromInline static let outlierEjection = PolicyMask(rawValue: 1 << 11)

    /// The policies that an attempt has to pass one after the other.
    static let admission: PolicyMask = [.circuitBreaker, .adaptiveThrottle, .rateLimiter, .bulkhead, .adaptiveLimit]

    static func of(_ kind: PolicyKind) -> PolicyMask {
        switch kind {
        case .fallback: .fallback
        case .deadline: .deadline
        case .loadShedder: .loadShedder
        case .retry: .retry
        case .hedge: .hedge
        case .circuitBreaker: .circuitBreaker
        case .adaptiveThrottle: .adaptiveThrottle
        case .rateLimiter: .rateLimiter
        case .bulkhead: .bulkhead
        case .adaptiveLimit: .adaptiveLimit
        case .attemptTimeout: .attemptTimeout
        case .outlierEjection: .outlierEjection
        }
    }
}
