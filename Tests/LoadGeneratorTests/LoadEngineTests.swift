// SPDX-License-Identifier: Apache-2.0

import Foundation
import Measurement
import Synchronization
import Testing

@testable import LoadGenerator

/// A plan with one target, one journey of GET requests unless others are given, and one source.
func makePlan(
    port: Int, rate: Plan.Source.Rate = .constant(perSecond: 200), seconds: Double = 0.5, steps: [Plan.Step]? = nil,
    tls: Plan.TLS? = nil, host: String = "127.0.0.1"
) -> Plan {
    let target = Plan.Target(name: "web", host: host, port: port, tls: tls)
    let journey = Plan.Journey(name: "visit", steps: steps ?? [.request(get("/"))])
    let source = Plan.Source(
        name: "load", arrivals: .uniform, rate: rate, duration: .seconds(seconds), journeys: [(0, 1)])
    var plan = Plan(seed: 7, targets: [target], journeys: [journey], sources: [source])
    plan.sources[0].gracefulStop = .seconds(20)
    return plan
}

func get(_ path: String) -> Plan.Request {
    Plan.Request(label: "GET \(path)", target: 0, method: "GET", path: .literal(path))
}

/// Plays a plan, and checks what must hold for every run.
func play(
    _ plan: Plan, sourceLocation: SourceLocation = #_sourceLocation,
    lookup: @escaping ResolvedTarget.Lookup = ResolvedTarget.system
) async throws -> LoadResult {
    let result = try await LoadEngine(plan, lookup: lookup).run()
    #expect(result.accounting.isBalanced, "\(result.accounting)", sourceLocation: sourceLocation)
    let inSlices = result.slices.flatMap(\.samples).reduce(0) { $0 + $1.responseTime.count }
    #expect(inSlices == result.accounting.scheduled, sourceLocation: sourceLocation)
    let ended = result.slices.flatMap { $0.ended.values }.reduce(0, +)
    #expect(ended == result.accounting.scheduled, sourceLocation: sourceLocation)
    checkBreakdown(result, sourceLocation)
    return result
}

/// Every request got through `receive` or died in one part, and the parts add up to the response times.
private func checkBreakdown(_ result: LoadResult, _ sourceLocation: SourceLocation) {
    let parts = Breakdown.merging(result.slices.flatMap(\.breakdown))
    #expect(parts.reduce(0) { $0 + $1.count } == result.accounting.scheduled, sourceLocation: sourceLocation)
    func total(_ histograms: some Sequence<LatencyHistogram>) -> Double {
        histograms.reduce(0) { $0 + Double($1.count) * ($1.mean ?? 0) }
    }
    let response = total(result.slices.flatMap(\.samples).map(\.responseTime))
    let sum = total(parts.flatMap { Array($0.passed.values) + Array($0.ended.values) })
    #expect(abs(sum - response) <= 0.002 * response + 1_000, sourceLocation: sourceLocation)
}

extension LoadResult {
    /// The only target's breakdown over the whole load.
    var breakdown: Breakdown { Breakdown.merging(slices.flatMap(\.breakdown)).first ?? Breakdown(target: "none") }
}

/// The engine's tests play in real time: one after the other, so that they don't take each other's processors.
@Suite(.serialized)
enum EngineTests {}

extension EngineTests {
    @Suite("Load engine") struct LoadEngineTests {
        @Test("every arrival becomes one request, over few connections that are kept alive", arguments: [1, 2])
        func constantRate(workers: Int) async throws {
            let server = ScriptedServer()
            defer { server.stop() }
            var plan = makePlan(port: server.port)
            plan.workers = workers
            plan.connections.limitPerTarget = 8
            let result = try await play(plan)
            #expect(result.accounting.scheduled == 100)
            #expect(result.accounting.byOutcome == [.ok: 100])
            #expect(result.accounting.journeysStarted == 100 && result.accounting.journeysFinished == 100)
            #expect((1...8).contains(result.accounting.connectionsOpened))
            #expect(result.steps == [StepInfo(journey: "visit", index: 0, label: "GET /", target: "web")])
            #expect(result.failureSamples.isEmpty && !result.wasStopped)
            #expect(result.slices.map(\.bytesReceived).reduce(0, +) == 100 * 40)
        }

        @Test("a closed loop keeps its number of users busy and ends with its time")
        func closedLoop() async throws {
            let server = ScriptedServer(answering: { connection, _ in
                usleep(5_000)
                connection.answer()
            })
            defer { server.stop() }
            let result = try await play(makePlan(port: server.port, rate: .closed(users: 4)))
            let answers = result.accounting.byOutcome[.ok, default: 0]
            #expect(answers > 8 && answers <= 4 * 100 + 4)
            #expect(server.connections == 4)
        }

