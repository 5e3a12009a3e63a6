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

    /// A returned value is a success. A `CancellationError` is ignored, and so is what a policy further in has refused
    /// or the caller has given up: a ``Rejection``, and a ``ResilienceError`` that says `rejected` or `cancelled`. Every
    /// other error is a failure, a time limit that has passed included.
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
        case .failure(let error): saysNothing(error) ? .ignore : .failure
        }
    }
}

/// An error of this library, which may be no answer of a callee.
@usableFromInline
protocol LocalError: Error {
    /// Whether the callee was not asked, or nobody waited for its answer.
    var saysNothingAboutCallee: Bool { get }
}

/// Whether an error says nothing about the callee. Only failures pay for the look at their type.
@usableFromInline
func saysNothing(_ error: any Error) -> Bool {
    if error is CancellationError { return true }
    return (error as? any LocalError)?.saysNothingAboutCallee ?? false
}

extension Rejection: LocalError {
    @usableFromInline var saysNothingAboutCallee: Bool { true }
}

extension ResilienceError: LocalError {
    @usableFromInline var saysNothingAboutCallee: Bool {
        switch self {
        case .rejected, .cancelled: true
        case .timedOut: false
        // The operation of an inner pipeline may itself have been one.
        case .operation(let error): saysNothing(error)
        }
    }
}
