// SPDX-License-Identifier: Apache-2.0

internal import Foundation
internal import HTTPTypes
internal import NIOCore
internal import Resilience

/// Why an attempt failed: the peer said so, or did not say anything.
enum AttemptFailure: Error, Sendable {
    /// 429 or 5xx.
    case status(HTTPResponse.Status, RetryAdvice)
    case transport(TransportFailure)
}

/// What a peer that did not do its work says about another attempt.
struct RetryAdvice: Sendable {
    /// How long it wants to be left alone. The policies bound what they make of it.
    var pause: Duration?
    /// Whether another attempt is unwelcome, whenever it comes.
    var isForbidden = false

    /// Reads the headers of an answer.
    init(_ headers: HTTPFields) {
        if let text = headers[.retryAfter] {
            pause = RetryAfter.parse(text, date: headers[.date], now: .seconds(Date().timeIntervalSince1970))
        }
        guard let text = headers[.retryPushback] else { return }
        // What can't be read forbids it, as in gRPC's proposal A6: somebody wanted to say that it is too much.
        if let milliseconds = Int32(text), milliseconds >= 0 {
            pause = .milliseconds(milliseconds)
        } else {
            isForbidden = true
        }
    }
}

extension ResilientClient {
    /// What a call through the pipeline comes to.
    enum Reply: Sendable {
        case response(PeerResponse)
        /// There is no answer, and the pipeline's fallback is to be used.
        case fallback
    }

    /// Makes a call with all its attempts.
    ///
    /// - Parameter hasFallback: whether the caller can go on without an answer.
    func execute(_ call: Call, hasFallback: Bool = false) async throws(CallError) -> Reply {
        let edge = edge(to: call.service)
        let pipeline = registry.pipeline(edge)
        // The transport keeps it, and the limits of the pipeline and of the request behind the call as well: an attempt is
        // given the earliest of them.
        let ultimate = MonotonicClock.nanoseconds + Self.ultimateTimeout.clampedNanoseconds
        let idempotency: Idempotency = call.isRepeatable ? (call.method == .get ? .safe : .idempotent) : .unsafe
        do {
            if hasFallback {
                return try await pipeline.execute(
                    idempotency: idempotency, criticality: call.criticality, classifier: Self.classifier,
                    endsAtDeadline: true,
                    fallback: { _ in .some(.fallback) },
                    operation: { context throws(AttemptFailure) in
                        try await self.attempt(call, context, pipeline, ultimate)
                    })
            }
            return try await pipeline.execute(
                idempotency: idempotency, criticality: call.criticality, classifier: Self.classifier,
                endsAtDeadline: true,
                operation: { context throws(AttemptFailure) in try await self.attempt(call, context, pipeline, ultimate)
                })
        } catch {
            throw CallError(error, edge: edge, call: call)
        }
    }

    /// Makes one attempt.
    ///
    /// - Parameter ultimate: when the call ends in any case, on ``MonotonicClock``.
    private func attempt(
        _ call: Call, _ context: CallContext, _ pipeline: ResiliencePipeline, _ ultimate: UInt64
    ) async throws(AttemptFailure) -> Reply {
        // What came in and what the pipeline's own deadline allows: the context has the earlier one.
        let latest = min(context.deadline.map { UInt64(clamping: $0.nanoseconds) } ?? .max, ultimate)
        let instance: ChosenInstance
        do { instance = try chooseInstance(of: call.service, pipeline) } catch { throw .transport(error) }
        let now = MonotonicClock.nanoseconds
        let remaining: Duration = .nanoseconds(Int64(clamping: latest) - Int64(clamping: now))
        let response: PeerResponse
        do {
            let request = request(for: call, context, to: instance.address, remaining: remaining)
            response = try await transport.send(request, deadline: .uptimeNanoseconds(latest))
        } catch {
            let failure = AttemptFailure.transport(error)
            instance.end(failure.classification.verdict)
            throw failure
        }
        if response.status.code >= 500 || response.status.code == 429 {
            let failure = AttemptFailure.status(response.status, RetryAdvice(response.headers))
            instance.end(failure.classification.verdict)
            throw failure
        }
        instance.end(.success)
        return .response(response)
    }

    /// What an attempt says about the peer. 4xx but 429 are answers of a peer that works.
    static let classifier = Classifier<Reply, AttemptFailure> { result in
        switch result {
        case .success: .success
        case .failure(let failure): failure.classification
        }
    }
}

extension AttemptFailure {
    /// What it says about the peer, and about another attempt.
    fileprivate var classification: Classification {
        switch self {
        case .status(let status, let advice):
            // 501 and 505 will not get better; the others may.
            Classification(
                status.code == 429 || advice.isForbidden ? .throttled : .failure,
                retry: status.code == 501 || status.code == 505 || advice.isForbidden ? .never : .whenIdempotent,
                retryAfter: advice.pause)
        case .transport(let failure):
            switch failure.kind {
            case .cancelled: .ignore
            // The peer did not start to work.
            case .connect, .noInstance: Classification(.failure, retry: .always)
            case .tls, .badAnswer: Classification(.failure, retry: .never)
            case .timeout, .connectionLost: .failure
            }
        }
    }
}

extension CallError {
    init(_ error: ResilienceError<AttemptFailure>, edge: String, call: ResilientClient.Call) {
        let what = "\(call.method) \(call.path.prefix { $0 != "?" })"
        switch error {
        case .operation(let failure):
            self.init(failure.code, edge: edge, message: "\(what)\(failure.text)")
            if case .status(_, let advice) = failure { forbidsRetry = advice.isForbidden }
            return
        case .rejected(let rejection, _):
            self.init(
                .rejected(reason: rejection.reason.label, retryAfter: rejection.retryAfter), edge: edge,
                message: "\(what) was not sent: \(rejection)")
        case .timedOut: self.init(.timedOut, edge: edge, message: "\(what) took too long")
        case .cancelled: self.init(.cancelled, edge: edge, message: "\(what) was cancelled")
        }
        guard let failure = error.lastFailure else { return }
        last = failure.code
        message += "; before that it\(failure.text)"
    }
}

extension AttemptFailure {
    /// What a call that ends with it comes to.
    fileprivate var code: CallError.Code {
        switch self {
        case .status(let status, _): .status(status.code)
        case .transport(let failure):
            switch failure.kind {
            case .timeout: .timedOut
            case .cancelled: .cancelled
            case .badAnswer: .badAnswer
            case .noInstance, .connect, .tls, .connectionLost: .unreachable
            }
        }
    }

    /// What is said about it after the name of the call.
    fileprivate var text: String {
        switch self {
        case .status(let status, _): " answered \(status.code)"
        case .transport(let failure): " failed: \(failure.message)"
        }
    }
}
