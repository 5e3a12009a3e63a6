// SPDX-License-Identifier: Apache-2.0

/// What a result says about the health of the callee.
public enum Verdict: UInt8, Sendable, Hashable, CaseIterable {
    /// The callee did its work.
    case success
    /// The callee failed.
    case failure
    /// The callee said that it is overloaded (429, RESOURCE_EXHAUSTED): counts into failure rates and fails a probe,
    /// but does not add to consecutive failures.
    case throttled
    /// Says nothing about the callee: the caller gave up, or this process refused the call itself.
    case ignore

    /// Whether the result counts against the callee.
    public var isFailure: Bool {
        self == .failure || self == .throttled
    }
}

/// A verdict plus what it means for a second attempt.
public struct Classification: Sendable, Hashable {
    /// When another attempt may be made after a failure.
    public enum RetryRule: UInt8, Sendable, Hashable {
        /// When repeating the call does no harm: `Idempotency.safe` or `.idempotent`.
        case whenIdempotent
        /// Always: the callee certainly did not start to work (connection refused, rejected before processing).
        case always
        /// Never: another attempt would fail the same way.
        case never
    }

    /// What the result says about the callee.
    public var verdict: Verdict
    /// When another attempt may be made.
    public var retry: RetryRule
    /// How long the callee asked to be left alone (Retry-After); an attempt is never made earlier.
    public var retryAfter: Duration?

    /// A verdict with what follows from it.
    public init(_ verdict: Verdict, retry: RetryRule = .whenIdempotent, retryAfter: Duration? = nil) {
        self.verdict = verdict
        self.retry = retry
        self.retryAfter = retryAfter
    }

    /// The callee did its work.
    public static let success = Classification(.success, retry: .never)
    /// The callee failed; calls that may be repeated are tried again.
    public static let failure = Classification(.failure)
    /// The callee is overloaded; calls that may be repeated are tried again.
    public static let throttled = Classification(.throttled)
    /// Says nothing about the callee, and is not tried again.
    public static let ignore = Classification(.ignore, retry: .never)
}

/// Decides what a result means.
///
/// The same instance serves every attempt of a call. It runs outside every lock and must be quick.
public struct Classifier<Success, Failure: Error>: Sendable {
    /// Nil stands for the default rule, which needs no closure call.
    @usableFromInline let rule: (@Sendable (Result<Success, Failure>) -> Classification)?

    /// A classifier of one's own.
    public init(_ rule: @escaping @Sendable (Result<Success, Failure>) -> Classification) {
        self.rule = rule
    }

    @inlinable
    init() {
        rule = nil
    }

    /// A returned value is a success, a `CancellationError` is ignored, every other error is a failure.
    @inlinable
    public static var `default`: Classifier {
        Classifier()
    }

    /// The meaning of a result.
    @inlinable
    public func classify(_ result: Result<Success, Failure>) -> Classification {
        if let rule { return rule(result) }
        return switch result {
        case .success: .success
        case .failure(let error): error is CancellationError ? .ignore : .failure
        }
    }
}
