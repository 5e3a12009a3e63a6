// SPDX-License-Identifier: Apache-2.0

import Foundation
import Measurement
import Synchronization
import Testing

@testable import LoadGenerator

extension EngineTests {
    @Suite("Connections") struct ConnectionTests {
        private static let millisecond: UInt64 = 1_000_000

        @Test("users at the limits of two targets don't wait for each other's connections")
        func noDeadlock() async throws {
            let servers = [ScriptedServer(), ScriptedServer()]
            defer { servers.forEach { $0.stop() } }
            var there = get("/")
            there.target = 1
            let (first, second) = (Plan.Step.request(get("/")), Plan.Step.request(there))
            let pause = Plan.Step.think(.fixed(.milliseconds(5)))
            var plan = makePlan(
                port: servers[0].port, rate: .closed(users: 6), seconds: 0.5,
                steps: [first, pause, second, pause, first])
            plan.targets.append(.init(name: "other", host: "127.0.0.1", port: servers[1].port, tls: nil))
            plan.journeys.append(.init(name: "back", steps: [second, first, pause, second]))
            plan.sources[0].journeys.append((1, 1))
            plan.connections.strategy = .perUser
            plan.connections.limitPerTarget = 1
            plan.connections.waitTimeout = .seconds(3)
            let result = try await play(plan)
            #expect(Set(result.accounting.byOutcome.keys) == [.ok], "\(result.failureSamples)")
            #expect(result.accounting.journeysFinished >= 12)
        }

        @Test("a request that gets no connection in its time ends as an outcome of its own")
        func noConnection() async throws {
            let server = ScriptedServer(answering: { connection, _ in
                usleep(400_000)
                connection.answer()
            })
            defer { server.stop() }
            var plan = makePlan(port: server.port, rate: .constant(perSecond: 50), seconds: 0.2)
            plan.connections.limitPerTarget = 1
            plan.connections.waitTimeout = .milliseconds(100)
            var request = get("/")
            request.checks = [.init("ok", .status([200]))]
            plan.journeys[0].steps = [.request(request)]
            let result = try await play(plan)
            #expect(result.slices.flatMap(\.checks).reduce(0) { $0 + $1.failed } == 9)
            #expect(result.accounting.byOutcome == [.ok: 1, .noConnection: 9])
            #expect(result.accounting.failed == 9)
            #expect(result.breakdown.ended.mapValues(\.count) == [.wait: 9])
            let waited = try #require(result.breakdown.ended[.wait])
            #expect(try #require(waited.min) >= 99 * Self.millisecond)
            #expect(
                result.failureSamples.first?.message.contains("no connection became free within 0.1 seconds") == true)
        }

        @Test("an idle connection is closed after its time")
        func idleTimeout() async throws {
            let server = ScriptedServer()
            defer { server.stop() }
            var plan = makePlan(port: server.port, rate: .constant(perSecond: 8), seconds: 0.5)
            plan.connections.idleTimeout = .milliseconds(30)
            #expect(try await play(plan).accounting.connectionsOpened == 4)
            plan.connections.idleTimeout = .seconds(30)
            #expect(try await play(plan).accounting.connectionsOpened == 1)
        }

        @Test("a connection serves no more requests than its own limit, drawn from the seed")
        func maxRequests() async throws {
            func served(seed: UInt64, spread: Double) async throws -> [Int] {
                let counts = Mutex<[Int32: Int]>([:])
                let order = Mutex<[Int]>([])
                let server = ScriptedServer(script: { connection in
                    while connection.readRequest() != nil {
                        counts.withLock { $0[connection.descriptor, default: 0] += 1 }
                        connection.answer()
                    }
                    let count = counts.withLock { $0.removeValue(forKey: connection.descriptor) ?? 0 }
                    order.withLock { $0.append(count) }
                })
                defer { server.stop() }
                var plan = makePlan(port: server.port, rate: .closed(users: 1), seconds: 5)
                plan.seed = seed
                plan.sources[0].iterations = 60
                plan.connections.maxRequests = 10
                plan.connections.spread = spread
                #expect(try await play(plan).accounting.byOutcome == [.ok: 60])
                return order.withLock { Array($0.prefix(4)) }
            }
            #expect(try await served(seed: 1, spread: 0) == [10, 10, 10, 10])
            let spread = try await served(seed: 1, spread: 0.5)
            #expect(spread.allSatisfy { (5...15).contains($0) } && Set(spread).count > 1)
            #expect(try await served(seed: 1, spread: 0.5) == spread)
            #expect(try await served(seed: 2, spread: 0.5) != spread)
        }

        @Test("a connection is not used beyond its age")
        func maxAge() async throws {
            let server = ScriptedServer()
            defer { server.stop() }
            var plan = makePlan(port: server.port, rate: .constant(perSecond: 100), seconds: 0.5)
            plan.connections.limitPerTarget = 1
            plan.connections.maxAge = .milliseconds(95)
            plan.connections.spread = 0
            let opened = try await play(plan).accounting.connectionsOpened
            #expect((4...6).contains(opened))
        }

        // MARK: Addresses and names

        /// Loopback addresses on these ports.
        private static func addresses(_ ports: [Int]) -> [ResolvedTarget.Address] {
            ports.flatMap { port in
                let target = Plan.Target(name: "", host: "127.0.0.1", port: port, tls: nil)
                return (try? ResolvedTarget.system(target).get()) ?? []
            }
        }

