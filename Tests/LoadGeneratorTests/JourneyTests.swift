// SPDX-License-Identifier: Apache-2.0

import Foundation
import Measurement
import Patterns
import Synchronization
import Testing

@testable import LoadGenerator

/// A server that answers by the path and keeps what it was asked.
private final class Recorder: Sendable {
    let server: ScriptedServer
    private let seen: Seen

    private final class Seen: Sendable { let requests = Mutex<[String]>([]) }

    init(_ answer: @escaping @Sendable (String) -> (body: String, headers: String) = { _ in ("ok", "") }) {
        let seen = Seen()
        self.seen = seen
        server = ScriptedServer(answering: { connection, request in
            seen.requests.withLock { $0.append(request) }
            let line = request.prefix { $0 != "\r\n" }
            let (body, headers) = answer(String(line.split(separator: " ")[1]))
            connection.answer(body, headers: headers)
        })
    }

    deinit { server.stop() }

    /// Whole requests, head and body.
    var requests: [String] { seen.requests.withLock { $0 } }
    /// The paths that were asked for.
    var paths: [String] { requests.map { String($0.prefix { $0 != "\r\n" }.split(separator: " ")[1]) } }
}

private func path(_ segments: Plan.Template.Segment...) -> Plan.Request {
    Plan.Request(label: "GET", target: 0, method: "GET", path: .init([.literal([0x2f])] + segments))
}

private func text(_ text: String) -> Plan.Template.Segment { .literal(Array(text.utf8)) }

extension EngineTests {
    @Suite("Journeys") struct JourneyTests {
        private func closed(
            _ recorder: Recorder, _ steps: [Plan.Step], users: Int = 1, iterations: Int = 1, workers: Int = 1
        ) -> Plan {
            var plan = makePlan(port: recorder.server.port, rate: .closed(users: users), seconds: 20, steps: steps)
            plan.sources[0].iterations = iterations
            plan.workers = workers
            return plan
        }

