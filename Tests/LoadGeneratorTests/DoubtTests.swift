// SPDX-License-Identifier: Apache-2.0

import Foundation
import Glibc
import Measurement
import Testing

@testable import LoadGenerator

@Suite("Local ports")
struct EphemeralPortsTests {
    @Test(
        "the kernel's settings are read as it writes them",
        arguments: [
            ("32768\t60999\n", "\n", "2\n", 28_232, 1.0, 60.0), ("1024 65535", "", "1", 64_512, 1, 1),
            ("10000 10099", "10010-10019,10050,99-10000", "0", 88, 60, 60), ("", "", "", 28_232, 1, 60),
            ("9 5", "x-", "yes", 28_232, 1, 60), ("10 19", "1-65535", "2", 0, 1, 60),
        ])
    func settings(
        range: String, reserved: String, reuse: String, available: Int, loopback: Double, elsewhere: Double
    ) {
        let ports = EphemeralPorts(range: range, reserved: reserved, reuse: reuse)
        #expect(ports.available == available)
        #expect(ports.secondsKept.loopback == loopback && ports.secondsKept.elsewhere == elsewhere)
    }

    private static func target(_ addresses: String...) -> ResolvedTarget {
        let all = addresses.flatMap { host in
            (try? ResolvedTarget.system(.init(name: "", host: host, port: 80, tls: nil)).get()) ?? []
        }
        return try! ResolvedTarget(.init(name: "web", host: "web", port: 80, tls: nil)) { _ in .success(all) }
    }

    private static let few = EphemeralPorts(range: "1000 1099", reserved: "", reuse: "2")

    @Test("more connections at once than there are ports are refused, with the number needed")
    func tooMany() throws {
        var plan = makePlan(port: 80)
        plan.connections.limitPerTarget = 150
        let error = #expect(throws: LoadEngineError.self) { try Self.few.check(plan, [Self.target("10.0.0.1")]) }
        #expect(error?.message.contains("may need 150 connections to 10.0.0.1:80 at once") == true)
        #expect(error?.message.contains("has 100 local ports") == true)
        // Two addresses share the connections, and two targets at one address add theirs.
        try Self.few.check(plan, [Self.target("10.0.0.1", "10.0.0.2")])
        plan.connections.limitPerTarget = 60
        #expect(throws: LoadEngineError.self) {
            try Self.few.check(plan, [Self.target("10.0.0.1"), Self.target("10.0.0.1")])
        }
        plan.maxInFlight = 50
        try Self.few.check(plan, [Self.target("10.0.0.1"), Self.target("10.0.0.1")])
    }

    @Test("a connection for each request is warned of by its rate and how long ports are kept")
    func warning() {
        var plan = makePlan(port: 80, rate: .ramping(start: 1, stages: [(.seconds(1), 20)]), seconds: 1)
        #expect(Self.few.warning(plan, [Self.target("10.0.0.1")]) == nil)
        plan.connections.strategy = .perRequest
        #expect(
            Self.few.warning(plan, [Self.target("10.0.0.1")])?.contains("may need 1200 local ports") == true)
        #expect(Self.few.warning(plan, [Self.target("127.0.0.1")]) == nil)
        #expect(Self.few.warning(plan, [Self.target("::1")]) == nil)
        plan.sources[0].rate = .closed(users: 10_000)
        #expect(Self.few.warning(plan, [Self.target("10.0.0.1")]) == nil)
    }
}

@Suite("Throttling")
struct ThrottlingTests {
    @Test("both versions of control groups are read")
    func groups() {
        let files = [
            "/sys/fs/cgroup/app/cpu.stat": "usage_usec 5\nnr_throttled 2\nthrottled_usec 2500000\n",
            "/sys/fs/cgroup/cpu,cpuacct/job/cpu.stat": "nr_periods 9\nthrottled_time 1500000000\n",
            "/sys/fs/cgroup/cpu/other/cpu.stat": "throttled_time 500000000\n",
        ]
        func seconds(_ groups: String) -> Double { MachineWatch.throttled(groups: groups) { files[$0] ?? "" } }
        #expect(seconds("0::/app\n") == 2.5)
        #expect(seconds("4:memory:/x\n3:cpu,cpuacct:/job\n0::/none\n") == 1.5)
        #expect(seconds("2:cpuset:/other\n1:cpu:/other\n") == 0.5)
        #expect(seconds("nonsense\n1:cpu\n") == 0)
    }
}

extension EngineTests {
    @Suite("Canary") struct CanaryTests {
        @Test("an echo is measured beside the load, and is far faster than a slow server")
        func beside() async throws {
            let server = ScriptedServer(answering: { connection, _ in
                usleep(50_000)
                connection.answer()
            })
            defer { server.stop() }
            var plan = makePlan(port: server.port, rate: .constant(perSecond: 20), seconds: 1)
            plan.workers = 2
            let health = try await play(plan).generator
            // Fifty a second from each of two workers.
            #expect((90...110).contains(health.canary.count))
            #expect(try #require(health.canary.percentile(50)) < 20_000_000)
            #expect(try #require(health.ownPart(50)) >= health.canary.percentile(50) ?? .max)
        }

        @Test("each worker's echoes come back in order, late ones with their age")
        func probe() throws {
            let canary = try Canary(workers: 1)
            var probe = CanaryProbe(descriptor: canary.probes[0], start: Clock.now() - 100_000_000)
            defer { close(canary.probes[0]) }
            probe.send(Clock.now())
            var latency = LatencyHistogram()
            while latency.count < 6 {
                var ready = pollfd(fd: canary.probes[0], events: Int16(POLLIN), revents: 0)
                try #require(poll(&ready, 1, 5_000) == 1)
                probe.receive()
                latency.merge(probe.takeLatency())
            }
            #expect(try #require(latency.max) >= 100_000_000 && latency.count == 6)
        }
    }
}
