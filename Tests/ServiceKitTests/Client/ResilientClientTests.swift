// SPDX-License-Identifier: Apache-2.0

import HTTPTypes
import NIOCore
import Resilience
import Synchronization
import Testing

@testable import ServiceKit

@Suite("Calls to other services")
struct ResilientClientTests {
    /// Answers from a list, and keeps what was asked.
    final class Script: PeerTransport {
        typealias Answer = Result<PeerResponse, TransportFailure>

        private let answers: Mutex<[Answer]>
        private let asked = Mutex<[PeerRequest]>([])
        private let limits = Mutex<[NIODeadline]>([])

        init(_ answers: [Answer]) {
            self.answers = Mutex(answers)
        }

        var requests: [PeerRequest] { asked.withLock { $0 } }
        /// When the answer to each request had to be there.
        var deadlines: [NIODeadline] { limits.withLock { $0 } }

        func send(_ request: PeerRequest, deadline: NIODeadline) async throws(TransportFailure) -> PeerResponse {
            asked.withLock { $0.append(request) }
            limits.withLock { $0.append(deadline) }
            let next = answers.withLock { $0.isEmpty ? nil : $0.removeFirst() }
            guard let next else { throw TransportFailure(.connectionLost, "the script is over") }
            return try next.get()
        }
    }

    static func status(
        _ code: Int, _ body: String = "", retryAfter: String? = nil, pushback: String? = nil
    ) -> Script.Answer {
        var headers = HTTPFields()
        headers[.retryAfter] = retryAfter
        headers[.retryPushback] = pushback
        return .success(PeerResponse(status: .init(code: code), headers: headers, body: ByteBuffer(string: body)))
    }

