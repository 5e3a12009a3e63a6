// SPDX-License-Identifier: Apache-2.0

import FaultInjection
import Foundation
import HTTPTypes
import Hummingbird
import HummingbirdTesting
import Resilience
import Synchronization
import TestSupport
import Testing

@testable import ServiceKit

@Suite("Requests through the pipeline of a service", .timeLimit(.minutes(2)))
struct ServerPipelineTests {
    /// A service whose one route keeps what it finds in `CallContext.current`.
    final class Service: Sendable {
        let registry = ResilienceRegistry(seed: 5)
        let secret = ServiceSecret(value: "s3cret")
        private let seen = Mutex<[CallContext?]>([])
        /// What the route does before it answers.
        private let work: @Sendable () async throws -> Void

        init(_ policies: ConfigurationValue? = nil, work: @escaping @Sendable () async throws -> Void = {}) throws {
            self.work = work
            if let policies {
                try PolicyChanges.apply(["post": policies], to: registry, pipelines: ["post"], server: "post")
            }
        }

        /// Of each request that was handled.
        var contexts: [CallContext?] { seen.withLock { $0 } }

        func test(_ body: @escaping @Sendable (any TestClientProtocol) async throws -> Void) async throws {
            let gate = Gate(tokens: TokenVerifier(keys: KnownKeys(PublishedKeys(keys: []))), secret: secret)
            let router = ServiceRouter.make(
                gate: gate, pipeline: ServerPipeline(registry.pipeline("post")), faults: nil, metrics: nil
            ) { router in
                router.get("/x") { _, _ in
                    self.seen.withLock { $0.append(CallContext.current) }
                    try await self.work()
                    return Response(status: .ok)
                }
            }
            try await Application(router: router).test(.router, body)
        }
    }

    private struct Answer: Sendable {
        var status: Int
        var headers: HTTPFields
        var text: String
    }

    private static func get(_ client: any TestClientProtocol, _ headers: HTTPFields = [:]) async throws -> Answer {
        try await client.execute(uri: "/x", method: .get, headers: headers) {
            Answer(status: $0.status.code, headers: $0.headers, text: String(buffer: $0.body))
        }
    }

    @Test("a load shedder without places refuses before anything is done, and says that another try is unwelcome")
    func sheds() async throws {
        let service = try Service(["load-shedder": 0])
        try await service.test { client in
            let answer = try await Self.get(client)
            #expect(answer.status == 503 && answer.headers[.contentType] == "application/problem+json")
            #expect(answer.headers[.retryAfter] == "1" && answer.headers[.retryPushback] == "-1")
            #expect(answer.text.contains(#""reason":"shed""#) && answer.text.contains(#""retryable":false"#))
        }
        #expect(service.contexts.isEmpty)
        #expect(service.registry.snapshots().first?.counters["rejected.shed"] == 1)
    }

    @Test("a rate limiter answers 429 and when another try makes sense")
    func limitsTheRate() async throws {
        let service = try Service(["rate-limiter": ["rate": "1/m", "burst": 1]])
        try await service.test { client in
            #expect(try await Self.get(client).status == 200)
            let answer = try await Self.get(client)
            #expect(answer.status == 429 && answer.text.contains("rate-limited"))
            let pause = try #require(answer.headers[.retryPushback].flatMap { Int($0) })
            #expect((1...60_000).contains(pause))
            #expect((1...60).contains(answer.headers[.retryAfter].flatMap { Int($0) } ?? 0))
        }
        #expect(service.contexts.count == 1)
    }

    @Test("a request whose deadline passes while it waits for a place is not handled any more")
    func expiresInTheQueue() async throws {
        let (entered, hasEntered) = AsyncStream.makeStream(of: Void.self)
        let (leave, mayLeave) = AsyncStream.makeStream(of: Void.self)
        let queue: ConfigurationValue = ["capacity": 10, "target": "10s", "interval": "60s"]
        let service = try Service(["load-shedder": ["limit": 1, "queue": queue]]) {
            hasEntered.yield()
            for await _ in leave { break }
        }
        try await service.test { client in
            try await withThrowingTaskGroup(of: Int.self) { group in
                group.addTask { try await Self.get(client).status }
                for await _ in entered { break }
                let late = try await Self.get(client, [.deadline: "30"])
                #expect(late.status == 504 && late.text.contains("deadline-exceeded"))
                mayLeave.finish()
                #expect(try await group.next() == 200)
            }
        }
        #expect(service.contexts.count == 1)
    }

    @Test("work that takes longer than the deadline is cancelled", arguments: [true, false])
    func cutsOff(sent: Bool) async throws {
        let policies: ConfigurationValue? = sent ? nil : ["deadline": "30ms"]
        let service = try Service(policies) { try await Task.sleep(for: .seconds(3600)) }
        try await service.test { client in
            let answer = try await Self.get(client, sent ? [.deadline: "30"] : [:])
            #expect(answer.status == 504 && answer.text.contains("deadline-exceeded"))
        }
    }

    @Test("calls made for a request inherit its deadline, what it is worth and its user's cohort")
    func inherits() async throws {
        let service = try Service()
        let before = TimeSource.system.now()
        try await service.test { client in
            for headers in [
                [:], [.deadline: "60000", .attempt: "2"], [.attempt: "1", .authorization: "Bearer a.b.c"],
                [.authorization: "Bearer a.b.c"], [.authorization: "Bearer d.e.f"], [.cohort: "7"],
            ] as [HTTPFields] {
                let answer = try await Self.get(client, headers)
                #expect(answer.status == 200)
            }
        }
        let contexts = service.contexts
        #expect(contexts[0] == nil)
        let remaining = try #require(contexts[1]?.remaining(at: before))
        #expect(remaining >= .seconds(60) && remaining < .seconds(3600))
        // A second attempt is worth less than a first one.
        #expect(contexts[1]?.criticality == .sheddablePlus && contexts[2]?.criticality == .critical)
        #expect(contexts[2]?.cohort == contexts[3]?.cohort && contexts[3]?.cohort != contexts[4]?.cohort)
        #expect(contexts[5]?.cohort == Cohort(7))
    }

    @Test("only services may call themselves more important than people who wait")
    func importance() async throws {
        let service = try Service()
        try await service.test { client in
            for headers in [
                [.criticality: "sheddable"], [.criticality: "critical-plus"],
                [.criticality: "critical-plus", .serviceSecret: "guess"],
                [.criticality: "critical-plus", .serviceSecret: "s3cret"], [.criticality: "nonsense"],
            ] as [HTTPFields] {
                let answer = try await Self.get(client, headers)
                #expect(answer.status == 200)
            }
        }
        #expect(service.contexts.map { $0?.criticality } == [.sheddable, nil, nil, .criticalPlus, nil])
    }

    @Test("what a handler throws is answered as without policies, and is no refusal", arguments: [true, false])
    func failures(limited: Bool) async throws {
        let policies: ConfigurationValue? = limited ? ["load-shedder": 8, "adaptive-limit": "shadow"] : nil
        let service = try Service(policies) {
            throw Problem.notFound("post")
        }
        try await service.test { client in
            let answer = try await Self.get(client)
            #expect(answer.status == 404 && answer.headers[.retryPushback] == nil)
            #expect(try await Self.get(client, [.deadline: "soon"]).status == 400)
            #expect(try await Self.get(client, [.deadline: "0"]).status == 504)
        }
    }
}
