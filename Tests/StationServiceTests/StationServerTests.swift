// SPDX-License-Identifier: Apache-2.0

import Foundation
import Measurement
import Stations
import TestSupport
import Testing

@testable import StationService

@Suite("Station server")
struct StationServerTests {
    private func with(
        _ stations: [String: StationOptions], _ body: (StationServer) async throws -> Void
    ) async throws {
        let server = try await StationServer.start(stations, seed: 1)
        do {
            try await body(server)
            await server.stop()
        } catch {
            await server.stop()
            throw error
        }
    }

    /// Waits until the first station has come so far.
    private func served(
        _ server: StationServer, _ condition: @Sendable @escaping (StationRecord) -> Bool
    ) async throws {
        try await waitUntil("the station to come so far") {
            (try? await server.records().first)?.map(condition) ?? false
        }
    }

    private let quick = StationOptions(service: .fixed(1e6))

    @Test("each station has a port of its own, and all of them one where the path names the station")
    func ports() async throws {
        try await with(["db": quick, "web": quick]) { server in
            let own = try RawConnection(port: try #require(server.stationPorts["db"]))
            own.get("/anything?x=1")
            #expect(own.readHead().hasPrefix("HTTP/1.1 200 OK\r\n"))
            let common = try RawConnection(port: server.port)
            for path in ["/web", "/web/x", "/web?y"] {
                common.get(path)
                #expect(common.readHead().hasPrefix("HTTP/1.1 200 OK\r\n"))
            }
            common.get("/webb", "Connection: close\r\n")
            let refusal = common.readAll()
            #expect(refusal.hasPrefix("HTTP/1.1 404 Not Found\r\n") && refusal.contains("(known: db, web)"))
            let records = try await server.records()
            #expect(records.map(\.name) == ["db", "web"] && records.map(\.served) == [1, 3])
        }
    }

    @Test("requests of one connection are answered in their order, with bodies read and dropped")
    func pipelining() async throws {
        try await with(["db": quick]) { server in
            let connection = try RawConnection(port: server.port)
            connection.send("POST /db HTTP/1.1\r\nHost: x\r\nContent-Length: 5\r\n\r\nhello")
            connection.get("/nobody", method: "HEAD")
            connection.get("/db", "Connection: close\r\n")
            let answers = connection.readAll().components(separatedBy: "HTTP/1.1 ").dropFirst().map { $0.prefix(3) }
            #expect(answers == ["200", "404", "200"])
        }
    }

    @Test("the answer to HEAD has no body, and a full queue says 503")
    func full() async throws {
        let options = StationOptions(service: .fixed(1e6), queue: QueueDiscipline(.fifo, limit: 0))
        try await with(["db": options]) { server in
            // Frozen, so that the first is in service for as long as it takes to look.
            try await server.set(["db": StationControl(freeze: true)])
            let first = try RawConnection(port: server.port)
            first.get("/db")
            try await served(server) { $0.inService == 1 }
            let second = try RawConnection(port: server.port)
            second.get("/db", "Connection: close\r\n", method: "HEAD")
            let rejection = second.readAll()
            #expect(rejection.hasPrefix("HTTP/1.1 503 ") && rejection.hasSuffix("\r\n\r\n"))
            try await server.set([:])
            #expect(first.readHead().hasPrefix("HTTP/1.1 200 "))
            #expect(try await server.records()[0].rejected == 1)
        }
    }

    @Test("a deadline that is no number is refused, and one that passed in the queue is answered 504")
    func deadlines() async throws {
        try await with(["db": StationOptions(service: .fixed(1e6), dropsExpired: true)]) { server in
            let first = try RawConnection(port: server.port)
            first.get("/db", "X-Deadline-Ms: soon\r\n")
            #expect(first.read(until: "86400000.\n").hasPrefix("HTTP/1.1 400 "))
            // Frozen, so that the first is in service, and the second waits behind it, for as long as it takes to look.
            try await server.set(["db": StationControl(freeze: true)])
            first.get("/db", "X-Deadline-Ms: 500\r\n")
            try await served(server) { $0.inService == 1 }
            let second = try RawConnection(port: server.port)
            second.get("/db", "X-Deadline-Ms: 1\r\n")
            try await served(server) { $0.waiting == 1 }
            try await Task.sleep(for: .milliseconds(520))
            try await server.set([:])
            #expect(second.read(until: "queue.\n").hasPrefix("HTTP/1.1 504 "))
            // In service is in service, also beyond its deadline.
            #expect(first.readHead().hasPrefix("HTTP/1.1 200 "))
            #expect(try await server.records()[0].expired == 1)
        }
    }

    @Test("a request whose client has gone is served all the same, and counted as work for nobody")
    func abandoned() async throws {
        try await with(["db": quick]) { server in
            // Frozen, so that the client has gone before the answer is there.
            try await server.set(["db": StationControl(freeze: true)])
            var connection: RawConnection? = try RawConnection(port: server.port)
            connection?.get("/db")
            try await served(server) { $0.inService == 1 }
            connection = nil
            try await Task.sleep(for: .milliseconds(200))
            try await server.set([:])
            try await served(server) { $0.abandoned == 1 }
            let record = try await server.records()[0]
            #expect(record.served == 1 && record.serviceTime.count == 1)
        }
    }

    @Test("a frozen station answers when it is thawed; a failing one at once; counting begins anew")
    func controls() async throws {
        try await with(["db": quick, "web": quick]) { server in
            let controls = [
                "db": StationControl(freeze: true), "web": StationControl(error: .init(status: 500, rate: 1)),
            ]
            try await server.set(controls)
            #expect(try await server.controls() == controls)
            let web = try RawConnection(port: server.port)
            web.get("/web")
            #expect(web.read(until: "here.\n").hasPrefix("HTTP/1.1 500 "))
            let db = try RawConnection(port: server.port)
            db.get("/db")
            try await served(server) { $0.inService == 1 }
            try await Task.sleep(for: .milliseconds(30))
            #expect(try await server.records()[0].served == 0)
            try await server.set([:])
            #expect(db.readHead().hasPrefix("HTTP/1.1 200 "))
            let record = try await server.records()[0]
            #expect(try #require(record.serviceTime.min) > 30_000_000)
            #expect(try await server.controls().isEmpty)
            try await server.resetStatistics()
            #expect(try await server.records().allSatisfy { $0.arrivals == 0 && $0.serviceTime.isEmpty })
        }
    }

    @Test("what is under way at the end is answered, and the connection closed after it")
    func drain() async throws {
        let server = try await StationServer.start(["db": quick], seed: 1)
        // Frozen, so that the request is under way for as long as this test needs.
        try await server.set(["db": StationControl(freeze: true)])
        let busy = try RawConnection(port: server.port)
        let idle = try RawConnection(port: server.port)
        busy.get("/db")
        try await served(server) { $0.inService == 1 }
        async let stopped: Void = server.stop()
        try await waitUntil("the stop to have begun, which closes idle connections") { idle.isClosed }
        try await server.set([:])
        let answer = busy.readAll()
        #expect(answer.hasPrefix("HTTP/1.1 200 ") && answer.contains("connection: close"))
        await stopped
    }

    @Test("hundreds of stations live in one process, each with its own service times")
    func hundreds() async throws {
        let stations = Dictionary(
            uniqueKeysWithValues: (0..<300).map {
                ("s\($0)", StationOptions(service: .exponential(mean: 1e6)))
            })
        try await with(stations) { server in
            let connection = try RawConnection(port: server.port)
            for number in 0..<300 { connection.get("/s\(number)") }
            #expect(connection.read(until: "\r\n\r\n", times: 300).components(separatedBy: "200 OK").count == 301)
            let times = try await server.records().compactMap(\.serviceTime.max)
            #expect(Set(times).count > 250)
        }
    }

    @Test(
        "a file that is no description of stations is refused with what is wrong and where",
        arguments: [
            ("[]", "no JSON object"), ("{", "no JSON object"), ("{}", "has 0 stations"),
            (#"{"a b": {"service": "1ms"}}"#, "'a b' can't name a station"),
            (#"{"db": {}}"#, "db: 'service' is missing"), (#"{"db": {"service": "exp(5)"}}"#, "db: service: '5'"),
            (#"{"db": {"service": "1ms", "slot": 1}}"#, "'slot' is no key of a station"),
            (#"{"db": {"service": "1ms", "slots": 0}}"#, "slots: 0 lies outside"),
            (#"{"db": {"service": "1ms", "slots": "two"}}"#, #"neither a whole number nor "inf""#),
            (#"{"db": {"service": "1ms", "queue": "random"}}"#, "queue: 'random' is no queue"),
        ])
    func badFiles(text: String, reason: String) throws {
        let folder = try TemporaryFolder()
        let path = folder.path + "/stations.json"
        try text.write(toFile: path, atomically: true, encoding: .utf8)
        let error = #expect(throws: (any Error).self) { try StationFile.read(path) }
        #expect("\(error!)".contains(reason) && "\(error!)".contains(path), "\(error!)")
    }

    @Test("options survive their JSON")
    func optionsRoundTrip() throws {
        let all = [
            quick, StationOptions(slots: nil, service: .table(.tailAtScale)),
            StationOptions(
                slots: 7, service: .hyperexponential(mean: 5e6, squaredVariation: 8),
                queue: QueueDiscipline(.lifo, limit: 9), dropsExpired: true),
        ]
        #expect(try JSONDecoder().decode([StationOptions].self, from: JSONEncoder().encode(all)) == all)
    }
}
