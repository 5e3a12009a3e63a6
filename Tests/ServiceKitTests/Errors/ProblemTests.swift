// SPDX-License-Identifier: Apache-2.0

import Foundation
import HTTPTypes
import Hummingbird
import HummingbirdTesting
import Logging
import Testing

@testable import ServiceKit

/// A client's mistakes against a small router; what the service answers must never be a 500.
@Suite("Problems")
struct ProblemTests {
    struct Item: Codable, Sendable {
        var name: String
        var count: Int
        var tags: [String]
    }

    struct Internals: Error {
        let password = "hunter2"
    }

    static func application() -> some ApplicationProtocol {
        let gate = Gate(tokens: TokenVerifier(keys: KnownKeys(PublishedKeys(keys: []))), secret: .random())
        var logger = Logger(label: "test")
        logger.logLevel = .critical
        let router = ServiceRouter.make(gate: gate, logger: logger, faults: nil, metrics: nil) { router in
            router.post("/items") { request, _ in
                try Response.json(try await request.json(Item.self), status: .created)
            }
            router.get("/items/:id") { _, context in try Response.json(["id": try context.path("id")]) }
            router.delete("/items/:id") { _, _ in Response.noContent }
            router.get("/broken") { _, _ -> Response in throw Internals() }
            router.get("/secret") { request, context in
                try context.requireService(request)
                return Response.noContent
            }
            router.get("/me") { request, context in try Response.json(["id": try await context.caller(request).id]) }
        }
        return Application(router: router, logger: logger)
    }

    struct Mistake: Sendable, CustomTestStringConvertible {
        var testDescription: String
        var method: HTTPRequest.Method = .post
        var path = "/items"
        var headers: HTTPFields = [.contentType: "application/json"]
        var body = ""
        var status: Int
        var type: String?
        var pointer: String?
    }

    static let mistakes: [Mistake] = [
        .init(testDescription: "no JSON", body: "{\"name\":", status: 400, type: "malformed-json"),
        .init(testDescription: "an empty body", body: "", status: 400, type: "malformed-json"),
        .init(testDescription: "bytes that are no UTF-8", body: "\u{fffd}\u{0}", status: 400, type: "malformed-json"),
        .init(
            testDescription: "arrays nested without end", body: String(repeating: "[", count: 60_000), status: 400,
            type: "malformed-json"),
        .init(testDescription: "a wrong type", body: #"{"name":1,"count":1,"tags":[]}"#, status: 422, pointer: "/name"),
        .init(
            testDescription: "a broken number", body: #"{"name":"a","count":1.5,"tags":[]}"#, status: 400,
            type: "malformed-json"),
        .init(
            testDescription: "a number beyond all bounds", body: #"{"name":"a","count":1e400,"tags":[]}"#, status: 400,
            type: "malformed-json"),
        .init(testDescription: "null", body: #"{"name":null,"count":1,"tags":[]}"#, status: 422, pointer: "/name"),
        .init(testDescription: "a missing member", body: #"{"name":"a","tags":[]}"#, status: 422, pointer: "/count"),
        .init(
            testDescription: "a wrong type deep inside", body: #"{"name":"a","count":1,"tags":["x",7]}"#, status: 422,
            pointer: "/tags/1"),
        .init(testDescription: "an array for an object", body: "[]", status: 422, pointer: ""),
        .init(
            testDescription: "too many bytes",
            body: "\"" + String(repeating: "a", count: ServiceContext.bodyLimit) + "\"",
            status: 413, type: "body-too-large"),
        .init(
            testDescription: "another content type", headers: [.contentType: "text/plain"], body: "{}", status: 415,
            type: "unsupported-media-type"),
        .init(
            testDescription: "no content type", headers: [:], body: "{}", status: 415, type: "unsupported-media-type"),
        .init(testDescription: "an unknown path", method: .get, path: "/nothing", status: 404),
        .init(testDescription: "a path that climbs", method: .get, path: "/items/../../etc/passwd", status: 404),
        .init(testDescription: "a path with broken escapes", method: .get, path: "/items/%ff%fe", status: 404),
        .init(testDescription: "a method that the path has not", method: .put, path: "/items/7", status: 405),
        .init(
            testDescription: "a deadline that is no number", method: .get, path: "/items/7",
            headers: [.deadline: "soon"],
            status: 400, type: "malformed-header"),
        .init(
            testDescription: "a deadline beyond a day", method: .get, path: "/items/7",
            headers: [.deadline: "18446744073709551615"], status: 400, type: "malformed-header"),
        .init(
            testDescription: "a deadline that has passed", method: .get, path: "/items/7", headers: [.deadline: "0"],
            status: 504, type: "deadline-exceeded"),
        .init(testDescription: "no credentials", method: .get, path: "/me", status: 401, type: "unauthorized"),
        .init(
            testDescription: "credentials of another scheme", method: .get, path: "/me",
            headers: [.authorization: "Basic YTpi"], status: 401, type: "invalid-token"),
        .init(
            testDescription: "no service secret", method: .get, path: "/secret", headers: [.serviceSecret: "guess"],
            status: 401, type: "unauthorized"),
    ]

    @Test("a client's mistake is answered with the right problem", arguments: mistakes)
    func mistake(_ mistake: Mistake) async throws {
        try await Self.application().test(.router) { client in
            try await client.execute(
                uri: mistake.path, method: mistake.method, headers: mistake.headers,
                body: ByteBuffer(string: mistake.body)
            ) { response in
                #expect(response.status.code == mistake.status)
                #expect(response.headers[.contentType] == "application/problem+json")
                let document = try JSON.decoder.decode(
                    ProblemDocument.self, from: Data(response.body.readableBytesView))
                #expect(document.status == mistake.status)
                if let type = mistake.type { #expect(document.type == Problem.typePrefix + type) }
                if let pointer = mistake.pointer { #expect(document.errors?.map(\.pointer) == [pointer]) }
                #expect(document.instance == mistake.path)
            }
        }
    }

    @Test("405 names the methods that there are")
    func allow() async throws {
        try await Self.application().test(.router) { client in
            try await client.execute(uri: "/items/7", method: .put) { response in
                #expect(response.headers[.allow] == "DELETE, GET, HEAD")
            }
        }
    }

    @Test("an unexpected error is a 500 that tells nothing")
    func unexpected() async throws {
        try await Self.application().test(.router) { client in
            try await client.execute(uri: "/broken", method: .get) { response in
                #expect(response.status == .internalServerError)
                let text = String(buffer: response.body)
                #expect(!text.contains("hunter2") && !text.contains("Internals"))
            }
        }
    }
}

/// What the tests read of a problem.
struct ProblemDocument: Decodable {
    struct Fault: Decodable {
        var pointer: String
        var detail: String
    }

    var type: String
    var title: String
    var status: Int
    var detail: String?
    var instance: String
    var errors: [Fault]?
}
