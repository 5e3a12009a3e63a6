// SPDX-License-Identifier: Apache-2.0

internal import HTTPTypes
internal import Hummingbird
internal import NIOCore

extension Problem {
    /// What an error that left a handler means for the client; nil when it is none of the expected ones (a 500, to be logged).
    init?(_ error: any Error) {
        switch error {
        case let problem as Problem: self = problem
        case let error as any ProblemConvertible: self = error.problem
        case is NIOTooManyBytesError: self = .tooLarge(limit: ServiceContext.bodyLimit)
        case let error as HTTPError:
            self.init(error.status, detail: error.body, headers: error.headers)
        case let error as any HTTPResponseError:
            self.init(error.status)
        case is CancellationError:
            self.init(.serviceUnavailable, type: "shutting-down", detail: "The service is shutting down.")
        default: return nil
        }
    }

    /// 413 for a body of more than `limit` bytes.
    static func tooLarge(limit: Int) -> Problem {
        Problem(.contentTooLarge, type: "body-too-large", detail: "The body may have up to \(limit) bytes.")
    }
}

/// An error that knows what it means for a client, such as a failed call to another service.
package protocol ProblemConvertible: Error {
    var problem: Problem { get }
}
