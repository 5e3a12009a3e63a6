// SPDX-License-Identifier: Apache-2.0

import Experiments
import Foundation
import HTTPTypes
import NIOCore
import NIOSSL
import ServiceKit
import TestSupport
import Testing

/// The three services as processes of their own, reached over TLS with verified certificates.
struct NetworkUnderTest: Sendable {
    /// An answer of a service.
    struct Answer {
        var status: Int
        var headers: HTTPFields
        var json: [String: Any]

        var items: [[String: Any]] { json["items"] as? [[String: Any]] ?? [] }
        var id: String { json["id"] as? String ?? "no id" }
        /// The last part of a problem's type.
        var problem: String? {
            headers[.contentType] == "application/problem+json"
                ? (json["type"] as? String)?.split(separator: "/").last.map(String.init) : nil
        }
    }

    let network: RunningNetwork
    private let transport: HTTPTransport

    /// Starts the services on the data in a folder, runs the test, and stops them whatever happens.
    static func run(in folder: TemporaryFolder, _ test: (NetworkUnderTest) async throws -> Void) async throws {
        let configuration = RunningNetwork.Configuration(
            executables: .find(), dataDirectory: "\(folder.path)/data", tlsDirectory: "\(folder.path)/tls",
            logDirectory: "\(folder.path)/logs", adminToken: UUID().uuidString)
        for directory in [configuration.dataDirectory, configuration.logDirectory] {
            try FileManager.default.createDirectory(atPath: directory, withIntermediateDirectories: true)
        }
        let network = try await RunningNetwork.start(configuration)
        var tls = TLSConfiguration.makeClientConfiguration()
        tls.trustRoots = .file(network.rootsFile)
        let transport = HTTPTransport(tls: tls)
        let outcome: Result<Void, any Error>
        do {
            outcome = .success(try await test(NetworkUnderTest(network: network, transport: transport)))
        } catch {
            outcome = .failure(error)
        }
        // First our connections, so that the services have none left to wait for.
        await transport.shutdown()
        await network.stop()
        try outcome.get()
    }

    /// Sends a request to a service.
    ///
    /// - Parameters:
    ///   - token: the access token of the user who asks.
    ///   - body: JSON.
    func send(
        _ method: HTTPRequest.Method, _ service: ServiceName, _ path: String, token: String? = nil,
        body: String? = nil, headers: HTTPFields = [:]
    ) async throws -> Answer {
        let port = try #require(await network.port(of: service))
        var request = PeerRequest(method: method, url: "https://127.0.0.1:\(port)\(path)", headers: headers)
        if let token { request.headers[.authorization] = "Bearer \(token)" }
        if let body {
            request.headers[.contentType] = "application/json"
            request.body = ByteBuffer(string: body)
        }
        if method == .post && request.headers[.idempotencyKey] == nil {
            request.headers[.idempotencyKey] = "\"\(UUID().uuidString)\""
        }
        let response = try await transport.send(request, deadline: .now() + .seconds(10))
        let json = try? JSONSerialization.jsonObject(with: Data(response.body.readableBytesView))
        return Answer(
            status: response.status.code, headers: response.headers, json: json as? [String: Any] ?? [:])
    }

    /// Signs a user up and in.
    func join(_ name: String) async throws -> (id: String, token: String) {
        let credentials = #"{"username":"\#(name)","password":"correct horse battery staple"}"#
        let user = try await send(.post, .user, "/v1/users", body: credentials)
        #expect(user.status == 201)
        return (user.id, try await signIn(name))
    }

    /// Signs a user in.
    func signIn(_ name: String) async throws -> String {
        let credentials = #"{"username":"\#(name)","password":"correct horse battery staple"}"#
        let session = try await send(.post, .user, "/v1/sessions", body: credentials)
        return try #require(session.json["accessToken"] as? String)
    }

    /// Repeats a request until its answer satisfies a condition; gives up after ten seconds.
    func wait(
        _ service: ServiceName, _ path: String, token: String, until condition: (Answer) -> Bool
    ) async throws -> Answer {
        let clock = ContinuousClock()
        let latest = clock.now + .seconds(10)
        var answer = try await send(.get, service, path, token: token)
        while !condition(answer) && clock.now < latest {
            try await Task.sleep(for: .milliseconds(10))
            answer = try await send(.get, service, path, token: token)
        }
        return answer
    }
}