        @Test("connection strategies: per request and per user")
        func strategies() async throws {
            let server = ScriptedServer()
            defer { server.stop() }
            let twoSteps: [Plan.Step] = [.request(get("/a")), .request(get("/b"))]
            var plan = makePlan(port: server.port, steps: twoSteps)
            plan.connections.strategy = .perRequest
            #expect(try await play(plan).accounting.connectionsOpened == 200)
            plan.connections.strategy = .perUser
            let result = try await play(plan)
            #expect(result.accounting.connectionsOpened == 100)
            #expect(result.accounting.byOutcome == [.ok: 200])
        }

        @Test("waiting for a connection is response time, and not service time")
        func waitingCounts() async throws {
            let server = ScriptedServer(answering: { connection, _ in
                usleep(20_000)
                connection.answer()
            })
            defer { server.stop() }
            // 50 a second can be served over one connection; 100 a second arrive.
            var plan = makePlan(port: server.port, rate: .constant(perSecond: 100), seconds: 0.4)
            plan.connections.limitPerTarget = 1
            let result = try await play(plan)
            let response = LatencyHistogram.merging(result.slices.flatMap(\.samples).map(\.responseTime))
            let service = LatencyHistogram.merging(result.slices.flatMap(\.samples).map(\.serviceTime))
            #expect(result.accounting.byOutcome == [.ok: 40] && server.connections == 1)
            let naive = try #require(service.percentile(50))
            #expect(try #require(response.max) > 350_000_000)
            #expect(try #require(response.max) > 5 * naive)
            // The generator itself was not late: the wait is the target's.
            #expect(try #require(result.generator.scheduleLag.percentile(50)) < naive)
        }

        @Test("captures carry values from answer to request, escaped for their place; thinking delays the next step")
        func journey() async throws {
            let seen = Mutex<[String]>([])
            let server = ScriptedServer(answering: { connection, request in
                seen.withLock { $0.append(request) }
                if request.hasPrefix("GET /first") {
                    connection.answer(#"{"items":[{"id":"a b/\"c\""}]}"#, headers: "X-Next: /later?page=2\r\n")
                } else {
                    connection.answer()
                }
            })
            defer { server.stop() }
            let (id, next, missing) = (Plan.Variable(index: 0), Plan.Variable(index: 1), Plan.Variable(index: 2))
            var first = get("/first")
            let captureID = Plan.Capture("id", variable: id, source: .json([.key("items"), .index(0), .key("id")]))
            first.captures = [
                captureID, Plan.Capture("next", variable: next, source: .header("x-next")),
                Plan.Capture(
                    "missing", variable: missing, source: .json([.key("none")]), absence: .leavesEmpty),
            ]
            var second = Plan.Request(
                label: "POST", target: 0, method: "POST", path: .init([.literal(Array("/p/".utf8)), .variable(id)]))
            second.headers = [("x-id", .init([.variable(id)])), ("content-type", .literal("application/json"))]
            second.body = .init([.literal(Array("{\"id\":\"".utf8)), .variable(id), .literal(Array("\"}".utf8))])
            second.when = .exists(.init([.variable(id)]))
            var third = Plan.Request(label: "GET next", target: 0, method: "GET", path: .init([.variable(next)]))
            third.when = .exists(.init([.variable(next)]))
            var skipped = get("/never")
            skipped.when = .exists(.init([.variable(missing)]))
            let steps: [Plan.Step] = [
                .request(first), .think(.fixed(.seconds(1))), .request(second), .request(skipped), .request(third),
            ]
            let result = try await play(
                makePlan(port: server.port, rate: .constant(perSecond: 10), seconds: 0.1, steps: steps))
            #expect(result.accounting.byOutcome == [.ok: 3])
            #expect(result.accounting.journeysFinished == 1)
            let requests = seen.withLock { $0 }
            try #require(requests.count == 3)
            #expect(requests[1].hasPrefix("POST /p/a%20b%2F%22c%22 HTTP/1.1\r\n"))
            #expect(requests[1].contains("x-id: a b/\"c\"\r\n"))
            #expect(requests[1].hasSuffix("\r\n\r\n{\"id\":\"a b/\\\"c\\\"\"}"))
            #expect(requests[2].hasPrefix("GET /later?page=2 HTTP/1.1\r\n"))
            // The thinking is nobody's response time.
            let slowest = result.slices.flatMap(\.samples).compactMap(\.responseTime.max).max()
            #expect(try #require(slowest) < 1_000_000_000)
        }

        @Test("a missing required capture fails the check and ends the journey")
        func requiredCapture() async throws {
            let server = ScriptedServer()
            defer { server.stop() }
            var first = get("/a")
            let capture = Plan.Capture("value", variable: .init(index: 0), source: .json([.key("id")]))
            first.captures = [capture]
            let result = try await play(
                makePlan(port: server.port, seconds: 0.1, steps: [.request(first), .request(get("/b"))]))
            #expect(result.accounting.byOutcome == [.checkFailed: 20])
            #expect(result.accounting.journeysFinished == 0)
            #expect(
                result.failureSamples.first?.message.contains("nothing to capture for 'value': the answer has no $.id")
                    == true)
        }

