// SPDX-License-Identifier: Apache-2.0

import AsyncHTTPClient
import FaultInjection
import Foundation
import HTTPTypes
import Hummingbird
import HummingbirdTesting
import NIOHTTP1
import Resilience
import TestSupport
import Testing

@testable import ServiceKit

@Suite("The admin port")
struct AdminTests {
    private let state = AdminState(
        token: ServiceSecret(value: "adm"), readiness: Readiness([{ nil }]), metrics: PrometheusRegistry(),
        directory: ServiceDirectory(), faults: InServiceFaults(), registry: ResilienceRegistry(seed: 1),
        pipelines: ["post -> comment", "post -> user", "post"], server: "post")

    private func call(
        _ method: HTTPRequest.Method, _ path: String, _ body: String? = nil, token: String? = "adm"
    ) async throws -> (status: Int, text: String) {
        let gate = Gate(tokens: TokenVerifier(keys: KnownKeys(PublishedKeys(keys: []))), secret: .random())
        let router = ServiceRouter.make(gate: gate, faults: nil, metrics: nil) { AdminRoutes(state: state).add(to: $0) }
        var headers: HTTPFields = [.contentType: "application/json"]
        headers[.authorization] = token.map { "Bearer \($0)" }
        return try await Application(router: router).test(.router) { [headers] client in
            try await client.execute(
                uri: path, method: method, headers: headers, body: body.map { ByteBuffer(string: $0) }
            ) {
                ($0.status.code, String(buffer: $0.body))
            }
        }
    }

    @Test(
        "all but health needs the token",
        arguments: [
            (.get, "/metrics"), (.get, "/policies"), (.patch, "/policies"), (.get, "/faults"), (.put, "/faults"),
            (.get, "/policies/events"), (.post, "/policies/post/circuit-breaker/reset"), (.delete, "/faults"),
            (.get, "/directory"), (.put, "/directory"),
        ] as [(HTTPRequest.Method, String)])
    func guarded(method: HTTPRequest.Method, path: String) async throws {
        #expect(try await call(method, path, "{}", token: nil).status == 401)
        #expect(try await call(method, path, "{}", token: "guess").status == 401)
    }

    @Test("health tells without a token, and readiness tells why not")
    func health() async throws {
        #expect(try await call(.get, "/health/live", token: nil).status == 200)
        #expect(try await call(.get, "/health/ready", token: nil) == (200, #"{"ready":true,"reasons":[]}"#))
        state.readiness.stop()
        let answer = try await call(.get, "/health/ready", token: nil)
        #expect(answer.status == 503 && answer.text.contains("shutting down"))
    }

