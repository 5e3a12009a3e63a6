// SPDX-License-Identifier: Apache-2.0

package import HTTPTypes
package import NIOCore
package import ServiceKit
internal import Synchronization

/// Stands where the network is: answers the calls of a service under test as its peers would.
///
/// Safe from any thread.
package final class PeerStub: PeerTransport {
    /// Answers a call, or fails as a connection would.
    package typealias Handler = @Sendable (PeerRequest) async throws(TransportFailure) -> PeerResponse

    private struct State {
        var handlers: [String: Handler] = [:]
        var requests: [PeerRequest] = []
    }

    private let state = Mutex(State())

    package init() {}

    /// Sets what answers paths that begin so, of the service with that name; the longest beginning wins.
    package func on(_ service: String, _ path: String, answer: @escaping Handler) {
        state.withLock { $0.handlers["https://\(service).test\(path)"] = answer }
    }

    /// Sets a JSON answer.
    package func on(_ service: String, _ path: String, status: HTTPResponse.Status = .ok, json: String) {
        on(service, path) { _ throws(TransportFailure) in
            PeerResponse(status: status, headers: [.contentType: "application/json"], body: ByteBuffer(string: json))
        }
    }

    /// Makes every call to a service fail.
    package func down(_ service: String, _ kind: TransportFailure.Kind = .connect) {
        state.withLock { state in
            for key in state.handlers.keys where key.hasPrefix("https://\(service).test") { state.handlers[key] = nil }
        }
        on(service, "/") { _ throws(TransportFailure) in throw TransportFailure(kind, "down for a test") }
    }

    /// The calls so far, in order of their arrival.
    package var requests: [PeerRequest] { state.withLock(\.requests) }

    /// The calls so far whose URL holds a text.
    package func requests(to text: String) -> [PeerRequest] {
        requests.filter { $0.url.contains(text) }
    }

    /// Where calls to a service go.
    package static func directory(_ services: [String]) throws -> ServiceDirectory {
        ServiceDirectory(
            Dictionary(
                uniqueKeysWithValues: services.compactMap { name in
                    ServiceAddress("https://\(name).test").map { (name, [$0]) }
                }))
    }

    package func send(
        _ request: PeerRequest, deadline: NIODeadline
    ) async throws(TransportFailure) -> PeerResponse {
        let handler = state.withLock { state -> Handler? in
            state.requests.append(request)
            let matches = state.handlers.filter { request.url.hasPrefix($0.key) }
            return matches.max { $0.key.utf8.count < $1.key.utf8.count }?.value
        }
        guard let handler else { return PeerResponse(status: .notFound) }
        return try await handler(request)
    }
}