        @Test(
            "statuses are sorted into ok, rejected and error",
            arguments: ["200 OK", "404 Not Found", "429 Slow", "503 Busy"])
        func statuses(status: String) async throws {
            let server = ScriptedServer(answering: { connection, _ in connection.answer(status: status) })
            defer { server.stop() }
            var expecting = get("/")
            expecting.expect.statuses = [404, 503]
            let lenient = try await play(makePlan(port: server.port, seconds: 0.05))
            let expected: Outcome = ["2": .ok, "4": .errorStatus, "5": .rejected][String(status.prefix(1))] ?? .ok
            #expect(lenient.accounting.byOutcome.keys.first == (status.hasPrefix("429") ? .rejected : expected))
            let strict = try await play(makePlan(port: server.port, seconds: 0.05, steps: [.request(expecting)]))
            let inverse: Outcome =
                status.hasPrefix("404") || status.hasPrefix("503")
                ? .ok : status.hasPrefix("429") ? .rejected : .errorStatus
            #expect(strict.accounting.byOutcome.keys.first == inverse)
        }

        @Test("arrivals beyond maxInFlight wait, and their wait is response time and no lateness of the generator")
        func maxInFlight() async throws {
            let server = ScriptedServer(answering: { connection, _ in
                usleep(100_000)
                connection.answer()
            })
            defer { server.stop() }
            var plan = makePlan(port: server.port, seconds: 0.3)
            plan.maxInFlight = 2
            let result = try await play(plan)
            // Two at a time, ten times a second: the last of 60 has waited for 29 others.
            #expect(result.accounting.byOutcome == [.ok: 60])
            let response = LatencyHistogram.merging(result.slices.flatMap(\.samples).map(\.responseTime))
            #expect(try #require(response.max) > 2_600_000_000)
            #expect(try #require(response.percentile(50)) > 1_200_000_000)
            #expect((1...4).contains(result.generator.scheduleLag.count))
            let arrivals = try #require(result.generator.arrivals)
            #expect(arrivals.due == 60 && arrivals.heldBack > 50 && arrivals.missed > 40)
            #expect(result.generator.verdict == .invalid)
            #expect(result.generator.reasons.contains { $0.contains("the rate was not reached") })
            #expect(result.generator.reasons.contains { $0.contains("waited because too many were in flight") })
        }

        @Test("what is held back keeps its order over sources and steps, and never starts when everything ends")
        func heldBackOrder() async throws {
            let seen = Mutex<[String]>([])
            let server = ScriptedServer(answering: { connection, request in
                seen.withLock { $0.append(String(request.split(separator: " ")[1])) }
                usleep(20_000)
                connection.answer()
            })
            defer { server.stop() }
            // Users whose next step is due at once, and arrivals: nobody starves.
            var plan = makePlan(
                port: server.port, rate: .closed(users: 2), seconds: 1,
                steps: [.request(get("/a")), .request(get("/b"))])
            plan.journeys.append(.init(name: "others", steps: [.request(get("/other"))]))
            var others = plan.sources[0]
            others.journeys = [(1, 1)]
            others.rate = .constant(perSecond: 100)
            others.gracefulStop = .zero
            plan.sources.append(others)
            plan.maxInFlight = 1
            let result = try await play(plan)
            let counts = seen.withLock { $0 }.reduce(into: [String: Int]()) { $0[$1, default: 0] += 1 }
            #expect(["/a", "/b", "/other"].allSatisfy { counts[$0, default: 0] > 2 }, "\(counts)")
            #expect(result.accounting.neverStarted > 30)
            #expect(result.failureSamples.contains { $0.message.contains("too many requests in flight") })
        }

