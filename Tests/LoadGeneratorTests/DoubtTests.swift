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
        // Closed users go as fast as their pauses let them.
        plan.sources[0].rate = .closed(users: 1)
        #expect(Self.few.warning(plan, [Self.target("10.0.0.1")])?.contains("may need 60000 local ports") == true)
        plan.journeys[0].steps.append(.think(.uniform(.seconds(50), .seconds(70))))
        #expect(Self.few.warning(plan, [Self.target("10.0.0.1")]) == nil)
    }

    @Test("so are connections that serve few requests, and requests in loops count as often as they are sent")
    func churnWarning() {
        let request = Plan.Step.request(get("/"))
        var plan = makePlan(
            port: 80, rate: .constant(perSecond: 1), seconds: 1, steps: [.loop(.init(rounds: 4, steps: [request]))])
        #expect(Self.few.warning(plan, [Self.target("10.0.0.1")]) == nil)
        plan.connections.maxRequests = 2
        #expect(
            Self.few.warning(plan, [Self.target("10.0.0.1")])?.hasPrefix(
                "a new connection for every 2 requests to web:80 may need 120 local ports") == true)
        plan.connections.maxRequests = 4
        #expect(Self.few.warning(plan, [Self.target("10.0.0.1")]) == nil)
        plan.connections.strategy = .perRequest
        #expect(Self.few.warning(plan, [Self.target("10.0.0.1")])?.contains("may need 240 local ports") == true)
        // How often a condition lets a loop go round is not known.
        let condition = Plan.Condition.exists(.literal("x"))
        plan.journeys[0].steps = [.loop(.init(rounds: 1_000_000, while: condition, steps: [request]))]
        #expect(Self.few.warning(plan, [Self.target("10.0.0.1")]) == nil)
    }

    @Test("closed loads need no more connections than they have users")
    func closedUsers() throws {
        var plan = makePlan(port: 80, rate: .closed(users: 10))
        plan.connections.limitPerTarget = 1_000_000
        #expect(plan.mostConnectionsPerTarget == 10)
        try Self.few.check(plan, [Self.target("10.0.0.1")])
        plan.sources.append(plan.sources[0])
        plan.sources[1].rate = .rampingUsers(start: 0, stages: [(.seconds(1), 30), (.seconds(1), 5)])
        #expect(plan.mostConnectionsPerTarget == 40)
        plan.sources[1].rate = .constant(perSecond: 1)
        #expect(plan.mostConnectionsPerTarget == plan.maxInFlight)
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

    @Test("a limit of a group above counts")
    func above() {
        let files = [
            "/sys/fs/cgroup/pod/app/cpu.stat": "throttled_usec 0\n",
            "/sys/fs/cgroup/pod/cpu.stat": "throttled_usec 3000000\n",
            "/sys/fs/cgroup/cpu.stat": "usage_usec 1\n",
        ]
        #expect(MachineWatch.throttled(groups: "0::/pod/app\n") { files[$0] ?? "" } == 3)
        #expect(MachineWatch.throttled(groups: "0::/\n") { _ in "throttled_usec 500000\n" } == 0.5)
    }
}

@Suite("What the kernel gives in limited numbers")
struct LimitWatchTests {
    @Test("ports in use are those of connections and those kept for a while")
    func ports() {
        let text = "sockets: used 90\nTCP: inuse 5 orphan 1 tw 20 alloc 9 mem 3\nUDP: inuse 1 mem 0\n"
        #expect(LimitWatch.portsInUse(text) == 26)
        #expect(LimitWatch.portsInUse("TCP6: inuse 3\n") == 0 && LimitWatch.portsInUse("TCP: inuse") == 0)
    }

    @Test("the most that was seen stays")
    func most() {
        var watch = LimitWatch(addresses: 2)
        watch.look()
        let before = watch.fileDescriptors.most
        let opened = (0..<50).map { _ in open("/dev/null", O_RDONLY | O_CLOEXEC) }
        watch.look()
        let with = watch.fileDescriptors.most
        for descriptor in opened { close(descriptor) }
        watch.look()
        #expect(before > 0 && with >= 50 && watch.fileDescriptors.most >= with)
        #expect(watch.fileDescriptors.limit >= with && watch.localPorts.limit > 0)
    }
}

extension EngineTests {
    @Suite("A generator that stands still") struct StallTests {
        private func play(stall: Double, seconds: Double, gracefulStop: Duration) async throws -> LoadResult {
            let server = ServerProcess()
            var plan = makePlan(port: server.port, rate: .constant(perSecond: 200), seconds: seconds)
            plan.sources[0].gracefulStop = gracefulStop
            let engine = try LoadEngine(
                plan, lookup: ResolvedTarget.system,
                onWorkerSecond: { second in if second == 0 { usleep(UInt32(stall * 1e6)) } })
            let result = try await engine.run()
            #expect(result.accounting.isBalanced)
            return result
        }

        @Test("a second without the generator is in the response time, and the run is not believed")
        func inTheMiddle() async throws {
            let result = try await play(stall: 1, seconds: 4, gracefulStop: .seconds(5))
            #expect(result.accounting.byOutcome[.ok] == 800, "\(result.failureSamples)")
            let response = LatencyHistogram.merging(result.slices.flatMap(\.samples).map(\.responseTime))
            #expect(try #require(response.max) > 900_000_000)
            // A quarter of the load's time: half of it waited for more than half a second.
            #expect(try #require(response.percentile(90)) > 500_000_000)
            #expect(result.generator.verdict == .invalid)
            #expect(
                result.generator.reasons.contains { $0.contains("stood still for 1") }, "\(result.generator.reasons)")
        }

        @Test("arrivals that the generator never came to count as its lateness")
        func untilTheEnd() async throws {
            let result = try await play(stall: 1.5, seconds: 2, gracefulStop: .zero)
            #expect((100...200).contains(result.accounting.neverStarted))
            #expect(try #require(result.generator.scheduleLag.percentile(90)) > 500_000_000)
            #expect(result.generator.verdict == .invalid)
            #expect(result.generator.reasons.contains { $0.contains("the rate was not reached") })
        }
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
