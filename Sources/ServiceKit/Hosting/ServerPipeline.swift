// SPDX-License-Identifier: Apache-2.0

internal import HTTPTypes
internal import Hummingbird
package import Resilience

/// Runs the requests of a service through the pipeline that has the service's name: `post`.
///
/// A request passes the deadline, the load shedder, the rate limiter, the bulkhead and the adaptive limit, each of which
/// is there only when it is switched on; then faults strike, and the handler works. What has expired is dropped before it
/// would wait and again after it has waited. Nothing is done twice: a request is answered once.
package struct ServerPipeline: Sendable {
    private let pipeline: ResiliencePipeline

    /// - Parameter pipeline: without policies that are for calls to somebody else.
    package init(_ pipeline: ResiliencePipeline) {
        self.pipeline = pipeline
    }

    /// Handles a request, unless it is refused.
    ///
    /// - Throws: what the handler throws, or a ``Problem`` that says why the request was not handled.
    func run(_ handler: @Sendable () async throws -> Response) async throws -> Response {
        do throws(ResilienceError<any Error>) {
            return try await pipeline.execute(
                classifier: Self.classifier, operation: { _ async throws(any Error) in try await handler() })
        } catch {
            switch error {
            case .operation(let error): throw error
            case .rejected(let rejection, _): throw Problem(refusal: rejection)
            case .timedOut: throw Problem.deadlineExceeded
            case .cancelled: throw CancellationError()
            }
        }
    }

    /// What an answer says about the service: an adaptive limit learns from those that took real work.
    private static let classifier = Classifier<Response, any Error> { result in
        switch result {
        case .success(let response): Classification(response.status.code < 500 ? .success : .failure, retry: .never)
        case .failure(is CancellationError): .ignore
        case .failure(let error):
            Classification((Problem(error)?.status.code ?? 500) < 500 ? .success : .failure, retry: .never)
        }
    }
}

extension Problem {
    /// 504: nobody waits for the answer any more.
    static let deadlineExceeded = Problem(
        .gatewayTimeout, type: "deadline-exceeded", detail: "The deadline passed before there was an answer.",
        extensions: ["retryable": false])

    /// What a refusal by a service's own pipeline means to the client.
    ///
    /// Who comes too often may come again after a while. Who meets an overload is told not to try again: whoever retries
    /// makes it worse, and if each of three layers does so it gets nine times worse.
    init(refusal: Rejection) {
        switch refusal.reason {
        case .deadlineTooShort: self = .deadlineExceeded
        case .rateLimited:
            self.init(.tooManyRequests, type: "rate-limited", detail: "That is more than the service takes in a time.")
            let pause = refusal.retryAfter ?? .seconds(1)
            headers[.retryAfter] = Self.seconds(pause)
            headers[.retryPushback] = String((pause.clampedNanoseconds + 999_999) / 1_000_000)
        default:
            self.init(
                .serviceUnavailable, type: "overloaded", detail: "The service has more to do than it can do.",
                extensions: ["reason": .string(refusal.reason.label)])
            headers[.retryAfter] = Self.seconds(refusal.retryAfter ?? .seconds(1))
            forbidRetry()
        }
    }

    /// Says that the same request is not to be tried again.
    mutating func forbidRetry() {
        extensions["retryable"] = false
        headers[.retryPushback] = "-1"
    }

    /// A pause as Retry-After has it: whole seconds, never less.
    static func seconds(_ pause: Duration) -> String {
        String(max(1, (pause.clampedNanoseconds / 1_000_000 + 999) / 1000))
    }
}
