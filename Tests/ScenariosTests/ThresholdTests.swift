// SPDX-License-Identifier: Apache-2.0

import Scenarios
import Testing

@Suite("A threshold in a script")
struct ThresholdTests {
    private typealias Threshold = Scenario.Threshold

    /// A script with one threshold, given as YAML.
    private func threshold(_ yaml: String) throws -> Scenario.Threshold {
        let scenario = try Scenario.parse(
            """
            system: social
            load:
              browse: {executor: constant-arrival-rate, rate: 100/s, duration: 30s, warmup: 5s, journeys: read}
              spike: {executor: constant-arrival-rate, rate: 50/s, duration: 10s, start: 12s, journeys: write}
            journeys:
              read:
                - {get: "/v1/posts/${random.posts.id}", service: post, as: someone}
                - {get: /v1/timelines/home, service: post, as: someone, label: home page, check: {ok: {status: 200}, is-json: {json: $.a}}}
              write:
                - {post: /v1/posts, service: post, as: someone, json: {text: "${text(10)}"}}
            faults:
              - {at: 15s, for: 5s, on: post -> comment, latency: 800ms}
            variants: {none: {all: disabled}, everything: {}}
            thresholds:
              - \(yaml)
            """)
        return try #require(scenario.thresholds.first)
    }

    private static let texts: [(String, Scenario.Threshold.Metric, Double)] = [
        ("p(99) < 400ms", .time(.percentile(99)), 4e8), ("p99.9 < 2s", .time(.percentile(99.9)), 2e9),
        ("med < 10ms", .time(.percentile(50)), 1e7), ("avg < 10ms", .time(.mean), 1e7),
        ("mean<10ms", .time(.mean), 1e7), ("min < 1ms", .time(.min), 1e6), ("max < 1s", .time(.max), 1e9),
        ("p(95) of successes < 1s", .time(.percentile(95), of: .successes), 1e9),
        ("p(95) of all < 1s", .time(.percentile(95), of: .all), 1e9),
        ("p(95) of service-time < 1s", .time(.percentile(95), of: .serviceTime), 1e9),
        ("errors < 1%", .share(.errors), 0.01), ("errors rate < 0.01", .share(.errors), 0.01),
        ("error-rate < 1%", .share(.errors), 0.01), ("errors count == 0", .number(.errors), 0),
        ("success-rate > 99%", .share(.success), 0.99), ("checks > 99.5%", .share(.checks), 0.995),
        ("checks{ok} > 99%", .check("ok"), 0.99), ("checks{ok} rate>0.99", .check("ok"), 0.99),
        ("checks{is-json}==100%", .check("is-json"), 1),
        ("dropped < 0.1%", .share(.dropped), 0.001), ("never-started count < 5", .number(.dropped), 5),
        ("requests count >= 1000", .number(.requests), 1000), ("rate > 290/s", .rate, 290),
        ("goodput > 18000/m", .goodput, 300), ("recovers within 5s", .recovery, 5e9),
    ]

    @Test("has k6's metrics and some more", arguments: texts)
    func metrics(text: String, metric: Scenario.Threshold.Metric, value: Double) throws {
        let threshold = try threshold(text)
        #expect(threshold.metric == metric)
        #expect(abs(threshold.value - value) <= value * 1e-12)
        #expect(threshold.expression == text)
        #expect(threshold.part == nil && threshold.windowSeconds == nil && threshold.abort == nil)
    }

    private static let scopes: [(String, String?, String?)] = [
        ("max < 1s", nil, nil), ("read max < 1s", "read", nil),
        ("POST /v1/posts max < 1s", nil, "POST /v1/posts"),
        ("read GET /v1/posts/{posts.id} max < 1s", "read", "GET /v1/posts/{posts.id}"),
        ("read home page max < 1s", "read", "home page"), ("read 'home page' max<1s", "read", "home page"),
    ]

    @Test("is about everything, a journey, a step or a step of a journey", arguments: scopes)
    func scope(text: String, journey: String?, step: String?) throws {
        let threshold = try threshold(text)
        #expect(threshold.journey == journey)
        #expect(threshold.step == step)
    }

    private static let parts: [(String, Scenario.Threshold.Part?, Int?, String?)] = [
        ("max < 1s during fault", .phase("fault"), nil, nil), ("max < 1s over 10s", nil, 10, nil),
        ("max < 1s with everything over 3s during recovery", .phase("recovery"), 3, "everything"),
        ("max < 1s during 10s..20s", .time(from: .seconds(10), to: .seconds(20)), nil, nil),
        ("max < 1s during spike over 2s", .time(from: .seconds(12), to: .seconds(22)), 2, nil),
    ]

    @Test("is about a phase, a load's own time, a stretch of time, a sliding window or a variant", arguments: parts)
    func part(text: String, part: Scenario.Threshold.Part?, window: Int?, variant: String?) throws {
        let threshold = try threshold(text)
        #expect(threshold.part == part)
        #expect(threshold.windowSeconds == window)
        #expect(threshold.variant == variant)
    }

    private static let aborts: [(String, Scenario.Threshold.Abort?)] = [
        ("{threshold: max < 1s}", nil), ("{threshold: max < 1s, abort: false}", nil),
        ("{threshold: max < 1s, abort: true}", .init()),
        ("{threshold: max < 1s over 10s, abort: {after: 5s}}", .init(after: .seconds(5))),
        ("{threshold: max < 1s, abort: {ends: experiment}}", .init(endsExperiment: true)),
        ("{threshold: max < 1s, abort: {after: 1s, ends: run}}", .init(after: .seconds(1))),
    ]

    @Test("may end the run, or the experiment, when it is missed", arguments: aborts)
    func abort(yaml: String, abort: Scenario.Threshold.Abort?) throws {
        #expect(try threshold(yaml).abort == abort)
    }

    @Test("of a check that the scenario does not have is refused, also when it is not in the script")
    func unknownCheck() throws {
        let scenario = try Scenario.parse(
            """
            system: {targets: {web: "http://127.0.0.1:1"}}
            load: {all: {executor: constant-arrival-rate, rate: 1/s, duration: 5s}}
            journeys: {home: [{get: /, check: {created: {status: 201}}}], more: [{get: /more}]}
            """)
        #expect(try scenario.threshold("home checks{created} > 99%").metric == .check("created"))
        #expect {
            try scenario.threshold("more checks{created} > 99%")
        } throws: { error in
            (error as? ThresholdText.Malformed)?.message.hasPrefix("there is no check 'created' in the journey 'more'")
                == true
        }
    }

    @Test("can be read for a scenario from a text of its own, which says where it is wrong")
    func ownText() throws {
        let scenario = try Scenario.parse(
            """
            system: {targets: {web: "http://127.0.0.1:1"}}
            load: {all: {executor: constant-arrival-rate, rate: 1/s, duration: 5s}}
            journeys: {home: [{get: /}]}
            """)
        #expect(try scenario.threshold("home p99 < 100ms").journey == "home")
        #expect {
            try scenario.threshold("p99 < 100")
        } throws: { error in
            (error as? ThresholdText.Malformed)
                == .init(message: "'100' is not a duration: it has no unit; write for example 100ms or 100s", offset: 6)
        }
    }
}
