// SPDX-License-Identifier: Apache-2.0

package import AsyncHTTPClient
internal import Foundation
internal import NIOCore
internal import NIOHTTP1
internal import NIOSSL

extension HTTPClient {
    /// A client for conversations with services, not for measuring: it trusts `rootsFile` (nil: the system's roots).
    package static func forConversations(rootsFile: String? = nil, verify: Bool = true) -> HTTPClient {
        var tls = TLSConfiguration.makeClientConfiguration()
        if let rootsFile { tls.trustRoots = .file(rootsFile) }
        if !verify { tls.certificateVerification = .none }
        var configuration = HTTPClient.Configuration(tlsConfiguration: tls, redirectConfiguration: .disallow)
        configuration.httpVersion = .http1Only
        configuration.connectionPool.concurrentHTTP1ConnectionsPerHostSoftLimit = 64
        // A refused connection is an answer here, not something to try again behind the caller's back.
        configuration.connectionPool.retryConnectionEstablishment = false
        configuration.timeout = .init(connect: .seconds(5))
        configuration.tracing.tracer = nil
        return HTTPClient(eventLoopGroupProvider: .singleton, configuration: configuration)
    }

    /// Sends one request and reads the whole answer, at most 4 MiB of it.
    func exchange(
        _ method: String, _ url: String, headers: [(String, String)] = [], body: Data? = nil,
        limit: Duration = .seconds(10)
    ) async throws -> (status: Int, body: Data) {
        var request = HTTPClientRequest(url: url)
        request.method = HTTPMethod(rawValue: method)
        for (name, value) in headers { request.headers.add(name: name, value: value) }
        if let body {
            request.headers.replaceOrAdd(name: "content-type", value: "application/json")
            request.body = .bytes(ByteBuffer(bytes: body))
        }
        let response = try await execute(request, timeout: TimeAmount(limit))
        let bytes = try await response.body.collect(upTo: 4 << 20)
        return (Int(response.status.code), Data(bytes.readableBytesView))
    }
}
