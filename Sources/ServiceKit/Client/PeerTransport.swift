// SPDX-License-Identifier: Apache-2.0

package import HTTPTypes
package import NIOCore

/// One HTTP request to another service. The transport adds nothing of its own but what HTTP needs.
package struct PeerRequest: Sendable {
    package var method: HTTPRequest.Method
    /// The whole URL.
    package var url: String
    package var headers: HTTPFields
    package var body: ByteBuffer?

    package init(method: HTTPRequest.Method, url: String, headers: HTTPFields = [:], body: ByteBuffer? = nil) {
        self.method = method
        self.url = url
        self.headers = headers
        self.body = body
    }
}

/// What came back, whole.
package struct PeerResponse: Sendable {
    package var status: HTTPResponse.Status
    package var headers: HTTPFields
    package var body: ByteBuffer

    package init(status: HTTPResponse.Status, headers: HTTPFields = [:], body: ByteBuffer = ByteBuffer()) {
        self.status = status
        self.headers = headers
        self.body = body
    }
}

/// Why no answer came.
package struct TransportFailure: Error, Sendable, Equatable {
    package enum Kind: String, Sendable {
        /// No instance is known: the directory is empty for the service.
        case noInstance
        /// There was no connection: refused, unreachable, or the connect timeout passed. The peer did not start to work.
        case connect
        /// The certificate did not verify, or TLS broke.
        case tls
        /// The time was up before the answer was complete.
        case timeout
        /// The connection ended before the answer was complete.
        case connectionLost
        /// The answer was too large, or not HTTP.
        case badAnswer
        /// The task was cancelled.
        case cancelled
    }

    package var kind: Kind
    /// For the log.
    package var message: String

    package init(_ kind: Kind, _ message: String) {
        self.kind = kind
        self.message = message
    }
}

/// Sends requests to other services.
package protocol PeerTransport: Sendable {
    /// Sends the request and reads the whole answer.
    ///
    /// - Parameter deadline: when the answer must be there, to its last byte; then it fails with `timeout`.
    func send(_ request: PeerRequest, deadline: NIODeadline) async throws(TransportFailure) -> PeerResponse
}