        @Test("measuring begins when all sources have warmed up, and the offered rate is that of the measured time")
        func warmup() async throws {
            let server = ScriptedServer()
            defer { server.stop() }
            var plan = makePlan(
                port: server.port, rate: .ramping(start: 20, stages: [(.seconds(1), 20), (.seconds(1), 60)]), seconds: 2
            )
            plan.sources[0].warmup = .milliseconds(500)
            var late = plan.sources[0]
            late.startOffset = .milliseconds(500)
            late.warmup = .milliseconds(500)
            late.rate = .constant(perSecond: 10)
            late.duration = .seconds(1.5)
            plan.sources.append(late)
            let result = try await play(plan)
            #expect(result.warmupNanoseconds == 1_000_000_000 && result.plannedNanoseconds == 2_000_000_000)
            #expect(result.accounting.scheduled == 20 + 40 + 15)
            #expect(abs(result.offeredRatePerSecond - 50) < 1e-6)
            #expect(result.generator.scheduleLag.count == 40 + 10)
        }

        @Test("stopping ends the load at once and keeps what was measured")
        func stopping() async throws {
            let server = ScriptedServer(answering: { connection, request in
                if request.contains("/slow") { usleep(8_000_000) }
                connection.answer()
            })
            defer { server.stop() }
            var plan = makePlan(port: server.port, seconds: 60)
            plan.journeys.append(.init(name: "slow", steps: [.request(get("/slow"))]))
            plan.sources[0].journeys.append((1, 0.2))
            let engine = try LoadEngine(plan)
            let begun = ContinuousClock.now
            let result = try await engine.run(onTick: { _ in engine.stop() })
            #expect(ContinuousClock.now - begun < .seconds(30))
            #expect(result.wasStopped && result.accounting.isBalanced)
            #expect(result.accounting.byOutcome[.ok, default: 0] > 10)
            #expect(result.accounting.byOutcome[.aborted, default: 0] > 1)
            #expect(result.actualNanoseconds < 30_000_000_000 && result.plannedNanoseconds == 60_000_000_000)
        }

        @Test("cancelling the task stops the load")
        func cancelling() async throws {
            let server = ScriptedServer()
            defer { server.stop() }
            let engine = try LoadEngine(makePlan(port: server.port, seconds: 60))
            let task = Task { try await engine.run() }
            // Once the server has seen someone, the load is running.
            while server.connections == 0 { try await Task.sleep(for: .milliseconds(5)) }
            task.cancel()
            let result = try await task.value
            #expect(result.wasStopped && result.accounting.isBalanced && result.accounting.scheduled > 0)
        }

        @Test("the same seed replays the same data, whatever the number of workers")
        func replay() async throws {
            func bodies(workers: Int, seed: UInt64) async throws -> [String] {
                let seen = Mutex<[String]>([])
                let server = ScriptedServer(answering: { connection, request in
                    seen.withLock { $0.append(String(request.split(separator: "\r\n\r\n").last ?? "")) }
                    connection.answer()
                })
                defer { server.stop() }
                var post = Plan.Request(label: "POST", target: 0, method: "POST", path: .literal("/"))
                post.body = .init([
                    .counter, .literal([32]), .uuid, .literal([32]), .random(table: 0, column: 1), .literal([32]),
                    .user(column: 0),
                    .literal([32]), .randomInteger(-5...5), .literal([32]), .randomText(length: 12),
                ])
                var plan = makePlan(port: server.port, rate: .constant(perSecond: 400), seconds: 0.25)
                plan.seed = seed
                plan.workers = workers
                plan.journeys = [
                    .init(
                        name: "a", userTable: 0,
                        steps: [.request(post), .think(.exponential(mean: .milliseconds(2))), .request(post)])
                ]
                plan.sources[0].arrivals = .poisson
                plan.tables = [
                    .init(
                        name: "users", columns: ["id", "name"], rows: (0..<50).map { ["u\($0)", "n\($0)"] },
                        draw: .zipf(exponent: 1))
                ]
                _ = try await play(plan)
                return seen.withLock { $0.sorted() }
            }
            let one = try await bodies(workers: 1, seed: 7)
            #expect(one.count > 100 && Set(one).count == one.count)
            #expect(try await bodies(workers: 2, seed: 7) == one)
            #expect(try await bodies(workers: 1, seed: 8) != one)
        }

