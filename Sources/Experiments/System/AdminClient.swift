// SPDX-License-Identifier: Apache-2.0

package import AsyncHTTPClient
internal import Foundation
internal import NIOCore
internal import NIOHTTP1

/// Talks to the admin port of one service.
package struct AdminClient: Sendable {
    /// Name of the service, for messages.
    package let service: String
    package let port: Int
    private let token: String
    private let client: HTTPClient

    package init(service: String, port: Int, token: String, client: HTTPClient) {
        self.service = service
        self.port = port
        self.token = token
        self.client = client
    }

    /// Nil when the service is ready, else its reasons in words.
    ///
    /// - Throws: When the admin port does not answer.
    package func unreadiness() async throws -> [String]? {
        let (status, body) = try await exchange("GET", "/health/ready", nil)
        if status == 200 { return nil }
        let reasons = (try? JSONDecoder().decode(ReadinessAnswer.self, from: body))?.reasons ?? []
        return reasons.isEmpty ? ["not ready (status \(status))"] : reasons
    }

    /// Reads a JSON document.
    package func read<Answer: Decodable>(_ path: String, as type: Answer.Type) async throws -> Answer {
        let body = try await expectSuccess("GET", path, nil)
        do {
            return try JSONDecoder().decode(type, from: body)
        } catch {
            throw ExperimentError(.system, "\(service): the admin port's answer to GET \(path) can't be read: \(error)")
        }
    }

    /// Sends a JSON document with PUT or PATCH.
    package func write(_ method: Method, _ path: String, _ value: some Encodable) async throws {
        _ = try await expectSuccess(method == .put ? "PUT" : "PATCH", path, JSONEncoder().encode(value))
    }

    package func delete(_ path: String) async throws { _ = try await expectSuccess("DELETE", path, nil) }

    /// Sends a POST without a body.
    package func post(_ path: String) async throws { _ = try await expectSuccess("POST", path, nil) }

    /// Reads an answer that comes line by line, until the service ends it.
    package func readLines(_ path: String, _ take: @Sendable (String) -> Void) async throws {
        var request = HTTPClientRequest(url: "http://127.0.0.1:\(port)\(path)")
        request.headers.add(name: "authorization", value: "Bearer \(token)")
        do {
            let response = try await client.execute(request, deadline: .distantFuture)
            guard response.status == .ok else {
                throw AdminRefusal(
                    service: service, request: "GET \(path)", status: Int(response.status.code),
                    body: Data(try await response.body.collect(upTo: 64 << 10).readableBytesView))
            }
            var buffered: [UInt8] = []
            for try await part in response.body {
                for byte in part.readableBytesView {
                    if byte != UInt8(ascii: "\n") {
                        buffered.append(byte)
                    } else {
                        take(String(decoding: buffered, as: UTF8.self))
                        buffered = []
                    }
                }
            }
        } catch let refusal as AdminRefusal {
            throw refusal
        } catch {
            if Task.isCancelled { throw CancellationError() }
            throw ExperimentError(
                .system, "\(service): the admin port 127.0.0.1:\(port) does not answer: \(networkErrorText(error))")
        }
    }

    package enum Method: Sendable { case put, patch }

    private func expectSuccess(_ method: String, _ path: String, _ body: Data?) async throws -> Data {
        let (status, answer) = try await exchange(method, path, body)
        guard (200..<300).contains(status) else {
            throw AdminRefusal(service: service, request: "\(method) \(path)", status: status, body: answer)
        }
        return answer
    }

    private func exchange(_ method: String, _ path: String, _ body: Data?) async throws -> (status: Int, body: Data) {
        do {
            return try await client.exchange(
                method, "http://127.0.0.1:\(port)\(path)", headers: [("authorization", "Bearer \(token)")], body: body,
                limit: .seconds(5))
        } catch let error as CancellationError {
            throw error
        } catch {
            throw ExperimentError(
                .system, "\(service): the admin port 127.0.0.1:\(port) does not answer: \(networkErrorText(error))")
        }
    }
}

private struct ReadinessAnswer: Decodable {
    var reasons: [String]?
}

/// An admin port that said no; its problem document names every fault of the request.
package struct AdminRefusal: Error, Sendable {
    package var service: String
    package var request: String
    package var status: Int
    /// One line for each fault that the service named.
    package var reasons: [String]

    init(service: String, request: String, status: Int, body: Data) {
        self.service = service
        self.request = request
        self.status = status
        let problem = try? JSONDecoder().decode(ProblemAnswer.self, from: body)
        let faults = (problem?.errors ?? []).compactMap { fault in
            fault.detail.map { detail in fault.pointer.map { "\($0): \(detail)" } ?? detail }
        }
        reasons = faults.isEmpty ? [problem?.detail ?? problem?.title].compactMap(\.self) : faults
    }
}

/// The part of RFC 9457 that is shown.
private struct ProblemAnswer: Decodable {
    struct Fault: Decodable {
        var pointer: String?
        var detail: String?
    }
    var title: String?
    var detail: String?
    var errors: [Fault]?
}
