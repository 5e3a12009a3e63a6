// SPDX-License-Identifier: Apache-2.0

internal import AsyncHTTPClient
internal import HTTPTypes
package import NIOCore
internal import NIOHTTP1
internal import NIOPosix
package import NIOSSL

/// HTTPS with pooled connections.
package final class HTTPTransport: PeerTransport {
    /// Which versions of HTTP may be spoken.
    package enum Version: Sendable {
        /// A connection for each request under way. A cancelled request costs its connection and nothing else.
        case http1
        /// HTTP/2 where the peer offers it (ALPN). A peer closes a connection on which too many requests are cancelled in a
        /// short time (rapid reset, CVE-2023-44487): short attempt timeouts make that happen.
        case automatic
    }

    private let client: HTTPClient
    private let eventLoopGroup: any EventLoopGroup
    /// The most bytes of an answer that are read.
    private static let answerLimit = 4 << 20

    /// - Parameters:
    ///   - tls: whom to trust.
    ///   - connectionLimit: per instance, for HTTP/1.1. It is no bulkhead: generous, so that a limit is a decision made in a
    ///     pipeline and not an accident of the pool.
    package init(
        tls: TLSConfiguration, version: Version = .http1, connectionLimit: Int = 1024,
        connectTimeout: Duration = .seconds(5),
        eventLoopGroup: any EventLoopGroup = MultiThreadedEventLoopGroup.singleton
    ) {
        var configuration = HTTPClient.Configuration(tlsConfiguration: tls, redirectConfiguration: .disallow)
        configuration.httpVersion = version == .http1 ? .http1Only : .automatic
        configuration.connectionPool.concurrentHTTP1ConnectionsPerHostSoftLimit = connectionLimit
        // On, it hides refused connections behind a backoff of its own. Retrying is what pipelines are for.
        configuration.connectionPool.retryConnectionEstablishment = false
        configuration.connectionPool.idleTimeout = .seconds(30)
        configuration.timeout = .init(
            connect: .nanoseconds(Int64(clamping: connectTimeout.clampedNanoseconds)), read: nil)
        // A tracer that does nothing still costs a second parse of each URL.
        configuration.tracing.tracer = nil
        self.eventLoopGroup = eventLoopGroup
        client = HTTPClient(eventLoopGroup: eventLoopGroup, configuration: configuration)
    }

    package func send(_ request: PeerRequest, deadline: NIODeadline) async throws(TransportFailure) -> PeerResponse {
        var outgoing = HTTPClientRequest(url: request.url)
        outgoing.method = HTTPMethod(rawValue: request.method.rawValue)
        for field in request.headers { outgoing.headers.add(name: field.name.rawName, value: field.value) }
        if let body = request.body { outgoing.body = .bytes(body) }
        do {
            let response = try await client.execute(outgoing, deadline: deadline)
            // Also of errors: a connection whose answer was not read to the end can't be used again.
            let body = try await collect(response.body, until: deadline)
            var headers = HTTPFields()
            for (name, value) in response.headers {
                if let name = HTTPField.Name(name) { headers.append(HTTPField(name: name, value: value)) }
            }
            return PeerResponse(
                status: .init(code: Int(response.status.code), reasonPhrase: response.status.reasonPhrase),
                headers: headers,
                body: body)
        } catch {
            let failure = Self.failure(error)
            guard failure.kind == .cancelled, !Task.isCancelled, NIODeadline.now() >= deadline else { throw failure }
            throw TransportFailure(.timeout, "the time was up before the answer was complete")
        }
    }

    /// Reads a body until `deadline`: the client's own ends with the head of the answer. Cancelling ends it as well.
    private func collect(_ body: HTTPClientResponse.Body, until deadline: NIODeadline) async throws -> ByteBuffer {
        let reading = Task.immediate { try await body.collect(upTo: Self.answerLimit) }
        let timer = eventLoopGroup.any().scheduleTask(deadline: deadline) { reading.cancel() }
        defer { timer.cancel() }
        return try await withTaskCancellationHandler {
            try await reading.value
        } onCancel: {
            reading.cancel()
        }
    }

    /// Closes all connections; requests under way fail.
    package func shutdown() async {
        // It throws only when it is shut down already.
        try? await client.shutdown()
    }

    private static func failure(_ error: any Error) -> TransportFailure {
        let message = String(describing: error)
        switch error {
        case is CancellationError: return TransportFailure(.cancelled, "cancelled")
        case is NIOTooManyBytesError:
            return TransportFailure(.badAnswer, "the answer is larger than \(answerLimit) bytes")
        case is NIOSSLError, is NIOSSLExtraError, is BoringSSLError: return TransportFailure(.tls, message)
        case is NIOConnectionError: return TransportFailure(.connect, message)
        case let error as ChannelError:
            if case .connectTimeout = error { return TransportFailure(.connect, message) }
            return TransportFailure(.connectionLost, message)
        case let error as IOError:
            return TransportFailure(error.errnoCode == 111 ? .connect : .connectionLost, message)
        case let error as HTTPClientError:
            switch error {
            case .cancelled: return TransportFailure(.cancelled, "cancelled")
            case .deadlineExceeded, .readTimeout, .writeTimeout, .getConnectionFromPoolTimeout:
                return TransportFailure(.timeout, error.shortDescription)
            case .connectTimeout, .tlsHandshakeTimeout: return TransportFailure(.connect, error.shortDescription)
            default: return TransportFailure(.connectionLost, error.shortDescription)
            }
        default: return TransportFailure(.connectionLost, message)
        }
    }
}
