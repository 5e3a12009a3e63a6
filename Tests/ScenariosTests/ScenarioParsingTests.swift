// SPDX-License-Identifier: Apache-2.0

import FaultInjection
import Resilience
import Scenarios
import Testing

@Suite("Reading sound scripts")
struct ScenarioParsingTests {
    /// The script of the design, which uses every section.
    static let full = """
        name: comment-brownout
        description: The Comment Service slows down.
        system: social
        seed: 18446744073709551615
        population: {users: 50, friends: 5, posts: 100, comments: 0, skew: 1.2}
        connections: {strategy: per-user, limit: 64}

        load:
          browse:
            executor: constant-arrival-rate
            rate: 18000/m
            arrivals: poisson
            duration: 40s
            warmup: 5s
            journeys: {read-timeline: 70, compose-post: 30%}
          rush:
            executor: ramping-arrival-rate
            start: 10s
            start-rate: 10/s
            stages:
              - {duration: 10s, target: 110/s}
              - {duration: 10s, target: 0/s}
            journeys: read-timeline
          loop:
            executor: constant-vus
            vus: 3
            duration: 1m30s

        journeys:
          read-timeline:
            - get: /v1/timelines/home?limit=20
              service: post
              as: someone
              expect: {status: 200}
              capture:
                post: $.items[0].id
                etag: {header: ETag, optional: true}
            - think: 1s
            - think: 500ms..2s
            - think: {min: 1s, max: 3s}
            - think: {exponential: 2s}
            - get: /v1/posts/${post}/comments?sort=new
              service: comment
              when: ${post}
              timeout: 250ms
          compose-post:
            - post: /v1/posts
              service: post
              as: someone
              label: compose
              headers: {If-Match: "${user.token}"}
              json: {text: "he said \\"${text(20)}\\"", draft: false, n: 3, tags: [a, null], quoted: "3"}
              expect: {status: [201, 202]}
            - put: /v1/${random(1,3)}
              service: post
              body: a=${uuid}
              content-type: application/x-www-form-urlencoded

        faults:
          - at: 15s
            for: 10s
            on: post -> comment
            latency: {mean: 800ms, jitter: 100ms}
          - {at: 20s, for: 1s, on: comment, error: {status: 500, rate: 50%}, route: GET /v1/posts/*}
          - {at: 20s, for: 1s, on: load -> post, down: {}}
          - {at: 25s, for: 1s, on: user, pause: }

        thresholds:
          - read-timeline p(99.9)<=400ms during fault
          - success > 99%
          - errors <= 0.01 during recovery
          - mean < 1.5s
          - recovers within 5s with everything

        policies:
          post -> comment: {retry: {attempts: 3}}

        variants:
          none: {all: disabled}
          everything: {}
        """

    private func full() throws -> Scenario { try Scenario.parse(Self.full) }

    @Test("the head of a script is read")
    func head() throws {
        let scenario = try full()
        #expect(scenario.name == "comment-brownout")
        #expect(scenario.system == .social)
        #expect(scenario.seed == .max)
        #expect(scenario.population == .init(users: 50, friends: 5, posts: 100, comments: 0, skew: 1.2))
        #expect(scenario.connections == .init(strategy: .perUser, limitPerTarget: 64))
        #expect(scenario.source == Self.full)
    }