    static func client(_ script: Script, policies: ConfigurationValue? = nil) throws -> ResilientClient {
        let registry = ResilienceRegistry(seed: 7)
        if let policies { try registry.apply(try PolicyEdits(policies)) }
        let directory = ServiceDirectory(["comment": [try #require(ServiceAddress("https://127.0.0.1:1"))]])
        return ResilientClient(
            caller: "post", directory: directory, transport: script, secret: ServiceSecret(value: "s3cret"),
            registry: registry)
    }

    static func edits(_ entries: [(String, ConfigurationValue)]) -> ConfigurationValue {
        .map(ConfigurationMap([.init("post -> comment", .map(ConfigurationMap(entries.map { .init($0.0, $0.1) })))]))
    }

    static let retries = edits([
        (
            "retry",
            .map(
                ConfigurationMap([
                    .init("attempts", .int(3)),
                    .init(
                        "backoff",
                        .map(ConfigurationMap([.init("base", .string("1ms")), .init("cap", .string("1ms"))]))),
                ]))
        )
    ])

    /// Of a request that is waited for so long.
    static func context(_ remaining: Duration) -> CallContext {
        CallContext(deadline: TimeSource.system.now().advanced(by: remaining))
    }

    @Test("a call carries who calls, in whose name, which attempt it is and how long it is waited for")
    func headers() async throws {
        let script = Script([Self.status(200, "[1]"), Self.status(200, "[1]")])
        let client = try Self.client(script)
        let caller = Caller(id: "u1", name: "Ada", token: "t0ken")
        let value = try await CallContext.$current.withValue(Self.context(.seconds(2))) {
            try await TraceContext.$current.withValue("00-trace-span-01") {
                try await client.get("/x?ids=1", from: "comment", as: .user(caller), [Int].self)
            }
        }
        #expect(value == [1])
        _ = try await client.get("/y", from: "comment", as: .service, [Int].self)

        let first = try #require(script.requests.first)
        #expect(first.url == "https://127.0.0.1:1/x?ids=1")
        #expect(first.headers[.caller] == "post" && first.headers[.attempt] == "1")
        #expect(first.headers[.authorization] == "Bearer t0ken" && first.headers[.serviceSecret] == nil)
        #expect(first.headers[HTTPField.Name("traceparent")!] == "00-trace-span-01")
        let remaining = try #require(first.headers[.deadline].flatMap { Int($0) })
        #expect((1...2000).contains(remaining))
        #expect(script.requests[1].headers[.serviceSecret] == "s3cret")
        #expect(script.requests[1].headers[.authorization] == nil)
    }

    @Test("the pipeline's own deadline is what the callee is told and what the transport keeps")
    func ownDeadline() async throws {
        let script = Script([Self.status(200, "[1]"), Self.status(200, "[1]")])
        let client = try Self.client(script, policies: Self.edits([("deadline", .string("1s"))]))
        _ = try await client.get("/x", from: "comment", as: .none, [Int].self)
        // A deadline that came in and is later does not extend it.
        _ = try await CallContext.$current.withValue(Self.context(.seconds(20))) {
            try await client.get("/x", from: "comment", as: .none, [Int].self)
        }
        let latest = NIODeadline.now() + .seconds(1)
        #expect(script.deadlines.count == 2 && script.deadlines.allSatisfy { $0 <= latest })
        for request in script.requests {
            let remaining = try #require(request.headers[.deadline].flatMap { Int($0) })
            #expect((1...1000).contains(remaining))
        }
    }

    @Test("what the callee last said is not lost when a policy refuses the next attempt")
    func lastError() async throws {
        let policies = Self.edits([
            ("retry", ["attempts": 2, "backoff": "1ms"]),
            ("circuit-breaker", ["consecutive-failures": 1, "open": "1h"]),
        ])
        let client = try Self.client(Script([Self.status(503)]), policies: policies)
        let error = await #expect(throws: CallError.self) {
            try await CallContext.$current.withValue(Self.context(.seconds(60))) {
                try await client.get("/x", from: "comment", as: .none, [Int].self)
            }
        }
        #expect(error?.last == .status(503) && error?.message.contains("answered 503") == true)
        guard case .rejected(reason: "open", _) = error?.code else {
            Issue.record("\(String(describing: error))")
            return
        }
        #expect(error?.problem.extensions["lastStatus"] == .integer(503))
    }

    @Test(
        "a callee that forbids another attempt gets none, and who asked us is told the same", arguments: ["-1", "no"])
    func pushback(value: String) async throws {
        let script = Script([Self.status(503, retryAfter: "1", pushback: value), Self.status(200, "[1]")])
        let client = try Self.client(script, policies: Self.retries)
        let error = await #expect(throws: CallError.self) {
            try await client.get("/x", from: "comment", as: .none, [Int].self)
        }
        #expect(script.requests.count == 1 && error?.forbidsRetry == true)
        #expect(error?.problem.headers[.retryPushback] == "-1")
        #expect(error?.problem.extensions["retryable"] == .boolean(false))
    }

    @Test("a callee may ask for a pause that is shorter than the whole seconds of Retry-After")
    func shortPause() async throws {
        let script = Script([Self.status(429, retryAfter: "3600", pushback: "2"), Self.status(200, "[1]")])
        let client = try Self.client(script, policies: Self.retries)
        #expect(try await client.get("/x", from: "comment", as: .none, [Int].self) == [1])
        #expect(script.requests.count == 2)
    }

    @Test("what a call is worth goes along when it is not the usual")
    func worth() async throws {
        let script = Script([Self.status(200, "[1]"), Self.status(200), Self.status(200, "[1]")])
        let client = try Self.client(script)
        let context = CallContext(attempt: 2, criticality: .critical, cohort: Cohort(7))
        _ = try await CallContext.$current.withValue(context) {
            try await client.get("/x", from: "comment", as: .none, [Int].self)
        }
        try await client.deliver([], to: "comment")
        _ = try await client.get("/x", from: "comment", as: .none, [Int].self)
        let requests = script.requests
        // Made for a second attempt, it is worth less than one for a first.
        #expect(requests[0].headers[.criticality] == "sheddable-plus" && requests[0].headers[.cohort] == "7")
        #expect(requests[1].headers[.criticality] == "sheddable-plus")
        #expect(requests[2].headers[.criticality] == nil && requests[2].headers[.cohort] == nil)
    }

    @Test("without policies a call is one attempt")
    func naive() async throws {
        let script = Script([Self.status(503), Self.status(200, "[1]")])
        let client = try Self.client(script)
        let error = await #expect(throws: CallError.self) {
            try await client.get("/x", from: "comment", as: .none, [Int].self)
        }
        #expect(error?.status == 503 && script.requests.count == 1)
    }

