// SPDX-License-Identifier: Apache-2.0

internal import Foundation
internal import HTTPTypes
internal import NIOCore
package import Resilience

extension ResilientClient {
    /// Gets a JSON value from a service.
    ///
    /// - Parameter path: with its query, percent-encoded: `/internal/v1/users?ids=1,2`.
    /// - Throws: ``CallError``.
    package func get<Answer: Decodable>(
        _ path: String, from service: String, as credentials: Credentials, _ type: Answer.Type = Answer.self
    ) async throws(CallError) -> Answer {
        let call = Call(.get, service, path, headers: [.accept: "application/json"], credentials: credentials)
        return try decode(try await send(call), of: call)
    }

    /// Gets a JSON value from a service, or something else instead when that fails and the pipeline's fallback is enforced.
    ///
    /// - Parameter fallback: what to go on with when there is no answer. An answer like 404 is one: it throws.
    /// - Returns: the value, and whether it is the fallback.
    /// - Throws: ``CallError``.
    package func get<Answer: Decodable & Sendable>(
        _ path: String, from service: String, as credentials: Credentials, fallback: Answer
    ) async throws(CallError) -> (value: Answer, degraded: Bool) {
        let call = Call(.get, service, path, headers: [.accept: "application/json"], credentials: credentials)
        switch try await execute(call, hasFallback: true) {
        case .fallback: return (fallback, true)
        case .response(let response): return (try decode(try accept(response, of: call), of: call), false)
        }
    }

    /// Posts a JSON value to a service.
    ///
    /// - Parameters:
    ///   - idempotencyKey: with one, the call may be repeated when it fails.
    ///   - criticality: how much is lost when it is refused; nil for as much as with the request that it is made for.
    /// - Throws: ``CallError``.
    @discardableResult
    package func post(
        _ path: String, to service: String, body: some Encodable, as credentials: Credentials,
        contentType: String = "application/json", idempotencyKey: String? = nil, criticality: Criticality? = nil
    ) async throws(CallError) -> PeerResponse {
        var headers: HTTPFields = [.contentType: contentType]
        if let idempotencyKey { headers[.idempotencyKey] = "\"\(idempotencyKey)\"" }
        let buffer: ByteBuffer
        do {
            buffer = ByteBuffer(bytes: try JSON.encoder.encode(body))
        } catch {
            throw CallError(.badAnswer, edge: edge(to: service), message: "the request can't be encoded: \(error)")
        }
        return try await send(
            Call(
                .post, service, path, headers: headers, body: buffer, credentials: credentials, criticality: criticality
            ))
    }

    private func decode<Answer: Decodable>(_ response: PeerResponse, of call: Call) throws(CallError) -> Answer {
        do {
            return try JSON.decoder.decode(Answer.self, from: Data(response.body.readableBytesView))
        } catch {
            throw CallError(
                .badAnswer, edge: edge(to: call.service),
                message:
                    "the answer to \(call.method) \(call.path.prefix { $0 != "?" }) is not what was expected: \(error)")
        }
    }
}