        @Test("several addresses are used in turn, and counted")
        func roundRobin() async throws {
            let servers = [ScriptedServer(), ScriptedServer(), ScriptedServer()]
            defer { servers.forEach { $0.stop() } }
            var plan = makePlan(port: 1, rate: .constant(perSecond: 300), seconds: 0.1)
            plan.connections.strategy = .perRequest
            let all = Self.addresses(servers.map(\.port))
            let result = try await play(plan, lookup: { _ in .success(all) })
            #expect(result.accounting.byOutcome == [.ok: 30])
            #expect(servers.map(\.connections) == [10, 10, 10])
            #expect(
                result.addresses
                    == servers.map { .init(target: "web", address: "127.0.0.1:\($0.port)", opened: 10, failed: 0) })
        }

        @Test("a dead address costs a failing over, and is left alone for a while")
        func failingOver() async throws {
            let (server, dead) = (ScriptedServer(), ScriptedServer())
            defer { server.stop() }
            dead.stop()
            var plan = makePlan(port: 1, rate: .constant(perSecond: 200), seconds: 0.2)
            plan.connections.strategy = .perRequest
            let all = Self.addresses([dead.port, server.port])
            let result = try await play(plan, lookup: { _ in .success(all) })
            #expect(result.accounting.byOutcome == [.ok: 40], "\(result.failureSamples)")
            #expect(result.addresses.map(\.opened) == [0, 40])
            #expect((1...3).contains(try #require(result.addresses.first).failed))
        }

        @Test("an address that does not answer is counted, and left alone for a while, too")
        func silentAddress() async throws {
            let server = ScriptedServer()
            let (silent, port) = ScriptedServer.listen()
            // A backlog of one: the connections that fill it up leave the others without an answer of the kernel.
            listen(silent, 0)
            let fillers = (0..<4).map { _ in
                socket(AF_INET, Int32(SOCK_STREAM.rawValue | SOCK_NONBLOCK.rawValue | SOCK_CLOEXEC.rawValue), 0)
            }
            defer {
                server.stop()
                for descriptor in fillers + [silent] { close(descriptor) }
            }
            let all = Self.addresses([port, server.port])
            for filler in fillers {
                all[0].bytes.withUnsafeBytes { bytes in
                    _ = connect(
                        filler, bytes.baseAddress?.assumingMemoryBound(to: sockaddr.self), socklen_t(bytes.count))
                }
            }
            var plan = makePlan(port: 1, rate: .constant(perSecond: 40), seconds: 1)
            plan.connections.strategy = .perRequest
            plan.connections.connectTimeout = .milliseconds(100)
            let result = try await play(plan, lookup: { _ in .success(all) })
            let outcomes = result.accounting.byOutcome
            #expect(outcomes[.timeout, default: 0] + outcomes[.ok, default: 0] == 40, "\(result.failureSamples)")
            #expect(result.addresses.map(\.failed) == [outcomes[.timeout, default: 0], 0])
            // Every second one, if it were tried in its turn.
            #expect((1..<20).contains(outcomes[.timeout, default: 0]))
        }

        @Test("names are looked up again when they are too old, and their connections wait for that")
        func refresh() async throws {
            let (old, new) = (ScriptedServer(), ScriptedServer())
            defer {
                old.stop()
                new.stop()
            }
            let lookups = Mutex(0)
            let lists = [Self.addresses([old.port]), Self.addresses([new.port])]
            var plan = makePlan(port: 1, rate: .constant(perSecond: 50), seconds: 0.6)
            plan.connections.strategy = .perRequest
            plan.connections.dnsRefresh = .milliseconds(300)
            let result = try await play(plan) { _ in
                let number = lookups.withLock { count in
                    defer { count += 1 }
                    return count
                }
                if number > 0 { usleep(30_000) }
                return .success(lists[min(number, 1)])
            }
            #expect(result.accounting.byOutcome == [.ok: 30])
            // Before the start, after 0.3 s, and perhaps after 0.6 s.
            #expect((2...3).contains(lookups.withLock { $0 }))
            #expect(old.connections > 5 && new.connections > 5 && old.connections + new.connections == 30)
            let dns = try #require(result.breakdown.passed[.dns])
            #expect((1...6).contains(dns.count) && dns.max ?? 0 >= 20 * Self.millisecond)
        }

        @Test("a name that can't be looked up any more is a failure in words, and one that takes too long a timeout")
        func failingLookup() async throws {
            let server = ScriptedServer()
            defer { server.stop() }
            let lookups = Mutex(0)
            let first = Self.addresses([server.port])
            var plan = makePlan(port: 1, rate: .constant(perSecond: 20), seconds: 0.2)
            plan.connections.strategy = .perRequest
            plan.connections.dnsRefresh = .zero
            plan.connections.connectTimeout = .milliseconds(150)
            let failing = try await play(plan) { _ in
                let number = lookups.withLock { count in
                    defer { count += 1 }
                    return count
                }
                return number == 0 ? .success(first) : .failure(.init(code: EAI_NONAME))
            }
            #expect(failing.accounting.byOutcome == [.connection: 4])
            #expect(failing.breakdown.ended.mapValues(\.count) == [.dns: 4])
            #expect(
                failing.failureSamples.first?.message.contains("can't look up the host's name: Name or service") == true
            )
            lookups.withLock { $0 = 0 }
            let hanging = try await play(plan) { _ in
                if lookups.withLock({ count in
                    defer { count += 1 }; return count
                }) > 0 {
                    usleep(700_000)
                }
                return .success(first)
            }
            #expect(hanging.accounting.byOutcome == [.timeout: 4])
            #expect(hanging.breakdown.ended.mapValues(\.count) == [.dns: 4])
            #expect(hanging.failureSamples.first?.message.contains("not looked up within 0.15 seconds") == true)
        }

        @Test("a host without an address is told before anything is sent")
        func noAddress() {
            #expect(throws: LoadEngineError.self) {
                try LoadEngine(makePlan(port: 1)) { _ in .failure(.init(code: EAI_NONAME)) }
            }
        }
    }
}
