// SPDX-License-Identifier: Apache-2.0

/// Why a call through a pipeline has no result: one flat type, however many policies the pipeline has.
///
/// `last` is the last real error of the operation when an earlier attempt had one, so that it is never lost.
public enum ResilienceError<Failure: Error>: Error {
    /// The operation failed, and no policy had a better answer.
    case operation(Failure)
    /// A policy of this process refused the call.
    case rejected(Rejection, last: Failure?)
    /// A time limit passed.
    case timedOut(Timeout, last: Failure?)
    /// The caller gave up.
    case cancelled(last: Failure?)

    /// The operation's last real error.
    public var lastFailure: Failure? {
        switch self {
        case .operation(let error): error
        case .rejected(_, let last), .timedOut(_, let last), .cancelled(let last): last
        }
    }

    /// The refusal, when a policy refused the call.
    public var rejection: Rejection? {
        if case .rejected(let rejection, _) = self { rejection } else { nil }
    }

    /// The time limit that passed, if one did.
    public var timeout: Timeout? {
        if case .timedOut(let timeout, _) = self { timeout } else { nil }
    }

    /// The same error with a real error of an earlier attempt. What an attempt threw after it had been told to stop
    /// counts only when there is none: mostly it just says that it was stopped.
    @usableFromInline
    func keeping(_ earlier: Failure?) -> ResilienceError {
        switch self {
        case .operation: self
        case .rejected(let rejection, let own): .rejected(rejection, last: earlier ?? own)
        case .timedOut(let timeout, let own): .timedOut(timeout, last: earlier ?? own)
        case .cancelled(let own): .cancelled(last: earlier ?? own)
        }
    }
}

/// A time limit that passed.
public struct Timeout: Error, Sendable, Hashable {
    /// Which limit it was.
    public enum Scope: UInt8, Sendable, Hashable {
        /// The limit of one attempt.
        case attempt
        /// The limit of the whole call with all its attempts.
        case total
    }

    /// Which limit it was.
    public let scope: Scope
    /// How long the call was allowed to take.
    public let limit: Duration

    /// A limit that passed.
    public init(_ scope: Scope, limit: Duration) {
        self.scope = scope
        self.limit = limit
    }
}

extension ResilienceError: Equatable where Failure: Equatable {}

extension ResilienceError: CustomStringConvertible {
    public var description: String {
        let text =
            switch self {
            case .operation(let error): "\(error)"
            case .rejected(let rejection, _): "\(rejection)"
            case .timedOut(let timeout, _):
                "timed out: \(timeout.scope == .attempt ? "the attempt" : "the call") took longer than \(ConfigurationText.format(timeout.limit))"
            case .cancelled: "cancelled by the caller"
            }
        if case .operation = self { return text }
        return lastFailure.map { "\(text) (last error: \($0))" } ?? text
    }
}
