// SPDX-License-Identifier: Apache-2.0

internal import Foundation
internal import HTTPTypes

/// Why a call to another service has no result.
package struct CallError: Error, Sendable, CustomStringConvertible {
    package enum Code: Sendable, Equatable {
        /// The other service answered with this status.
        case status(Int)
        /// A policy of this process refused the call: why (`open`, `bulkhead_full`), and when another try makes sense.
        case rejected(reason: String, retryAfter: Duration?)
        /// The time was up: that of an attempt, that of the call, or the client's own.
        case timedOut
        /// No connection, a broken one, or no known instance.
        case unreachable
        /// The answer was not what was asked for.
        case badAnswer
        /// Whoever wanted the answer is gone.
        case cancelled
    }

    package var code: Code
    /// `post -> comment`.
    package var edge: String
    /// For the log.
    package var message: String
    /// How an earlier attempt failed, when the call did not end with an answer or a failure of its own: what the other
    /// service last said before a policy refused a further attempt, or the time was up.
    package var last: Code?
    /// Whether the other service said that another attempt is unwelcome. Whoever asked us is told the same: so retries stop
    /// at every level, not only at the last one.
    package var forbidsRetry = false

    package init(_ code: Code, edge: String, message: String) {
        self.code = code
        self.edge = edge
        self.message = message
    }

    /// The status with which the other service answered, if it did.
    package var status: Int? {
        if case .status(let status) = code { status } else { nil }
    }

    package var description: String { "\(edge): \(message)" }
}

extension CallError: ProblemConvertible {
    /// What it means for the client of this service: 504, 503 or 502, with the edge that failed.
    package var problem: Problem {
        var problem = translated
        if forbidsRetry { problem.forbidRetry() }
        return problem
    }

    private var translated: Problem {
        var extensions: [String: Problem.Value] = ["edge": .string(edge)]
        if case .status(let status) = last { extensions["lastStatus"] = .integer(status) }
        switch code {
        case .timedOut:
            return Problem(
                .gatewayTimeout, type: "upstream-timeout", detail: "Another service took too long.",
                extensions: extensions)
        case .rejected(let reason, let retryAfter):
            return Problem(
                .serviceUnavailable, type: "upstream-rejected", detail: "Another service is not asked at the moment.",
                extensions: extensions.merging(["reason": .string(reason)]) { old, _ in old },
                headers: [.retryAfter: Problem.seconds(retryAfter ?? .seconds(1))])
        case .status(429), .status(503), .unreachable:
            return Problem(
                .serviceUnavailable, type: "upstream-unavailable", detail: "Another service is not available.",
                extensions: extensions, headers: [.retryAfter: "1"])
        case .status, .badAnswer:
            return Problem(
                .badGateway, type: "upstream-failed", detail: "Another service failed.", extensions: extensions)
        case .cancelled:
            return Problem(
                .serviceUnavailable, type: "shutting-down", detail: "The service is shutting down.",
                extensions: extensions)
        }
    }
}
