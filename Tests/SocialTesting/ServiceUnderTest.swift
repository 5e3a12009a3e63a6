// SPDX-License-Identifier: Apache-2.0

package import Foundation
package import HTTPTypes
internal import Hummingbird
package import HummingbirdTesting
internal import Logging
internal import Resilience
package import ServiceKit
internal import ServiceLifecycle
internal import TestSupport

/// A service with a database of its own whose peers are a stub, reached through its router and all its middleware.
package struct ServiceUnderTest<Social: SocialService>: Sendable {
    package let service: Social
    package let peers: PeerStub
    package let secret = ServiceSecret(value: "a secret for tests")
    private let registry = ResilienceRegistry()
    private let folder: TemporaryFolder
    private let signer: TokenSigner
    private let verifier: TokenVerifier

    /// A service that has just been started for the first time.
    package init(_ type: Social.Type = Social.self) async throws {
        folder = try TemporaryFolder()
        peers = PeerStub()
        signer = try await TokenSigner(privateKey: TokenSigner.newPrivateKey(), lifetime: .seconds(900))
        verifier = TokenVerifier(keys: KnownKeys(signer.publishedKeys))
        let client = ResilientClient(
            caller: Social.name, directory: try PeerStub.directory(Social.peers), transport: peers, secret: secret,
            registry: registry)
        service = try await Social(
            ServiceRuntime(
                name: Social.name, dataDirectory: folder.path, client: client, tokens: verifier, secret: secret,
                logger: Logger(label: "test") { _ in SwiftLogNoOpLogHandler() }))
    }

    /// Runs a test against the router, with what the service does in the background.
    package func test(_ body: @escaping @Sendable (any TestClientProtocol) async throws -> Void) async throws {
        let router = ServiceRouter.make(
            gate: Gate(tokens: verifier, secret: secret), pipeline: ServerPipeline(registry.pipeline(Social.name)),
            faults: nil, metrics: nil, routes: service.addRoutes)
        let application = Application(router: router, logger: Logger(label: "test") { _ in SwiftLogNoOpLogHandler() })
        try await withThrowingTaskGroup(of: Void.self) { group in
            for background in service.backgroundServices {
                group.addTask { try await background.run() }
            }
            try await application.test(.router) { client in try await body(client) }
            group.cancelAll()
            try await group.waitForAll()
        }
    }

    /// Changes policies as the admin port does: `{"post -> comment": {"fallback": {}}}`.
    package func apply(policies: String) throws {
        try registry.apply(JSONDecoder().decode(PolicyEdits.self, from: Data(policies.utf8)))
    }

    /// An access token of a user.
    package func token(_ user: RecordID, name: String = "someone", at time: Date = Date()) async throws -> String {
        try await signer.sign(userID: user.description, name: name, at: time)
    }

    /// The headers of a user's request with a JSON body.
    package func headers(_ user: RecordID, key: String? = UUID().uuidString) async throws -> HTTPFields {
        var headers: HTTPFields = [
            .authorization: "Bearer \(try await token(user))", .contentType: "application/json",
        ]
        if let key { headers[.idempotencyKey] = "\"\(key)\"" }
        return headers
    }
}

extension TestResponse {
    /// The body as a JSON object; empty when it is none.
    package var json: [String: Any] {
        (try? JSONSerialization.jsonObject(with: Data(body.readableBytesView))) as? [String: Any] ?? [:]
    }

    /// The items of a list.
    package var items: [[String: Any]] { json["items"] as? [[String: Any]] ?? [] }

    /// The last part of a problem's type; nil when the answer is not a problem in its proper shape.
    package var problemType: String? {
        guard headers[.contentType] == "application/problem+json", json["status"] as? Int == status.code,
            json["instance"] is String, let type = json["type"] as? String
        else { return nil }
        return type.split(separator: "/").last.map(String.init)
    }
}