    @Test("loads are read with their rates in arrivals a second")
    func load() throws {
        let load = try full().load
        #expect(load.map(\.name) == ["browse", "rush", "loop"])
        #expect(load[0].executor == .constantArrivalRate(perSecond: 300))
        #expect(load[0].arrivals == .poisson)
        #expect(load[0].journeys.map(\.name) == ["read-timeline", "compose-post"])
        #expect(load[0].journeys.map(\.weight) == [70, 30])
        #expect(
            load[1].executor
                == .rampingArrivalRate(
                    startPerSecond: 10,
                    stages: [
                        .init(duration: .seconds(10), targetPerSecond: 110),
                        .init(duration: .seconds(10), targetPerSecond: 0),
                    ]))
        #expect(load[1].duration == .seconds(20))
        #expect(load[1].journeys.map(\.name) == ["read-timeline"])
        #expect(load[2].executor == .constantUsers(3))
        #expect(load[2].duration == .seconds(90))
        #expect(load[2].journeys.map(\.weight) == [1, 1])
    }

    @Test("the time line and the expected arrivals follow from the loads")
    func timeline() throws {
        var scenario = try full()
        #expect(scenario.duration == .seconds(90))
        #expect(scenario.measuredFrom == .seconds(5))
        #expect(scenario.load[0].expectedArrivals == 13_500.0)
        // Two triangles on top of 10/s for ten seconds and a slope from 110/s to 0.
        #expect(scenario.load[1].expectedArrivals == 600.0 + 550.0)
        #expect(scenario.expectedRequests == nil)
        scenario.load.removeLast()
        #expect(scenario.expectedRequests == 2 * 13_500.0 + 2 * 1_150.0)
    }

    @Test("closed loads are read with their users, iterations and longest time")
    func closedLoads() throws {
        let scenario = try Scenario.parse(
            """
            system: {targets: {web: "http://127.0.0.1:1"}}
            max-in-flight: 500
            workers: 3
            load:
              ramp:
                executor: ramping-vus
                start-vus: 2
                warmup: 3s
                graceful-stop: 5s
                stages: [{duration: 10s, target: 20}, {duration: 1m, target: 0}]
              fixed: {executor: shared-iterations, vus: 4, iterations: 1000, start: 2s, max-duration: 3m}
              short: {executor: shared-iterations, vus: 1, iterations: 1}
            journeys: {home: [{get: /}]}
            """)
        let load = scenario.load
        #expect(
            load[0].executor
                == .rampingUsers(
                    start: 2,
                    stages: [.init(duration: .seconds(10), target: 20), .init(duration: .seconds(60), target: 0)]))
        #expect(load[0].duration == .seconds(70) && load[0].end == .seconds(73))
        #expect(load.map(\.gracefulStop) == [.seconds(5), .seconds(30), .seconds(30)])
        #expect(load[1].executor == .sharedIterations(users: 4, iterations: 1000))
        #expect(load[1].duration == .seconds(180) && load[2].duration == .seconds(600))
        #expect(load[0].expectedArrivals == nil && load[1].expectedArrivals == 1000)
        #expect(scenario.maxInFlight == 500)
        #expect(scenario.workers == 3)
    }

    @Test(
        "measuring begins when every load with a warm-up has ended it",
        arguments: [
            (["start: 0s", "start: 4s"], 0), (["start: 3s", "start: 2s"], 2), (["warmup: 5s", "start: 0s"], 5),
            (["warmup: 5s", "start: 3s, warmup: 4s"], 7), (["start: 6s", "start: 1s, warmup: 1s"], 2),
        ])
    func measuredFrom(loads: [String], seconds: Int) throws {
        let entries = loads.enumerated().map { index, keys in
            "  l\(index): {executor: constant-arrival-rate, rate: 10/s, duration: 30s, \(keys)}"
        }
        let scenario = try Scenario.parse(
            "system: {targets: {web: \"http://127.0.0.1:1\"}}\nload:\n\(entries.joined(separator: "\n"))\n"
                + "journeys: {home: [{get: /}]}")
        #expect(scenario.measuredFrom == .seconds(seconds))
    }

    @Test("phases are planned from the first fault's begin to the last one's end")
    func phases() throws {
        var scenario = try full()
        scenario.load.removeLast(2)
        #expect(
            scenario.plannedPhases == [
                .init(name: "baseline", start: .seconds(5), end: .seconds(15)),
                .init(name: "fault", start: .seconds(15), end: .seconds(26)),
                .init(name: "recovery", start: .seconds(26), end: .seconds(45)),
            ])
        scenario.faults = []
        #expect(scenario.plannedPhases == [.init(name: "whole", start: .seconds(5), end: .seconds(45))])
    }

    @Test("steps are read in their order, with their pauses")
    func steps() throws {
        let steps = try #require(try full().journeys.first).steps
        let thinks = steps.compactMap { if case .think(let think) = $0 { think } else { nil } }
        #expect(
            thinks == [
                .fixed(.seconds(1)), .uniform(.milliseconds(500), .seconds(2)), .uniform(.seconds(1), .seconds(3)),
                .exponential(.seconds(2)),
            ])
        guard case .request(let first) = steps[0], case .request(let last) = steps[5] else {
            Issue.record("no requests")
            return
        }
        #expect(first.method == "GET")
        #expect(first.path == "/v1/timelines/home?limit=20")
        #expect(first.label == "GET /v1/timelines/home")
        #expect(first.asSomeone)
        #expect(first.expectedStatuses == [200])
        #expect(
            first.captures == [
                .init(variable: "post", source: .json("$.items[0].id")),
                .init(variable: "etag", source: .header("ETag"), absence: .leavesEmpty),
            ])
        #expect(last.label == "GET /v1/posts/{post}/comments")
        #expect(last.when == .init(left: "${post}"))
        #expect(last.timeout == .milliseconds(250))
        #expect(!last.asSomeone)
    }

    @Test("bodies become JSON with the script's types and order")
    func bodies() throws {
        let steps = try full().journeys[1].steps
        guard case .request(let compose) = steps[0], case .request(let form) = steps[1] else {
            Issue.record("no requests")
            return
        }
        #expect(compose.label == "compose")
        #expect(compose.headers.map(\.name) == ["If-Match"])
        #expect(compose.expectedStatuses == [201, 202])
        #expect(
            compose.body
                == .json(#"{"text":"he said \"${text(20)}\"","draft":false,"n":3,"tags":["a",null],"quoted":"3"}"#))
        #expect(form.body == .raw("a=${uuid}", contentType: "application/x-www-form-urlencoded"))
        #expect(form.label == "PUT /v1/{random}")
    }

    @Test("faults are read with their place, kind and time")
    func faults() throws {
        let route = try #require(RoutePattern("GET /v1/posts/*"))
        let faults = try full().faults
        #expect(
            faults == [
                Fault(
                    location: .edge(from: "post", to: "comment"),
                    kind: .latency(mean: .milliseconds(800), jitter: .milliseconds(100)), start: .seconds(15),
                    duration: .seconds(10)),
                Fault(
                    location: .service("comment"), kind: .error(status: 500, rate: 0.5), route: route,
                    start: .seconds(20),
                    duration: .seconds(1)),
                Fault(
                    location: .edge(from: "load", to: "post"), kind: .down, start: .seconds(20), duration: .seconds(1)),
                Fault(location: .service("user"), kind: .pause, start: .seconds(25), duration: .seconds(1)),
            ])
        #expect(faults[1].serviceFault == ServiceFault(route: route, kind: .error(status: 500), rate: 0.5))
        #expect(faults[0].serviceFault == nil)
        #expect(faults[3].serviceFault == nil)
    }

    @Test("thresholds are read with nanoseconds and shares")
    func thresholds() throws {
        #expect(
            try full().thresholds == [
                .init(
                    expression: "read-timeline p(99.9)<=400ms during fault", journey: "read-timeline",
                    metric: .time(.percentile(99.9)), comparison: .lessOrEqual, value: 4e8, part: .phase("fault")),
                .init(expression: "success > 99%", metric: .share(.success), comparison: .greater, value: 0.99),
                .init(
                    expression: "errors <= 0.01 during recovery", metric: .share(.errors), comparison: .lessOrEqual,
                    value: 0.01, part: .phase("recovery")),
                .init(expression: "mean < 1.5s", metric: .time(.mean), comparison: .less, value: 1.5e9),
                .init(
                    expression: "recovers within 5s with everything", metric: .recovery, comparison: .lessOrEqual,
                    value: 5e9,
                    variant: "everything"),
            ])
    }

    @Test("variants keep their order and their edits")
    func variants() throws {
        let scenario = try full()
        #expect(scenario.variants.map(\.name) == ["none", "everything"])
        #expect(scenario.policies.pipelineNames == ["post -> comment"])
        #expect(!scenario.variants[0].edits.isEmpty)
        #expect(scenario.variants[1].edits.isEmpty)
    }

    @Test("a script for other servers has their names as targets")
    func targets() throws {
        let scenario = try Scenario.parse(
            """
            system:
              targets:
                web: https://example.com:8443
                api: {url: "http://[::1]:80", verify: false}
            load: {all: {executor: constant-vus, vus: 1, duration: 1s}}
            journeys: {home: [{get: /, service: web}]}
            """)
        #expect(
            scenario.system
                == .targets([
                    .init(name: "web", url: "https://example.com:8443"),
                    .init(name: "api", url: "http://[::1]:80", verify: false),
                ]))
        #expect(scenario.name == "scenario")
        #expect(scenario.variants.map(\.name) == ["default"])
    }

    @Test("connections and TLS have settings of their own")
    func connectionSettings() throws {
        let scenario = try Scenario.parse(
            """
            system:
              targets:
                web:
                  url: https://example.com:8443
                  tls: {min-version: 1.3, cipher-suites: TLS_AES_128_GCM_SHA256, alpn: [], server-name: inside.example}
            connections:
              strategy: per-request
              limit: 20
              connect-timeout: 2s
              wait-timeout: 500ms
              idle-timeout: 10s
              max-requests: 100
              max-age: 1m
              spread: 25%
              dns: {refresh: 30s}
              tls-resumption: false
            load: {all: {executor: constant-vus, vus: 1, duration: 1s}}
            journeys: {home: [{get: /, service: web}]}
            """)
        var connections = Scenario.Connections(strategy: .perRequest, limitPerTarget: 20)
        connections.connectTimeout = .seconds(2)
        connections.waitTimeout = .milliseconds(500)
        connections.idleTimeout = .seconds(10)
        connections.maxRequests = 100
        connections.maxAge = .seconds(60)
        connections.spread = 0.25
        connections.dnsRefresh = .seconds(30)
        connections.tlsResumption = false
        #expect(scenario.connections == connections)
        var target = Scenario.Target(name: "web", url: "https://example.com:8443")
        target.tls.minimumVersion = .tls13
        target.tls.cipherSuites = "TLS_AES_128_GCM_SHA256"
        target.tls.alpn = []
        target.tls.serverName = "inside.example"
        #expect(scenario.system == .targets([target]))
    }

    @Test("a path may begin with a hole, and a target's name may be another than its URL's")
    func location() throws {
        let scenario = try Scenario.parse(
            """
            system: {targets: {web: "http://127.0.0.1:1"}}
            load: {all: {executor: constant-arrival-rate, rate: 1/s, duration: 5s}}
            journeys:
              follow:
                - {post: /orders, capture: {location: {header: location}}}
                - {get: "${location}", headers: {Host: shop.example}}
                - {get: "${location}/items?limit=1"}
            """)
        let requests = scenario.journeys[0].steps.flatMap(\.requests)
        #expect(requests.map(\.path) == ["/orders", "${location}", "${location}/items?limit=1"])
        #expect(requests.map(\.label) == ["POST /orders", "GET {location}", "GET {location}/items"])
        #expect(requests[1].headers.map(\.name) == ["Host"])
    }
}