    @Test("an enforced retry repeats what may be repeated, and says so")
    func retry() async throws {
        let script = Script([
            Self.status(503), .failure(TransportFailure(.connectionLost, "reset")), Self.status(200, "[1]"),
        ])
        let client = try Self.client(script, policies: Self.retries)
        #expect(try await client.get("/x", from: "comment", as: .none, [Int].self) == [1])
        #expect(script.requests.map { $0.headers[.attempt] } == ["1", "2", "3"])
    }

    @Test("a POST is only repeated with an idempotency key, or when it never began")
    func post() async throws {
        let bare = Script([Self.status(503), Self.status(200)])
        await #expect(throws: CallError.self) {
            try await Self.client(bare, policies: Self.retries).post("/x", to: "comment", body: [1], as: .none)
        }
        #expect(bare.requests.count == 1)

        let keyed = Script([Self.status(503), Self.status(200)])
        try await Self.client(keyed, policies: Self.retries)
            .post("/x", to: "comment", body: [1], as: .none, idempotencyKey: "k")
        #expect(keyed.requests.count == 2 && keyed.requests[1].headers[.idempotencyKey] == "\"k\"")

        let refused = Script([.failure(TransportFailure(.connect, "refused")), Self.status(200)])
        try await Self.client(refused, policies: Self.retries).post("/x", to: "comment", body: [1], as: .none)
        #expect(refused.requests.count == 2)
    }

    @Test("an answer below 500 is not the peer's failure", arguments: [400, 401, 404, 409, 422])
    func clientErrors(status: Int) async throws {
        let script = Script([Self.status(status), Self.status(200, "[1]")])
        let client = try Self.client(script, policies: Self.retries)
        let error = await #expect(throws: CallError.self) {
            try await client.get("/x", from: "comment", as: .none, fallback: [Int]())
        }
        #expect(error?.status == status && script.requests.count == 1)
    }

    @Test("a fallback is used when the pipeline's fallback is enforced, and only then")
    func fallback() async throws {
        let naive = Script([Self.status(500)])
        await #expect(throws: CallError.self) {
            try await Self.client(naive).get("/x", from: "comment", as: .none, fallback: [9])
        }
        let enforced = Script([Self.status(500), Self.status(200, "[1]")])
        let client = try Self.client(enforced, policies: Self.edits([("fallback", .string("enforced"))]))
        let first = try await client.get("/x", from: "comment", as: .none, fallback: [9])
        #expect(first.value == [9] && first.degraded)
        let second = try await client.get("/x", from: "comment", as: .none, fallback: [9])
        #expect(second.value == [1] && !second.degraded)
    }

    @Test(
        "a failed call is a gateway's problem to the client, never a 500",
        arguments: [
            (.status(500), 502), (.status(404), 502), (.status(503), 503), (.status(429), 503), (.timedOut, 504),
            (.unreachable, 503), (.badAnswer, 502), (.rejected(reason: "open", retryAfter: .milliseconds(1200)), 503),
        ] as [(CallError.Code, Int)])
    func problems(code: CallError.Code, status: Int) {
        let problem = CallError(code, edge: "post -> comment", message: "").problem
        #expect(problem.status.code == status)
        #expect(problem.extensions["edge"] == .string("post -> comment"))
        if case .rejected = code { #expect(problem.headers[.retryAfter] == "2") }
    }

    @Test("without a known instance the call fails at once")
    func noInstance() async throws {
        let script = Script([])
        let client = try Self.client(script)
        let error = await #expect(throws: CallError.self) {
            try await client.get("/x", from: "user", as: .none, [Int].self)
        }
        #expect(error?.code == .unreachable && script.requests.isEmpty)
    }

    @Test("an answer of another shape is an error with a name")
    func badAnswer() async throws {
        let client = try Self.client(Script([Self.status(200, "{}")]))
        let error = await #expect(throws: CallError.self) {
            try await client.get("/x", from: "comment", as: .none, [Int].self)
        }
        #expect(error?.code == .badAnswer)
    }
}