        @Test("a plan that can't be played is refused whole, with every reason")
        func problems() throws {
            var plan = makePlan(port: 0, rate: .constant(perSecond: .nan), seconds: 0)
            plan.workers = 0
            plan.journeys[0].steps = [
                .request(Plan.Request(label: "G T /", target: 3, method: "G T", path: .literal("/a b\r\n")))
            ]
            plan.sources[0].journeys = [(4, -1)]
            plan.sources[0].startOffset = .seconds(1 << 60)
            plan.sources[0].gracefulStop = .seconds(-1)
            let error = try #require(throws: LoadEngineError.self) { _ = try LoadEngine(plan) }
            #expect(error.code == .impossiblePlan)
            for words in [
                "workers must be", "port 0", "rate nan/s", "duration must be", "at most 366 days",
                "graceful stop must be", "no journey 4", "weight -1.0",
                "no target 3",
                "not an HTTP method",
                "line break or control character", "the path has a space",
            ] {
                #expect(error.message.contains(words), "\(words) in \(error.message)")
            }
        }

        @Test("a host without an address and unreadable roots are told before the start")
        func unplayable() throws {
            let unknown = makePlan(port: 80, host: "no-such-host.invalid")
            #expect(try #require(throws: LoadEngineError.self) { _ = try LoadEngine(unknown) }.code == .unresolvable)
            let noRoots = makePlan(port: 443, tls: .init(rootsFile: "/no/such/file.pem"))
            let error = try #require(throws: LoadEngineError.self) { _ = try LoadEngine(noRoots) }
            #expect(error.code == .tls && error.message.contains("/no/such/file.pem"))
        }

        @Test("a limit of connections below the number of workers is refused")
        func limitOfWorkers() throws {
            var plan = makePlan(port: 80)
            plan.workers = 4
            plan.connections.limitPerTarget = 3
            let error = try #require(throws: LoadEngineError.self) { _ = try LoadEngine(plan) }
            #expect(error.message.contains("3 connections to a target must be at least the number of workers, 4"))
        }

        @Test("time 0 is ahead when it is told, however long the making of the workers takes")
        func timeZero() async throws {
            let server = ScriptedServer()
            defer { server.stop() }
            let engine = try LoadEngine(makePlan(port: server.port, rate: .closed(users: 100_000), seconds: 60))
            let isAhead = Mutex(false)
            _ = try await engine.run(onStart: { start in
                isAhead.withLock { $0 = start > Clock.now() }
                engine.stop()
            })
            #expect(isAhead.withLock { $0 })
        }

        @Test("a run that can't make its workers leaves no thread behind")
        func noWorkers() async throws {
            let server = try TLSServer(names: "IP:127.0.0.1")
            let roots = server.certificate + ".roots"
            try FileManager.default.copyItem(atPath: server.certificate, toPath: roots)
            let engine = try LoadEngine(makePlan(port: server.server.port, tls: .init(rootsFile: roots)))
            try FileManager.default.removeItem(atPath: roots)
            let error = await #expect(throws: LoadEngineError.self) { try await engine.run() }
            #expect(error?.code == .tls)
            func canaries() -> Int {
                let tasks = (try? FileManager.default.contentsOfDirectory(atPath: "/proc/self/task")) ?? []
                return tasks.count { ProcFile.read("/proc/self/task/\($0)/comm") == "canary\n" }
            }
            // Those of earlier runs end soon after their workers.
            for _ in 0..<500 where canaries() > 0 { try await Task.sleep(for: .milliseconds(10)) }
            #expect(canaries() == 0)
        }

        @Test("journeys are counted in the second in which they begin, not by their first step's requests")
        func journeyStarts() async throws {
            let server = ScriptedServer()
            defer { server.stop() }
            var never = get("/never")
            never.when = .exists(.init([.variable(.init(index: 0))]))
            let result = try await play(
                makePlan(
                    port: server.port, rate: .constant(perSecond: 50), seconds: 2,
                    steps: [.request(never), .loop(.init(rounds: 3, steps: [.request(get("/"))]))]))
            #expect(result.accounting.scheduled == 300)
            let starts = result.slices.compactMap(\.journeyStarts)
            #expect(starts.reduce(0, +) == 100 && (30...70).contains(starts[0]))
        }

        @Test("too few file descriptors are told with the number needed")
        func descriptors() throws {
            var plan = makePlan(port: 80)
            plan.connections.limitPerTarget = 1_000_000
            plan.maxInFlight = 1_000_000_000
            plan.targets = Array(repeating: plan.targets[0], count: 5_000)
            let error = try #require(throws: LoadEngineError.self) { _ = try LoadEngine(plan) }
            #expect(error.code == .resources && error.message.contains("5000000128 file descriptors"))
        }
    }
}
