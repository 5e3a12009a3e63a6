// SPDX-License-Identifier: Apache-2.0

import LoadGenerator
import Scenarios
import Testing

@testable import Experiments

@Suite("The plan compiler")
struct PlanCompilerTests {
    private let targets = ["user", "post", "comment"].map {
        Plan.Target(name: $0, host: "127.0.0.1", port: 1, tls: nil)
    }
    private let population = SeededPopulation(
        users: [.init(id: "u0", name: "Ada", token: "t0"), .init(id: "u1", name: "Bo", token: "t1")],
        posts: [.init(id: "p0", author: "u1")])

    private func compile(_ script: String, population: SeededPopulation? = nil) throws -> Plan {
        let scenario = try Scenario.parse(script, file: "test.yaml")
        return try PlanCompiler(scenario: scenario, targets: targets, population: population ?? self.population)
            .compile()
    }

    private let script = """
        name: sample
        system: social
        seed: 42
        load:
          browse:
            executor: constant-arrival-rate
            rate: 300/s
            arrivals: poisson
            duration: 40s
            warmup: 5s
            journeys: {read: 70, write: 30}
        journeys:
          read:
            - get: /v1/timelines/home?limit=20
              service: post
              as: someone
              expect: {status: 200}
              capture: {post: "$.items[0].id"}
            - think: 1s
            - get: /v1/posts/${post}/comments
              service: comment
              as: someone
              when: ${post}
          write:
            - post: /v1/posts
              service: post
              as: someone
              headers: {Idempotency-Key: '"${uuid}"'}
              json: {text: "${text(140)} from ${user.name}"}
        """

    @Test("numbers targets, journeys and variables and keeps the time of the warm-up in the source")
    func numbers() throws {
        let plan = try compile(script)
        #expect(plan.seed == 42)
        let source = try #require(plan.sources.first)
        #expect(source.duration == .seconds(45))
        #expect(source.warmup == .seconds(5))
        #expect(source.journeys.map(\.journey) == [0, 1])
        guard case .request(let first) = plan.journeys[0].steps[0], case .request(let last) = plan.journeys[0].steps[2],
            case .think(.fixed(.seconds(1))) = plan.journeys[0].steps[1]
        else {
            Issue.record("wrong kinds of steps")
            return
        }
        #expect(first.target == 1)
        #expect(first.label == "GET /v1/timelines/home")
        #expect(first.expect.statuses == [200])
        #expect(first.captures.map(\.variable) == [Plan.Variable(index: 0)])
        guard case .variable(let variable) = last.when?.left.segments.first else {
            Issue.record("no condition")
            return
        }
        #expect(variable == Plan.Variable(index: 0) && last.when?.comparison == nil)
        #expect(last.target == 2)
    }

    @Test("acts as a user of the population with its token")
    func token() throws {
        let plan = try compile(script)
        #expect(plan.tables.map(\.name) == ["users", "posts"])
        #expect(plan.tables[0].rows == [["u0", "Ada", "t0"], ["u1", "Bo", "t1"]])
        #expect(plan.journeys[0].userTable == 0)
        guard case .request(let first) = plan.journeys[0].steps[0],
            let header = first.headers.first(where: { $0.name == "Authorization" })
        else {
            Issue.record("no authorization")
            return
        }
        guard case .literal(let bearer) = header.value.segments.first,
            case .user(column: 2) = header.value.segments.last
        else {
            Issue.record("wrong template: \(header.value)")
            return
        }
        #expect(String(decoding: bearer, as: UTF8.self) == "Bearer ")
    }

    @Test("gives a JSON body its content type once")
    func contentType() throws {
        let plan = try compile(script)
        guard case .request(let post) = plan.journeys[1].steps[0] else {
            Issue.record("no request")
            return
        }
        #expect(post.headers.count { $0.name.lowercased() == "content-type" } == 1)
        #expect(post.body != nil)
    }

    @Test("holds the start rate of a ramp while it warms up")
    func ramp() throws {
        let plan = try compile(
            script.replacing(
                "executor: constant-arrival-rate\n    rate: 300/s\n    arrivals: poisson\n    duration: 40s",
                with:
                    "executor: ramping-arrival-rate\n    start-rate: 10/s\n    stages: [{duration: 20s, target: 100/s}]"
            ))
        guard case .ramping(let start, let stages) = plan.sources[0].rate else {
            Issue.record("no ramp")
            return
        }
        #expect(start == 10)
        #expect(stages.map(\.duration) == [.seconds(5), .seconds(20)])
        #expect(stages.map(\.target) == [10, 100])
        #expect(plan.sources[0].duration == .seconds(25))
    }

    @Test("has as many workers as the script says")
    func workers() throws {
        #expect(try compile(script).workers == 1)
        #expect(try compile("workers: 4\n" + script).workers == 4)
    }

    @Test("reads every file in scenarios/", arguments: ["quickstart", "timeline-mix", "comment-brownout"])
    func shippedScenarios(name: String) throws {
        let root = #filePath.split(separator: "/").dropLast(3).joined(separator: "/")
        let scenario = try Scenario.load(path: "/\(root)/scenarios/\(name).yaml")
        let plan = try PlanCompiler(scenario: scenario, targets: targets, population: population).compile()
        #expect(!plan.sources.isEmpty)
    }
}
