// SPDX-License-Identifier: Apache-2.0

import Foundation
import HTTPTypes
import Hummingbird
import HummingbirdTesting
import NIOCore
import Resilience
import Synchronization
import Testing

@testable import ShopExample

/// A stock that answers each request as the test says, and keeps the attempt numbers that it was sent.
private final class Stock: Sendable {
    enum Answer: Sendable {
        case level(Int)
        case status(HTTPResponse.Status, retryAfter: String? = nil)
        case slow(Duration, level: Int)
    }

    private let script: Mutex<[Answer]>
    private let seen = Mutex<[String]>([])
    private let limits = Mutex<[Int]>([])

    /// The last answer is given to all further requests.
    init(_ script: [Answer]) { self.script = Mutex(script) }

    /// The `x-attempt` of each request so far.
    var attempts: [String] { seen.withLock { $0 } }
    /// The `x-deadline-ms` of each request so far.
    var deadlines: [Int] { limits.withLock { $0 } }

    func answer(_ request: Request) async throws -> Response {
        seen.withLock { $0.append(request.headers[.attempt] ?? "") }
        limits.withLock { $0.append(request.headers[.deadline].flatMap { Int($0) } ?? 0) }
        let answer = script.withLock { $0.count > 1 ? $0.removeFirst() : $0[0] }
        switch answer {
        case .level(let level): return Self.text("\(level)")
        case .slow(let delay, let level):
            try await Task.sleep(for: delay)
            return Self.text("\(level)")
        case .status(let status, let retryAfter):
            var response = Response(status: status)
            response.headers[.retryAfter] = retryAfter
            return response
        }
    }

    private static func text(_ text: String) -> Response {
        Response(status: .ok, body: .init(byteBuffer: ByteBuffer(string: text)))
    }
}

extension HTTPField.Name {
    // Safe because they are valid names.
    fileprivate static let attempt = Self("x-attempt")!
    fileprivate static let deadline = Self("x-deadline-ms")!
}

@Suite("The example of the README")
struct ShopExampleTests {
    /// Shop and stock, each a server on loopback.
    private func withShop(
        _ stock: Stock, _ body: @escaping @Sendable (any TestClientProtocol) async throws -> Void
    ) async throws {
        let upstream = Router()
        upstream.get("levels/:item") { request, _ in try await stock.answer(request) }
        let loopback = ApplicationConfiguration(address: .hostname("127.0.0.1", port: 0))
        try await Application(router: upstream, configuration: loopback).test(.live) { client in
            let port = try #require(client.port)
            let policies = try Shop.policies()
            // The example's limits are for a shop; a machine that runs other tests beside this one needs more.
            try policies.apply(PolicyEdits(["shop -> stock": ["deadline": "60s", "attempt-timeout": "3s"]]))
            let router = Shop.router(stock: "http://127.0.0.1:\(port)", policies: policies)
            try await Application(router: router, configuration: loopback).test(.live, body)
        }
    }

    private struct Answer: Decodable, Equatable {
        var name: String
        var inStock: Int?
    }

    private func tea(_ client: any TestClientProtocol) async throws -> Answer {
        try await client.execute(uri: "/items/tea", method: .get) { response in
            #expect(response.status == .ok)
            return try JSONDecoder().decode(Answer.self, from: Data(response.body.readableBytesView))
        }
    }

    struct Case: Sendable, CustomTestStringConvertible {
        let testDescription: String
        fileprivate let script: [Stock.Answer]
        let level: Int?
        let attempts: [String]
    }

    static let cases = [
        Case(testDescription: "a good answer", script: [.level(7)], level: 7, attempts: ["1"]),
        Case(
            testDescription: "a failed attempt is repeated", script: [.status(.badGateway), .level(7)], level: 7,
            attempts: ["1", "2"]),
        Case(
            testDescription: "an attempt that hangs is given up and repeated",
            script: [.slow(.seconds(5), level: 1), .level(7)], level: 7, attempts: ["1", "2"]),
        Case(
            testDescription: "nothing helps: the fallback answers", script: [.status(.internalServerError)],
            level: nil, attempts: ["1", "2", "3"]),
        Case(
            testDescription: "an answer that would be the same again is not asked for again",
            script: [.status(.notFound)], level: nil, attempts: ["1"]),
        Case(
            testDescription: "a stock that wants to be left alone for longer than the deadline is",
            script: [.status(.serviceUnavailable, retryAfter: "3600"), .level(7)], level: nil, attempts: ["1"]),
    ]

    @Test("answers, whatever the stock does", arguments: cases)
    func answers(_ example: Case) async throws {
        let stock = Stock(example.script)
        try await withShop(stock) { client in
            let answer = try await tea(client)
            #expect(answer == Answer(name: "tea", inStock: example.level))
        }
        #expect(stock.attempts == example.attempts)
        // That of the whole call, which each attempt has less of.
        #expect(stock.deadlines.allSatisfy { (1...60_000).contains($0) })
        #expect(stock.deadlines == stock.deadlines.sorted(by: >))
    }

    @Test("shows its policies and lets them be changed while it runs")
    func toggles() async throws {
        let stock = Stock([.level(7), .status(.badGateway), .level(7)])
        try await withShop(stock) { client in
            #expect(try await tea(client).inStock == 7)
            let edit = ByteBuffer(string: #"{"shop -> stock": {"retry": "disabled"}}"#)
            try await client.execute(uri: "/admin/policies", method: .patch, body: edit) { response in
                #expect(response.status == .ok)
            }
            try await client.execute(uri: "/admin/policies", method: .get) { response in
                #expect(String(buffer: response.body).contains(#""disabled""#))
            }
            #expect(try await tea(client).inStock == nil)
        }
        #expect(stock.attempts == ["1", "1"])
    }

    @Test("refuses a wrong change and names what is wrong")
    func refusesAWrongChange() async throws {
        try await withShop(Stock([.level(7)])) { client in
            let edit = ByteBuffer(string: #"{"shop -> stock": {"retry": {"attempts": 0}, "bulkhead": "wide"}}"#)
            try await client.execute(uri: "/admin/policies", method: .patch, body: edit) { response in
                #expect(response.status == .unprocessableContent)
                let text = String(buffer: response.body)
                #expect(text.contains("attempts") && text.contains("bulkhead"), "\(text)")
            }
        }
    }

    @Test("is what the README shows")
    func isWhatTheReadmeShows() throws {
        let root = URL(filePath: #filePath).deletingLastPathComponent().deletingLastPathComponent()
            .deletingLastPathComponent()
        let readme = try String(contentsOf: root.appending(path: "README.md"), encoding: .utf8)
        let source = try String(contentsOf: root.appending(path: "Examples/Shop/Shop.swift"), encoding: .utf8)
        let section = try #require(readme.components(separatedBy: "\n## ").first { $0.hasPrefix("Use `Resilience`") })
        let shown = try #require(
            section.components(separatedBy: "```swift\n").dropFirst().last?.components(separatedBy: "```").first)
        #expect(shown == source.replacing("// SPDX-License-Identifier: Apache-2.0\n\n", with: ""))
    }
}