        @Test("loops go round by number, while a condition holds, and until one does")
        func loops() async throws {
            let recorder = Recorder { path in (#"{"n": \#(path.count)}"#, "") }
            let (n, word) = (Plan.Variable(index: 0), Plan.Variable(index: 1))
            var grow = path(.variable(word))
            grow.captures = [Plan.Capture("n", variable: n, source: .json([.key("n")]))]
            let longer = Plan.Step.set(word, .init([.variable(word), text("x")]))
            func condition(_ comparison: Plan.Condition.Comparison, _ number: String) -> Plan.Condition {
                .init(left: .init([.variable(n)]), comparison: comparison, right: .literal(number))
            }
            let steps: [Plan.Step] = [
                .loop(.init(rounds: 2, steps: [.loop(.init(rounds: 2, steps: [.request(path(text("inner")))]))])),
                .loop(.init(rounds: 50, until: condition(.greaterOrEqual, "4"), steps: [.request(grow), longer])),
                .loop(.init(rounds: 50, while: condition(.less, "7.5"), steps: [.request(grow), longer])),
                .loop(.init(rounds: 3, while: condition(.less, "1"), steps: [.request(path(text("never")))])),
                .group(when: condition(.equal, "8.0"), steps: [.request(path(text("yes")))]),
                .group(when: condition(.notEqual, "8"), steps: [.request(path(text("no")))]),
            ]
            _ = try await play(closed(recorder, steps))
            #expect(
                recorder.paths == Array(repeating: "/inner", count: 4)
                    + ["/", "/x", "/xx", "/xxx", "/xxxx", "/xxxxx", "/xxxxxx", "/xxxxxxx", "/yes"])
        }

        @Test("a loop in which nothing is ever due does not hold up the others")
        func emptyLoops() async throws {
            let recorder = Recorder()
            let never = Plan.Condition.exists(.init([.variable(.init(index: 0))]))
            var skipped = path(text("never"))
            skipped.when = never
            let inner = Plan.Step.loop(.init(rounds: 1_000_000, steps: [.request(skipped)]))
            let endless = Plan.Journey(name: "endless", steps: [.loop(.init(rounds: 1_000_000, steps: [inner]))])
            var plan = makePlan(port: recorder.server.port, rate: .constant(perSecond: 100), seconds: 0.3)
            plan.journeys.append(endless)
            var source = plan.sources[0]
            source.name = "endless"
            source.journeys = [(1, 1)]
            source.rate = .constant(perSecond: 10)
            source.gracefulStop = .zero
            plan.sources.append(source)
            let result = try await play(plan)
            #expect(result.accounting.byOutcome == [.ok: 30])
        }

        @Test("pauses of no length don't hold up the others either", .timeLimit(.minutes(1)))
        func emptyPauses() async throws {
            let recorder = Recorder()
            let pause = Plan.Step.think(.fixed(.zero))
            let inner = Plan.Step.loop(.init(rounds: 1_000_000, steps: [pause]))
            let steps: [Plan.Step] = [.loop(.init(rounds: 1_000_000, steps: [inner])), .request(path(text("never")))]
            var plan = makePlan(port: recorder.server.port, rate: .constant(perSecond: 100), seconds: 0.3)
            plan.journeys.append(.init(name: "endless", steps: steps))
            var source = plan.sources[0]
            source.journeys = [(1, 1)]
            source.rate = .constant(perSecond: 10)
            source.gracefulStop = .zero
            plan.sources.append(source)
            #expect(try await play(plan).accounting.byOutcome == [.ok: 30])
        }

        @Test(
            "integers are compared by their digits, however many there are",
            arguments: [
                ("9007199254740993", "9007199254740992", 1), ("18446744073709551615", "18446744073709551616", -1),
                ("007", "7", 0), ("-0", "0", 0), ("-10", "-9", -1), ("+3", "3", 0), ("-1", "1", -1), ("10", "9", 1),
                ("8", "8.0", 0), ("8.5", "8", 1), ("1e3", "999", 1),
            ])
        func integers(left: String, right: String, order: Int) {
            func holds(_ comparison: Plan.Condition.Comparison) -> Bool {
                let empty = UnsafeBufferPointer<CompiledSegment>(start: nil, count: 0)
                let condition = CompiledCondition(left: empty, comparison: comparison, right: empty, isNegated: false)
                return Array(left.utf8).withUnsafeBytes { left in
                    Array(right.utf8).withUnsafeBytes { condition.holds(left, $0) }
                }
            }
            #expect(holds(.equal) == (order == 0) && holds(.notEqual) == (order != 0))
            #expect(holds(.less) == (order < 0) && holds(.lessOrEqual) == (order <= 0))
            #expect(holds(.greater) == (order > 0) && holds(.greaterOrEqual) == (order >= 0))
        }

        @Test("a captured address of the same target is followed, and what stands behind it is escaped as elsewhere")
        func followed() async throws {
            let location = Mutex("")
            let recorder = Recorder { path in
                path == "/first" ? ("a b/c", "Location: \(location.withLock { $0 })\r\n") : ("ok", "")
            }
            let port = recorder.server.port
            let (target, query) = (Plan.Variable(index: 0), Plan.Variable(index: 1))
            var first = path(text("first"))
            first.captures = [
                Plan.Capture("next", variable: target, source: .header("location")),
                Plan.Capture("query", variable: query, source: .pattern(try Pattern(".*"))),
            ]
            let second = Plan.Request(
                label: "GET", target: 0, method: "GET",
                path: .init([.variable(target), text("&q="), .variable(query)]))
            for (address, expected) in [
                ("http://127.0.0.1:\(port)/next?page=2#here", "/next?page=2&q=a%20b%2Fc"),
                ("HTTP://127.0.0.1:\(port)?page=2", "/?page=2&q=a%20b%2Fc"),
                ("//127.0.0.1:\(port)/x%20y", "/x%20y&q=a%20b%2Fc"), ("/next?a=b", "/next?a=b&q=a%20b%2Fc"),
                ("http://127.0.0.1:\(port)1/next", "http://127.0.0.1:\(port)1/next&q=a%20b%2Fc"),
                ("https://127.0.0.1:\(port)/next", "https://127.0.0.1:\(port)/next&q=a%20b%2Fc"),
            ] {
                location.withLock { $0 = address }
                _ = try await play(closed(recorder, [.request(first), .request(second)]))
                #expect(recorder.paths.last == expected)
            }
        }

        @Test("what a bad escape leaves of a value is not in front of the standard value")
        func badEscape() async throws {
            let recorder = Recorder { _ in (#"{"id": "ab\q"}"#, "") }
            var first = path(text("first"))
            first.captures = [
                Plan.Capture(
                    "id", variable: .init(index: 0), source: .json([.key("id")]), absence: .becomes(Array("else".utf8)))
            ]
            _ = try await play(closed(recorder, [.request(first), .request(path(.variable(.init(index: 0))))]))
            #expect(recorder.paths.last == "/else")
        }

        @Test("of a long body its beginning is searched, in one piece")
        func longBody() async throws {
            let length = Worker.maximumSearchedBody - 3
            let server = ScriptedServer(answering: { connection, _ in
                connection.write("HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n")
                connection.write(String(length, radix: 16) + "\r\n" + String(repeating: "x", count: length) + "\r\n")
                for chunk in ["abcdef", "gh"] { connection.write("\(chunk.utf8.count)\r\n\(chunk)\r\n") }
                connection.write("0\r\n\r\n")
            })
            defer { server.stop() }
            var request = path(text("long"))
            request.checks = [
                .init("beginning", .text(.body, .contains(.literal("xxabc")))),
                .init("hole", .text(.body, .contains(.literal("g")))),
            ]
            let result = try await play(
                makePlan(port: server.port, rate: .constant(perSecond: 10), seconds: 0.1, steps: [.request(request)]))
            let tallies = result.slices.flatMap(\.checks)
            #expect(tallies.map(\.passed) == [1, 0], "\(result.failureSamples)")
        }

        @Test("an interim answer before a head in pieces is no head, and its headers pass no check")
        func interimHead() async throws {
            let server = ScriptedServer(answering: { connection, _ in
                for part in [
                    "HTTP/1.1 103 Early Hints\r\nx-kind: early\r\nx-early: yes\r\n\r\n", "HTTP/1.1 20",
                    "0 OK\r\nx-kind: final\r\ncontent-length: 2\r\n\r\nok",
                ] {
                    connection.write(part)
                    usleep(20_000)
                }
            })
            defer { server.stop() }
            var request = path(text("early"))
            request.checks = [
                .init("final", .text(.header("x-kind"), .equals(.literal("final")))),
                .init("early", .text(.header("x-early"), .exists)),
            ]
            var plan = makePlan(
                port: server.port, rate: .constant(perSecond: 10), seconds: 0.2, steps: [.request(request)])
            plan.cookies = true
            let result = try await play(plan)
            let tallies = result.slices.flatMap(\.checks)
            #expect(tallies.map(\.passed) == [2, 0] && tallies.map(\.failed) == [0, 2], "\(result.failureSamples)")
        }

        @Test("values are written over in loops without growing, and the right ones are kept")
        func values() {
            var session = Session()
            session.variables = .allocate(capacity: 3)
            session.variables?.initialize(repeating: .init(), count: 3)
            defer { session.free() }
            func set(_ index: Int32, _ text: String) {
                session.setValue(of: index, count: 3) { output in
                    text.utf8.withContiguousStorageIfAvailable { output.append(UnsafeRawBufferPointer($0)) }
                    return true
                }
            }
            func value(_ index: Int32) -> String { String(decoding: session.value(of: index), as: UTF8.self) }
            set(0, "kept")
            for round in 0..<10_000 {
                set(1, "value \(round)")
                set(2, String(repeating: "y", count: round % 50))
                #expect(value(0) == "kept" && value(1) == "value \(round)" && value(2).count == round % 50)
            }
            session.clearValues(3, keeping: 1)
            #expect(value(0) == "kept" && value(1).isEmpty && value(2).isEmpty)
        }

        @Test("captures by pattern, status and cookie, with standard values where nothing is found")
        func captures() async throws {
            let recorder = Recorder { path in
                path == "/first" ? ("<input name=token value=a1/b2>", "Set-Cookie: sid=s 7; Path=/\r\n") : ("ok", "")
            }
            var first = path(text("first"))
            func variable(_ index: Int) -> Plan.Variable { .init(index: index) }
            first.captures = [
                Plan.Capture("token", variable: variable(0), source: .pattern(try Pattern(#"value=([^>]+)"#))),
                Plan.Capture("status", variable: variable(1), source: .status),
                Plan.Capture("sid", variable: variable(2), source: .cookie("sid")),
                Plan.Capture(
                    "none", variable: variable(3), source: .json([.key("id")]), absence: .becomes(Array("else".utf8))),
            ]
            let second = path(
                .variable(variable(0)), text("-"), .variable(variable(1)), text("-"), .variable(variable(2)), text("-"),
                .variable(variable(3)), text("-"), .base64([text("u:"), .variable(variable(1))]))
            let result = try await play(closed(recorder, [.request(first), .request(second)]))
            #expect(result.accounting.byOutcome == [.ok: 2])
            #expect(recorder.paths.last == "/a1%2Fb2-200-s%207-else-dToyMDA%3D")
        }

        @Test("checks are counted by name, and one that fails ends the journey")
        func checks() async throws {
            let recorder = Recorder { path in
                (#"{"path": "\#(path)", "list": []}"#, path.hasSuffix("0") ? "" : "X-Kind: good\r\n")
            }
            var request = path(.counter)
            request.checks = [
                .init("ok", .status([200, 201])), .init("soon", .faster(than: .seconds(5))),
                .init("kind", .text(.header("x-kind"), .equals(.literal("good")))),
                .init("path", .text(.json([.key("path")]), .contains(.literal("/")))),
                .init("list", .text(.json([.key("list")]), .matches(try Pattern(#"^\[\]$"#)))),
                .init("body", .text(.body, .exists)), .init("never", .text(.json([.key("no")]), .exists)),
            ]
            let last = request.checks.removeLast()
            var strict = request
            strict.checks = [last]
            let steps: [Plan.Step] = [.request(request), .request(strict), .request(path(text("end")))]
            var plan = makePlan(port: recorder.server.port, rate: .constant(perSecond: 100), seconds: 0.3, steps: steps)
            plan.workers = 2
            let result = try await play(plan)
            // Two counters a journey: every fifth of the first requests ends with 0.
            #expect(result.accounting.byOutcome == [.ok: 24, .checkFailed: 6 + 24])
            #expect(result.checks.map(\.name) == ["ok", "soon", "kind", "path", "list", "body", "never"])
            var tallies: [Int: [UInt64]] = [:]
            for tally in result.slices.flatMap(\.checks) {
                tallies[tally.check, default: [0, 0]][0] += tally.passed
                tallies[tally.check, default: [0, 0]][1] += tally.failed
            }
            #expect(
                tallies[0] == [30, 0] && tallies[1] == [30, 0] && tallies[2] == [24, 6] && tallies[3] == [30, 0])
            #expect(tallies[4] == [30, 0] && tallies[5] == [30, 0] && tallies[6] == [0, 24])
            #expect(result.failureSamples.contains { $0.message.hasSuffix("the check 'kind' failed") && $0.count == 6 })
        }

        @Test("requests without a whole answer fail their checks")
        func checksWithoutAnswer() async throws {
            let server = ScriptedServer()
            server.stop()
            var request = path(text("a"))
            request.checks = [.init("ok", .status([200]))]
            let result = try await play(makePlan(port: server.port, seconds: 0.1, steps: [.request(request)]))
            #expect(result.slices.flatMap(\.checks).reduce(0) { $0 + $1.failed } == 20)
        }

        @Test("a user keeps its state and its cookies from journey to journey, another one has its own")
        func state() async throws {
            let recorder = Recorder { path in
                path == "/login" ? ("ok", "Set-Cookie: who=me; Path=/in\r\nSet-Cookie: s=1; Secure\r\n") : ("ok", "")
            }
            let visits = Plan.Variable(index: 0)
            var login = path(text("login"))
            login.when = .init(left: .init([.variable(visits)]), comparison: .equal, right: .literal("-"))
            let steps: [Plan.Step] = [
                .request(login), .request(path(text("in/"), .variable(visits))),
                .set(visits, .init([.variable(visits), text("i")])),
            ]
            var plan = closed(recorder, steps, users: 2, iterations: 6, workers: 2)
            plan.kept = [Array("-".utf8)]
            plan.cookies = true
            _ = try await play(plan)
            #expect(
                recorder.paths.sorted() == [
                    "/in/-", "/in/-", "/in/-i", "/in/-i", "/in/-ii", "/in/-ii", "/login", "/login",
                ])
            for request in recorder.requests {
                #expect(request.contains("cookie: who=me\r\n") == request.hasPrefix("GET /in"), "\(request)")
                #expect(!request.contains("s=1"))
            }
        }

        @Test("numbers of the counter come once, also in loops and over several sources")
        func counters() async throws {
            let recorder = Recorder()
            let steps: [Plan.Step] = [
                .loop(
                    .init(rounds: 3, steps: [.request(path(.counter)), .request(path(.counter, text("-"), .counter))]))
            ]
            var plan = closed(recorder, steps, users: 4, iterations: 20, workers: 2)
            plan.sources.append(plan.sources[0])
            // Another journey that draws fewer, and those beside the load.
            plan.journeys.append(.init(name: "few", steps: [.request(path(.counter))]))
            plan.sources[0].journeys = [(1, 1)]
            plan.setUp = .init(name: "set-up", steps: [.request(path(.counter, text("-"), .counter))])
            plan.tearDown = plan.setUp
            _ = try await play(plan)
            let numbers = recorder.paths.flatMap { $0.dropFirst().split(separator: "-") }
            #expect(numbers.count == 20 * 9 + 20 + 4 && Set(numbers).count == numbers.count)
        }

        @Test(
            "feeders deal their rows by the session's number, whatever the number of workers",
            arguments: [Plan.Feeder.Order.queue, .shuffle, .circular, .random])
        func feeders(order: Plan.Feeder.Order) async throws {
            func rows(workers: Int, rate: Plan.Source.Rate, scope: Plan.Feeder.Scope = .iteration) async throws
                -> [String]
            {
                let recorder = Recorder()
                var plan = makePlan(
                    port: recorder.server.port, rate: rate, seconds: 0.25,
                    steps: [.request(path(.counter, text("/"), .feeder(0, column: 1)))])
                plan.journeys.append(.init(name: "other", steps: [.request(path(text("other")))]))
                plan.sources[0].journeys = [(0, 3), (1, 1)]
                plan.workers = workers
                plan.tables = [
                    .init(
                        name: "people", columns: ["id", "name"], rows: (0..<30).map { ["\($0)", "n\($0)"] },
                        draw: .uniform)
                ]
                plan.feeders = [.init(name: "people", table: 0, order: order, scope: scope)]
                let result = try await play(plan)
                let refused = result.failureSamples.filter { $0.message.contains("'people' has no more rows") }
                let isDealt = order == .queue || order == .shuffle
                if isDealt, scope == .iteration {
                    #expect(result.accounting.neverStarted == refused.first?.count ?? 0)
                    #expect(result.accounting.neverStarted > 0)
                }
                return recorder.paths.filter { $0 != "/other" }.sorted()
            }
            let one = try await rows(workers: 1, rate: .constant(perSecond: 400))
            #expect(try await rows(workers: 3, rate: .constant(perSecond: 400)) == one)
            let names = one.map { $0.split(separator: "/")[1] }
            switch order {
            case .queue, .shuffle: #expect(names.count == 30 && Set(names).count == 30)
            case .circular:
                #expect(names.count > 60 && (0..<30).allSatisfy { row in names.count { $0 == "n\(row)" } >= 2 })
            case .random: #expect(Set(names).count > 15)
            }
        }

        @Test("users of a closed loop keep their row, and go when there is none for them")
        func userRows() async throws {
            let recorder = Recorder()
            var plan = closed(recorder, [.request(path(.feeder(0, column: 0)))], users: 3, iterations: 60, workers: 2)
            plan.tables = [.init(name: "t", columns: ["id"], rows: [["a"], ["b"]], draw: .uniform)]
            plan.feeders = [.init(name: "t", table: 0, order: .queue, scope: .user)]
            let result = try await play(plan)
            #expect(Set(recorder.paths) == ["/a", "/b"] && result.accounting.neverStarted == 0)
            #expect(result.failureSamples.contains { $0.message.contains("has no more rows") && $0.count == 1 })
        }

        @Test("a queue that runs dry ends a closed load, each row used once")
        func dryQueue() async throws {
            let recorder = Recorder()
            var plan = makePlan(
                port: recorder.server.port, rate: .closed(users: 4), seconds: 30,
                steps: [.request(path(.feeder(0, column: 0)))])
            plan.workers = 2
            plan.tables = [.init(name: "t", columns: ["id"], rows: (0..<50).map { ["\($0)"] }, draw: .uniform)]
            plan.feeders = [.init(name: "t", table: 0, order: .queue)]
            let result = try await play(plan)
            #expect(recorder.paths.count == 50 && Set(recorder.paths).count == 50)
            #expect(result.actualNanoseconds < 20_000_000_000)
        }

        @Test(
            "what the set-up captures is known to all sessions and to the tear-down, which also follows a stopped load")
        func setUp() async throws {
            let recorder = Recorder { path in (path == "/make" ? #"{"id": "r 1"}"# : "ok", "") }
            var make = path(text("make"))
            make.captures = [Plan.Capture("id", variable: .init(index: 0), source: .json([.key("id")]))]
            var plan = makePlan(
                port: recorder.server.port, rate: .constant(perSecond: 100), seconds: 30,
                steps: [.request(path(text("use/"), .shared(0)))])
            plan.setUp = .init(name: "setup", steps: [.request(make)])
            plan.sharedCount = 1
            plan.tearDown = .init(name: "teardown", steps: [.request(path(text("remove/"), .shared(0)))])
            let engine = try LoadEngine(plan)
            let result = try await engine.run(onTick: { _ in engine.stop() })
            #expect(result.wasStopped && result.accounting.isBalanced)
            #expect(recorder.paths.first == "/make" && recorder.paths.last == "/remove/r%201")
            #expect(recorder.paths.dropFirst().dropLast().allSatisfy { $0 == "/use/r%201" })
            // The server may or may not have seen what was broken off.
            let seen = Int(result.accounting.completed + result.accounting.failed)
            #expect((seen...Int(result.accounting.scheduled)).contains(recorder.paths.count - 2))
        }

        @Test("a set-up that fails ends the run before the load; a tear-down that fails is told")
        func failingSideJourneys() async throws {
            let recorder = Recorder()
            var make = path(text("make"))
            make.captures = [Plan.Capture("id", variable: .init(index: 0), source: .json([.key("id")]))]
            var plan = makePlan(port: recorder.server.port, seconds: 0.1)
            plan.setUp = .init(name: "setup", steps: [.request(make)])
            plan.sharedCount = 1
            let error = await #expect(throws: LoadEngineError.self) { try await LoadEngine(plan).run() }
            #expect(error?.code == .sideJourney)
            #expect(error?.message.hasPrefix("the set-up failed: web 127.0.0.1:") == true)
            #expect(error?.message.contains("nothing to capture for 'id': the answer has no $.id") == true)
            #expect(recorder.paths == ["/make"])
            plan.tearDown = plan.setUp
            plan.setUp = nil
            let result = try await play(plan)
            #expect(result.failureSamples.count == 1)
            #expect(result.failureSamples.first?.message.hasPrefix("the tear-down failed: ") == true)
        }
    }
}
