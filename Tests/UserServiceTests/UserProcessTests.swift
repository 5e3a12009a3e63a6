// SPDX-License-Identifier: Apache-2.0

import AsyncHTTPClient
import Foundation
import NIOCore
import NIOHTTP1
import NIOSSL
import ServiceKit
import TestSupport
import Testing

/// The executable over real sockets, with TLS that is verified.
@Suite("The User Service as a process", .timeLimit(.minutes(2)))
struct UserProcessTests {
    private func withClient<Value: Sendable>(
        trusting tls: TLSConfiguration, _ version: HTTPClient.Configuration.HTTPVersion = .automatic,
        _ body: @Sendable (HTTPClient) async throws -> Value
    ) async throws -> Value {
        var configuration = HTTPClient.Configuration(tlsConfiguration: tls)
        configuration.httpVersion = version
        configuration.connectionPool.retryConnectionEstablishment = false
        return try await HTTPClient.withHTTPClient(configuration: configuration, body)
    }

    private func status(
        _ client: HTTPClient, _ url: String, method: String = "GET", body: String? = nil, token: String? = nil
    ) async throws -> Int {
        var request = HTTPClientRequest(url: url)
        request.method = .RAW(value: method)
        request.headers.add(name: "content-type", value: "application/json")
        if let token { request.headers.add(name: "authorization", value: "Bearer \(token)") }
        if let body { request.body = .bytes(ByteBuffer(string: body)) }
        let response = try await client.execute(request, timeout: .seconds(20))
        _ = try await response.body.collect(upTo: 1 << 20)
        return Int(response.status.code)
    }

    @Test("it serves HTTP/1.1 and HTTP/2 to who trusts its CA, and nobody else trusts it")
    func tls() async throws {
        let folder = try TemporaryFolder()
        let service = try ServiceProcess(folder: folder)
        let authority = try DevelopmentCA(directory: folder.path + "/tls")
        let trust = try authority.clientConfiguration()
        for host in ["localhost", "127.0.0.1"] {
            let url = "https://\(host):\(service.announcement.port)/.well-known/jwks.json"
            for (allowed, expected) in [(HTTPClient.Configuration.HTTPVersion.http1Only, 1), (.automatic, 2)] {
                let major = try await withClient(trusting: trust, allowed) { client in
                    let response = try await client.execute(HTTPClientRequest(url: url), timeout: .seconds(20))
                    _ = try await response.body.collect(upTo: 1 << 20)
                    return response.version.major
                }
                #expect(major == expected)
            }
        }
        let stranger = try DevelopmentCA(directory: folder.path + "/another").clientConfiguration()
        let url = "https://127.0.0.1:\(service.announcement.port)/.well-known/jwks.json"
        await #expect(throws: (any Error).self) {
            try await withClient(trusting: stranger, .http1Only) { try await status($0, url) }
        }
        #expect(await service.stop() == 0)
    }

    @Test("after SIGTERM it ends what it has begun, takes nothing new and leaves with 0")
    func drain() async throws {
        let folder = try TemporaryFolder()
        let service = try ServiceProcess(folder: folder)
        let trust = try DevelopmentCA(directory: folder.path + "/tls").clientConfiguration()
        let admin = "http://127.0.0.1:\(service.announcement.adminPort)"
        try await withClient(trusting: trust, .http1Only) { client in
            #expect(try await status(client, admin + "/health/ready") == 200)
            // Long enough for a busy machine to see it under way.
            let slow = #"[{"kind":"latency","mean":"4s"}]"#
            #expect(
                try await status(client, admin + "/faults", method: "PUT", body: slow, token: ServiceProcess.adminToken)
                    == 200)
            let url = "https://127.0.0.1:\(service.announcement.port)/.well-known/jwks.json"
            async let begun = status(client, url)
            try await waitForActiveRequest(client, admin)
            service.terminate()
            #expect(try await begun == 200)
            #expect(await service.ended() == 0)
            await #expect(throws: (any Error).self) { try await status(client, url) }
        }
    }

    private func waitForActiveRequest(_ client: HTTPClient, _ admin: String) async throws {
        try await waitUntil("the request has arrived") {
            var request = HTTPClientRequest(url: admin + "/metrics")
            request.headers.add(name: "authorization", value: "Bearer \(ServiceProcess.adminToken)")
            let response = try? await client.execute(request, timeout: .seconds(20))
            guard let body = try? await response?.body.collect(upTo: 1 << 20) else { return false }
            return String(buffer: body).contains("http_server_active_requests 1")
        }
    }

    @Test("what hangs does not keep it: after SIGTERM it ends within its time")
    func hang() async throws {
        let folder = try TemporaryFolder()
        let service = try ServiceProcess(folder: folder)
        let trust = try DevelopmentCA(directory: folder.path + "/tls").clientConfiguration()
        let admin = "http://127.0.0.1:\(service.announcement.adminPort)"
        try await withClient(trusting: trust, .http1Only) { client in
            _ = try await status(
                client, admin + "/faults", method: "PUT", body: #"[{"kind":"hang"}]"#, token: ServiceProcess.adminToken)
            let url = "https://127.0.0.1:\(service.announcement.port)/.well-known/jwks.json"
            async let stuck = try? status(client, url)
            try await waitForActiveRequest(client, admin)
            let start = ContinuousClock.now
            #expect(await service.stop() == 0)
            #expect(start.duration(to: .now) < .seconds(15))
            _ = await stuck
        }
    }

    @Test("it says in one line why it can't start")
    func cannotStart() async throws {
        let folder = try TemporaryFolder()
        let service = try ServiceProcess(folder: folder)
        let port = String(service.announcement.port)
        let other = ["--data", folder.path + "/other", "--tls", folder.path + "/tls"]
        for (arguments, words) in [
            (other + ["--port", port], ["port \(port)", "--port"]),
            (other + ["--admin-port", port], ["port \(port)", "--admin-port"]),
            (["--data", "/proc/nothing", "--tls", folder.path + "/tls"], ["/proc/nothing", "--data"]),
            (["--data", folder.path + "/other", "--tls", "/proc/nothing"], ["/proc/nothing", "--tls"]),
            (other + ["--policies", "/nothing.json"], ["/nothing.json", "--policies"]),
            (other + ["--host", "192.0.2.1"], ["192.0.2.1", "--host"]),
        ] {
            let (status, error) = try await ServiceProcess.output(arguments: arguments)
            #expect(status == 1, "\(arguments): \(error)")
            #expect(error.split(separator: "\n").count == 1, "\(error)")
            for word in words { #expect(error.contains(word), "\(error)") }
        }
        #expect(await service.stop() == 0)
    }
}
