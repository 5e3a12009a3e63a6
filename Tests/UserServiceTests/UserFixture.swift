// SPDX-License-Identifier: Apache-2.0

import Foundation
import HTTPTypes
import Hummingbird
import HummingbirdTesting
import Logging
import NIOCore
import ServiceKit
import TestSupport
import Testing

@testable import UserService

/// A User Service in a folder of its own, reached through its router.
struct UserFixture: Sendable {
    let folder: TemporaryFolder
    let router: any TestClientProtocol

    private struct NoPeers: PeerTransport {
        func send(_ request: PeerRequest, deadline: NIODeadline) async throws(TransportFailure) -> PeerResponse {
            throw TransportFailure(.connect, "the User Service calls nobody")
        }
    }

    /// Runs `body` with a service that nobody else uses.
    ///
    /// - Parameter folder: to begin with the data of an earlier run.
    static func run<Value: Sendable>(
        in folder: TemporaryFolder? = nil, _ body: @Sendable (UserFixture) async throws -> Value
    ) async throws -> Value {
        let folder = try folder ?? TemporaryFolder()
        var logger = Logger(label: "test")
        logger.logLevel = .critical
        let secret = ServiceSecret.random()
        let client = ResilientClient(
            caller: "user", directory: ServiceDirectory(), transport: NoPeers(), secret: secret)
        let nobody = TokenVerifier(keys: KnownKeys(PublishedKeys(keys: [])))
        let service = try await UserServer(
            ServiceRuntime(
                name: "user", dataDirectory: folder.path, client: client, tokens: nobody, secret: secret, logger: logger
            ))
        let router = ServiceRouter.make(
            gate: Gate(tokens: try #require(service.tokens), secret: secret), faults: nil, metrics: nil,
            routes: service.addRoutes)
        return try await Application(router: router, logger: logger).test(.router) { client in
            try await body(UserFixture(folder: folder, router: client))
        }
    }

    /// An answer, with its body as far as the tests look at it.
    struct Answer: Sendable {
        struct Body: Decodable, Sendable {
            struct Item: Decodable, Sendable, Equatable {
                var id: String
            }

            var id: String?
            var username: String?
            var displayName: String?
            var bio: String?
            var name: String?
            var state: String?
            var accessToken: String?
            var refreshToken: String?
            var userId: String?
            var type: String?
            var nextCursor: String?
            var items: [Item]?
            var users: [[String: String]]?
            var ids: [String]?
            var errors: [[String: String]]?
        }

        var status: Int
        var headers: HTTPFields
        var body: Body
        var text: String

        /// The last part of a problem's type.
        var problem: String? { body.type?.split(separator: "/").last.map(String.init) }
    }

    func call(
        _ method: HTTPRequest.Method, _ path: String, _ json: String? = nil, token: String? = nil,
        headers: HTTPFields = [:]
    ) async throws -> Answer {
        var headers = headers
        if json != nil, headers[.contentType] == nil { headers[.contentType] = "application/json" }
        if let token { headers[.authorization] = "Bearer \(token)" }
        return try await router.execute(
            uri: path, method: method, headers: headers, body: json.map { ByteBuffer(string: $0) }
        ) { response in
            let text = String(buffer: response.body)
            let body = text.isEmpty ? Answer.Body() : try JSON.decoder.decode(Answer.Body.self, from: Data(text.utf8))
            return Answer(status: response.status.code, headers: response.headers, body: body, text: text)
        }
    }

    /// Signs somebody up and in.
    func person(_ name: String) async throws -> (id: String, token: String) {
        let credentials = #"{"username":"\#(name)","password":"correct horse"}"#
        let new = try await call(.post, "/v1/users", credentials)
        let session = try await call(.post, "/v1/sessions", credentials)
        return (try #require(new.body.id), try #require(session.body.accessToken))
    }
}