    @Test("a change of policies takes effect as a whole")
    func policies() async throws {
        for name in state.pipelines { _ = state.registry.pipeline(name) }
        let changed = try await call(
            .patch, "/policies", #"{"post -> comment":{"attempt-timeout":"250ms","bulkhead":{"limit":32,"queue":16}}}"#)
        #expect(changed.status == 200)
        let snapshots = try JSON.decoder.decode([PipelineSnapshot].self, from: Data(changed.text.utf8))
        let modes = snapshots.map { $0[.attemptTimeout]?.mode }
        #expect(snapshots.map(\.name) == ["post", "post -> comment", "post -> user"])
        #expect(modes == [.disabled, .enforced, .disabled])

        let refused = try await call(
            .patch, "/policies",
            #"{"post -> comment":{"attempt-timeout":"100ms","retry":{"atempts":3}},"post -> coment":"disabled"}"#)
        #expect(refused.status == 422)
        let again = try await call(.get, "/policies")
        #expect(try JSON.decoder.decode([PipelineSnapshot].self, from: Data(again.text.utf8)) == snapshots)
    }

    @Test("what is said about all pipelines leaves the service's own without policies for calls to others")
    func allPolicies() async throws {
        for name in state.pipelines { _ = state.registry.pipeline(name) }
        let body = #"{"all":{"retry":3,"circuit-breaker":"forced-open","bulkhead":32}}"#
        #expect(try await call(.patch, "/policies", body).status == 200)
        #expect(try await call(.patch, "/policies", #"{"post":"shadow"}"#).status == 200)
        let modes = state.registry.snapshots().map { pipeline in
            [PolicyKind.retry, .circuitBreaker, .bulkhead].map { pipeline[$0]?.mode }
        }
        #expect(
            modes == [
                [.disabled, .disabled, .shadow], [.enforced, .forcedOpen, .enforced],
                [.enforced, .forcedOpen, .enforced],
            ])
    }

    @Test("a change may be made for a time, after which it ends by itself", .timeLimit(.minutes(1)))
    func changeForATime() async throws {
        for name in state.pipelines { _ = state.registry.pipeline(name) }
        let events = state.registry.events()
        let body = #"{"post -> comment":{"bulkhead":32}}"#
        #expect(try await call(.patch, "/policies?for=50ms", body).status == 200)
        for await event in events {
            if case .overrideExpired = event.kind { break }
        }
        #expect(state.registry.pipeline("post -> comment").configuration.bulkhead.mode == .disabled)
        for limit in ["0", "60", "25h", "soon"] {
            let answer = try await call(.patch, "/policies?for=\(limit)", body)
            #expect(answer.status == 422 && answer.text.contains("?for"))
        }
    }

    @Test("a breaker is closed by hand, and the other state stays")
    func resetBreaker() async throws {
        let pipeline = state.registry.pipeline("post -> comment")
        try state.registry.apply(
            PolicyEdits(["post -> comment": ["circuit-breaker": ["consecutive-failures": 1, "open": "1h"]]]))
        _ = try? await pipeline.execute { _ async throws(TransportFailure) -> Int in
            throw TransportFailure(.connect, "refused")
        }
        #expect(pipeline.snapshot.breakerState == .open)
        let path = "/policies/post%20-%3E%20comment/circuit-breaker/reset"
        let answer = try await call(.post, path)
        #expect(answer.status == 200 && answer.text.contains(#""state":"closed""#))
        #expect(pipeline.snapshot.breakerState == .closed && pipeline.counters.calls == 1)
        #expect(try await call(.post, "/policies/nobody/circuit-breaker/reset").status == 404)
    }

    @Test("events are shown as lines, the last ones first and then what happens", .timeLimit(.minutes(1)))
    func events() async throws {
        try state.registry.apply(PolicyEdits(["post -> comment": ["retry": 3]]))
        _ = state.registry.pipeline("post -> comment")
        try state.registry.apply(PolicyEdits(["post -> comment": ["retry": 4]]))
        let recent = try await call(.get, "/policies/events?follow=false")
        #expect(recent.status == 200 && recent.text.split(separator: "\n").count == 1)
        #expect(recent.text.contains(#""pipeline":"post -> comment""#) && recent.text.contains("retry"))
        #expect(try await call(.get, "/policies/events?follow=maybe").status == 422)

        let gate = Gate(tokens: TokenVerifier(keys: KnownKeys(PublishedKeys(keys: []))), secret: .random())
        let router = ServiceRouter.make(gate: gate, faults: nil, metrics: nil) { AdminRoutes(state: state).add(to: $0) }
        try await Application(router: router, configuration: .init(address: .hostname("127.0.0.1", port: 0))).test(
            .live
        ) { [state] client in
            let port = try #require(client.port)
            var request = HTTPClientRequest(url: "http://127.0.0.1:\(port)/policies/events")
            request.headers.add(name: "authorization", value: "Bearer adm")
            let response = try await HTTPClient.shared.execute(request, deadline: .distantFuture)
            var text = ""
            for try await part in response.body {
                text += String(buffer: part)
                let lines = text.split(separator: "\n").count
                // The one that was there has come: now there is another.
                if lines == 1 { try state.registry.apply(PolicyEdits(["post -> comment": ["retry": "shadow"]])) }
                if lines == 2 { break }
            }
            #expect(text.contains("shadow"))
        }
    }

    @Test(
        "a senseless change is refused with what is wrong",
        arguments: [
            (#"{"post -> comment":{"retry":{"atempts":3}}}"#, 422, "attempts"),
            (#"{"post":{"retry":3}}"#, 422, "calls to another service"),
            (#"{"post -> coment":"disabled"}"#, 422, "did you mean post -> comment"), ("[]", 422, "mapping"),
            ("{", 400, "JSON"),
        ])
    func badPolicies(body: String, status: Int, word: String) async throws {
        let answer = try await call(.patch, "/policies", body)
        #expect(answer.status == status && answer.text.contains(word))
    }

    @Test("faults are set with their seed, shown and taken away")
    func faults() async throws {
        let set = try await call(
            .put, "/faults?seed=9", #"[{"route":"GET /v1/x","kind":"latency","mean":"800ms","jitter":"100ms"}]"#)
        #expect(set.status == 200 && state.faults.decider.seed == 9 && state.faults.decider.faults.count == 1)
        #expect(try await call(.get, "/faults").text == set.text)
        #expect(try await call(.delete, "/faults").status == 204)
        #expect(state.faults.decider.faults.isEmpty)
    }

    @Test(
        "senseless faults are refused",
        arguments: [
            (#"[{"kind":"latncy"}]"#, 422), (#"[{"kind":"error","status":200}]"#, 422), ("{}", 422), ("[", 400),
            (#"[{"kind":"hang","rate":2}]"#, 422),
        ])
    func badFaults(body: String, status: Int) async throws {
        #expect(try await call(.put, "/faults", body).status == status)
        #expect(state.faults.decider.faults.isEmpty)
    }

    @Test("the directory can be changed while the service runs")
    func directory() async throws {
        #expect(try await call(.put, "/directory", #"{"user":["https://127.0.0.1:1"]}"#).status == 200)
        #expect(state.directory.knows("user"))
        #expect(try await call(.put, "/directory", #"{"user":["http://127.0.0.1:1"],"x":["y"]}"#).status == 422)
        #expect(state.directory.snapshot["user"]?.first?.description == "https://127.0.0.1:1")
    }

    @Test("a policies file with mistakes names them all and the file")
    func policiesFile() throws {
        let folder = try TemporaryFolder()
        let path = folder.path + "/p.json"
        try #"{"post -> comment":{"retry":{"atempts":3},"bulkhead":{"limit":-1}}}"#.write(
            toFile: path, atomically: true, encoding: .utf8)
        let error = #expect(throws: StartupError.self) {
            try PolicyChanges.apply(file: path, to: state.registry, pipelines: state.pipelines, server: state.server)
        }
        let message = try #require(error?.message)
        #expect(message.contains(path) && message.contains("atempts") && message.contains("limit"))
        #expect(!message.contains("\n"))
    }
}
