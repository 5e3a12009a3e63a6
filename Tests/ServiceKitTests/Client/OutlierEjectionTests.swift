// SPDX-License-Identifier: Apache-2.0

import HTTPTypes
import NIOCore
import Resilience
import Synchronization
import Testing

@testable import ServiceKit

@Suite("Calls to a service with several instances", .timeLimit(.minutes(1)))
struct OutlierEjectionTests {
    /// One good instance and one that does something else; keeps who was asked.
    final class Pair: PeerTransport {
        enum Bad: Sendable {
            case failing, hanging
        }

        let bad: Bad
        private let asked = Mutex<[String]>([])

        init(_ bad: Bad) { self.bad = bad }

        /// The last digit of the port of each instance that was asked.
        var ports: [String] { asked.withLock { $0 } }

        func send(_ request: PeerRequest, deadline: NIODeadline) async throws(TransportFailure) -> PeerResponse {
            let port = String(request.url.dropLast("/x".count).suffix(1))
            asked.withLock { $0.append(port) }
            guard port == "2" else { return PeerResponse(status: .ok, body: ByteBuffer(string: "[1]")) }
            guard bad == .hanging else { return PeerResponse(status: .internalServerError) }
            let rest = deadline - .now()
            try? await Task.sleep(for: .nanoseconds(rest.nanoseconds))
            throw TransportFailure(.timeout, "the time was up")
        }
    }

    private func client(_ pair: Pair, _ policies: ConfigurationValue) throws -> ResilientClient {
        let registry = ResilienceRegistry(seed: 3)
        try registry.apply(PolicyEdits(["post -> comment": policies]))
        let addresses = ["https://127.0.0.1:1", "https://127.0.0.1:2"].compactMap(ServiceAddress.init)
        return ResilientClient(
            caller: "post", directory: ServiceDirectory(["comment": addresses]), transport: pair,
            secret: ServiceSecret(value: "s"), registry: registry)
    }

    private func call(_ client: ResilientClient) async {
        _ = try? await client.get("/x", from: "comment", as: .none, [Int].self)
    }

    @Test("one that fails is left out after its failures, and the others get all calls")
    func ejects() async throws {
        let pair = Pair(.failing)
        let client = try client(pair, ["outlier-ejection": ["consecutive-failures": 2, "base": "1h", "cap": "1h"]])
        for _ in 0..<10 { await call(client) }
        #expect(pair.ports == ["1", "2", "1", "2"] + Array(repeating: "1", count: 6))
        #expect(client.registry.pipeline("post -> comment").outlierEjection.ejected == ["https://127.0.0.1:2"])
        #expect(client.registry.recentEvents.contains { $0.kind.policy == .outlierEjection })
    }

    @Test("one that does not answer within the attempt's limit has failed")
    func ejectsWhatHangs() async throws {
        let pair = Pair(.hanging)
        let client = try client(
            pair,
            [
                "attempt-timeout": "10ms",
                "outlier-ejection": ["consecutive-failures": 2, "base": "1h", "cap": "1h"],
            ])
        for _ in 0..<8 { await call(client) }
        #expect(pair.ports.filter { $0 == "2" }.count == 2)
    }

    @Test("while it is disabled, or only watches, every instance has its turn", arguments: ["disabled", "shadow"])
    func leavesAlone(mode: String) async throws {
        let pair = Pair(.failing)
        let client = try client(
            pair, ["outlier-ejection": ["mode": .string(mode), "consecutive-failures": 2, "base": "1h", "cap": "1h"]])
        for _ in 0..<10 { await call(client) }
        #expect(pair.ports.filter { $0 == "2" }.count == 5)
    }

    @Test("the list follows the directory")
    func follows() async throws {
        let pair = Pair(.failing)
        let client = try client(pair, ["outlier-ejection": ["consecutive-failures": 1, "base": "1h", "cap": "1h"]])
        for _ in 0..<4 { await call(client) }
        let addresses = ["https://127.0.0.1:3", "https://127.0.0.1:4"].compactMap(ServiceAddress.init)
        client.directory.update(["comment": addresses])
        for _ in 0..<2 { await call(client) }
        #expect(pair.ports.suffix(2) == ["3", "4"])
        #expect(client.registry.pipeline("post -> comment").outlierEjection.ejected.isEmpty)
    }
}
