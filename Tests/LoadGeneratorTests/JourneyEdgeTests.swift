// SPDX-License-Identifier: Apache-2.0

import Foundation
import Measurement
import Patterns
import Synchronization
import Testing

@testable import LoadGenerator

private func text(_ text: String) -> Plan.Template.Segment { .literal(Array(text.utf8)) }

extension EngineTests {
    @Suite("Corners of journeys") struct JourneyEdgeTests {
        /// Plays one journey of one user, and returns its requests as the server saw them.
        private func requests(
            _ steps: [Plan.Step], answer: @escaping @Sendable (ScriptedServer.Connection, String) -> Void,
            change: (inout Plan) -> Void = { _ in }
        ) async throws -> [String] {
            let seen = Mutex<[String]>([])
            let server = ScriptedServer(answering: { connection, request in
                seen.withLock { $0.append(request) }
                answer(connection, request)
            })
            defer { server.stop() }
            var plan = makePlan(port: server.port, rate: .closed(users: 1), seconds: 20, steps: steps)
            plan.sources[0].iterations = 1
            change(&plan)
            let result = try await play(plan)
            #expect(result.failureSamples.isEmpty)
            return seen.withLock { $0 }
        }

        @Test("a captured address without a path is followed by the path behind it")
        func originAlone() async throws {
            let base = Plan.Variable(index: 0)
            var first = get("/base")
            first.captures = [Plan.Capture("base", variable: base, source: .header("x-base"))]
            func second(_ segments: Plan.Template.Segment...) -> Plan.Step {
                .request(
                    Plan.Request(
                        label: "GET", target: 0, method: "GET", path: .init([.variable(base)] + segments)))
            }
            let steps: [Plan.Step] = [
                .request(first), second(), second(text("/posts")), second(text("?page=1")), second(text("/"), .uuid),
            ]
            let port = Mutex("")
            let lines = try await requests(
                steps,
                answer: { connection, _ in
                    connection.answer(headers: "x-base: http://127.0.0.1:\(port.withLock { $0 })\r\n")
                },
                change: { plan in port.withLock { $0 = "\(plan.targets[0].port)" } }
            ).map { String($0.split(separator: " ")[1]) }
            #expect(lines.dropLast() == ["/base", "/", "/posts", "/?page=1"])
            #expect(lines.last?.hasPrefix("//") == false && lines.last?.count == 37)
        }

        @Test("a cookie without a path belongs to the folder of its request, also when that has cookies of its own")
        func cookieOfOwnRequest() async throws {
            var own = get("/in/login")
            own.headers = [("Cookie", .literal("a=1"))]
            let steps: [Plan.Step] = [.request(get("/out/x")), .request(own), .request(get("/in/y"))]
            let seen = try await requests(
                steps,
                answer: { connection, request in
                    connection.answer(headers: request.hasPrefix("GET /in/login") ? "Set-Cookie: s=1\r\n" : "")
                },
                change: { $0.cookies = true })
            #expect(seen.count == 3)
            #expect(seen.last?.contains("cookie: s=1\r\n") == true, "\(seen)")
        }

        @Test("a pattern whose group takes no part in the match captures nothing")
        func groupWithoutPart() async throws {
            let next = Plan.Variable(index: 0)
            var page = get("/page")
            let pattern = try Pattern(#""next":(?:null|"([^"]+)")"#)
            page.captures = [
                Plan.Capture("next", variable: next, source: .pattern(pattern), absence: .becomes(Array("end".utf8)))
            ]
            let follow = Plan.Request(
                label: "GET", target: 0, method: "GET", path: .init([text("/"), .variable(next)]))
            for (body, path) in [(#"{"next":"b"}"#, "/b"), (#"{"next":null}"#, "/end")] {
                let seen = try await requests(
                    [.request(page), .request(follow)], answer: { connection, _ in connection.answer(body) })
                #expect(seen.map { String($0.split(separator: " ")[1]) } == ["/page", path])
            }
        }

        @Test("a set-up or a tear-down that has nothing to do is no failure")
        func idleSideJourneys() async throws {
            var left = get("/left")
            left.when = .init(left: .literal("a"), comparison: .equal, right: .literal("b"))
            let seen = try await requests(
                [.request(get("/visit"))], answer: { connection, _ in connection.answer() },
                change: { plan in
                    plan.setUp = .init(name: "setup", steps: [.request(left)])
                    plan.tearDown = .init(name: "teardown", steps: [.request(left)])
                })
            #expect(seen.map { $0.split(separator: " ")[1] } == ["/visit"])
        }
    }
}
