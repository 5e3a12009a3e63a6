// SPDX-License-Identifier: Apache-2.0

import Foundation
import NIOCore
import NIOPosix
import Testing

@testable import FaultInjection

@Suite("The fault proxy", .timeLimit(.minutes(1)))
struct FaultProxyServerTests {
    @Test("passes bytes both ways and the end of the stream")
    func passesBytes() async throws {
        try await withLab { lab in
            let proxy = try await lab.proxy()
            let connection = try await Connection.open(proxy)
            let message = String(repeating: "seawall ", count: 50_000)
            #expect(try await connection.exchange(message) == message)
            try await connection.finish()
            #expect(try await connection.readToEnd() == "")
        }
    }

    @Test("delays answers by a latency toxic, and not after it is removed")
    func latency() async throws {
        try await withLab { lab in
            let proxy = try await lab.proxy()
            let connection = try await Connection.open(proxy)
            try await lab.ok(
                "POST", "/proxies/echo/toxics", #"{"name":"slow","type":"latency","attributes":{"latency":300}}"#)
            func timed(_ text: String) async throws -> Duration {
                let start = ContinuousClock.now
                #expect(try await connection.exchange(text) == text)
                return ContinuousClock.now - start
            }
            #expect(try await timed("a") >= .milliseconds(300))
            try await lab.ok("DELETE", "/proxies/echo/toxics/slow")
            // The toxic would delay every one of them; a busy machine delays some.
            var fastest = Duration.seconds(60)
            for text in ["b", "c", "d", "e", "f"] where fastest >= .milliseconds(300) {
                fastest = min(fastest, try await timed(text))
            }
            #expect(fastest < .milliseconds(300))
        }
    }

    @Test("lets go of what a latency toxic holds when it is removed")
    func releases() async throws {
        try await withLab { lab in
            let connection = try await Connection.open(try await lab.proxy())
            try await lab.ok(
                "POST", "/proxies/echo/toxics", #"{"name":"hour","type":"latency","attributes":{"latency":3600000}}"#)
            async let answer = connection.exchange("held")
            try await lab.untilReceived(bytes: 4)
            try await lab.ok("DELETE", "/proxies/echo/toxics/hour")
            #expect(try await answer == "held")
        }
    }

    @Test("closes a connection whose bytes a black hole has swallowed once that is removed")
    func blackhole() async throws {
        try await withLab { lab in
            let connection = try await Connection.open(try await lab.proxy())
            try await lab.ok(
                "POST", "/proxies/echo/toxics", #"{"name":"hole","type":"timeout","attributes":{"timeout":0}}"#)
            try await connection.send("lost")
            try await lab.untilReceived(bytes: 4)
            try await lab.ok("DELETE", "/proxies/echo/toxics/hole")
            #expect(try await connection.readToEnd() == "")
        }
    }

    @Test("resets connections under a reset_peer toxic")
    func reset() async throws {
        try await withLab { lab in
            let connection = try await Connection.open(try await lab.proxy())
            #expect(try await connection.exchange("a") == "a")
            try await lab.ok("POST", "/proxies/echo/toxics", #"{"type":"reset_peer","attributes":{"timeout":0}}"#)
            let error = await #expect(throws: IOError.self) { try await connection.readToEnd() }
            #expect(error?.errnoCode == ECONNRESET)
        }
    }

    @Test("closes connections and refuses new ones while disabled, and comes back on the same port")
    func disabled() async throws {
        try await withLab { lab in
            let port = try await lab.proxy()
            let connection = try await Connection.open(port)
            #expect(try await connection.exchange("a") == "a")
            try await lab.ok("POST", "/proxies/echo", #"{"enabled":false}"#)
            #expect(try await connection.readToEnd() == "")
            await #expect(throws: (any Error).self) { try await Connection.open(port) }
            try await lab.ok("POST", "/proxies/echo", #"{"enabled":true}"#)
            #expect(try await Connection.open(port).exchange("b") == "b")
        }
    }

    @Test("closes the client's connection when the upstream refuses")
    func upstreamRefuses() async throws {
        try await withLab { lab in
            try await lab.ok("POST", "/proxies", #"{"name":"dead","listen":"127.0.0.1:0","upstream":"127.0.0.1:1"}"#)
            let port = try await lab.listenPort(of: "dead")
            let connection = try await Connection.open(port)
            #expect((try? await connection.readToEnd()) ?? "" == "")
        }
    }

    @Test("limits the data of a connection")
    func limitData() async throws {
        try await withLab { lab in
            let port = try await lab.proxy()
            try await lab.ok("POST", "/proxies/echo/toxics", #"{"type":"limit_data","attributes":{"bytes":3}}"#)
            let connection = try await Connection.open(port)
            try await connection.send("abcdef")
            #expect(try await connection.readToEnd() == "abc")
        }
    }

    @Test("resets everything at once")
    func resetAll() async throws {
        try await withLab { lab in
            let port = try await lab.proxy()
            try await lab.ok("POST", "/proxies/echo/toxics", #"{"type":"latency","attributes":{"latency":1000000}}"#)
            try await lab.ok("POST", "/proxies/echo", #"{"enabled":false}"#)
            try await lab.ok("POST", "/reset")
            #expect(try await Connection.open(port).exchange("a") == "a")
        }
    }

    @Test(
        "answers wrong requests as Toxiproxy does",
        arguments: [
            ("GET", "/proxies/nobody", "", 404), ("POST", "/proxies", "{", 400),
            ("POST", "/proxies", #"{"upstream":"127.0.0.1:1"}"#, 400), ("POST", "/proxies", #"{"name":"a"}"#, 400),
            ("POST", "/proxies", #"{"name":"a","upstream":"nowhere"}"#, 400),
            ("POST", "/proxies", #"{"name":"echo","upstream":"127.0.0.1:1"}"#, 409),
            ("POST", "/proxies/echo/toxics", #"{"type":"magic"}"#, 400),
            ("POST", "/proxies/echo/toxics", #"{"type":"latency","stream":"sideways"}"#, 400),
            ("POST", "/proxies/echo/toxics", #"{"type":"latency","toxicity":2}"#, 400),
            ("GET", "/proxies/echo/toxics/none", "", 404), ("PUT", "/proxies/echo", "", 405), ("GET", "/", "", 404),
            ("DELETE", "/nothing/here/at/all/x", "", 404),
        ])
    func wrongRequests(method: String, path: String, body: String, status: Int) async throws {
        try await withLab { lab in
            _ = try await lab.proxy()
            #expect(try await lab.call(method, path, body).status == status)
        }
    }

    @Test("speaks Toxiproxy's JSON")
    func controlJSON() async throws {
        try await withLab { lab in
            let port = try await lab.proxy()
            try await lab.ok(
                "POST", "/proxies/echo/toxics",
                #"{"type":"latency","stream":"upstream","attributes":{"latency":5,"jitter":1}}"#)
            let toxic =
                #"{"attributes":{"jitter":1,"latency":5},"name":"latency_upstream","stream":"upstream","toxicity":1,"type":"latency"}"#
            #expect(try await lab.call("GET", "/proxies/echo/toxics").body == "[\(toxic)]")
            #expect(
                try await lab.call("GET", "/proxies").body
                    == #"{"echo":{"enabled":true,"listen":"127.0.0.1:\#(port)","name":"echo","toxics":[\#(toxic)],"upstream":"127.0.0.1:\#(lab.echoPort)"}}"#
            )
            #expect(try await lab.call("GET", "/version").body == #"{"version":"2.9.0"}"#)
            #expect(
                try await lab.call("PATCH", "/proxies/echo/toxics/latency_upstream", #"{"attributes":{"latency":9}}"#)
                    .body
                    .contains(#""jitter":1,"latency":9"#))
            #expect(
                try await lab.call("POST", "/populate", #"[{"name":"echo","upstream":"127.0.0.1:2"}]"#).body
                    .contains(#""upstream":"127.0.0.1:2""#))
        }
    }
}
