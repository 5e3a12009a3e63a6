// SPDX-License-Identifier: Apache-2.0

import Testing

@testable import Resilience

@Suite("Policy configuration")
struct ConfigurationTests {
    /// The messages of everything that is wrong with the edits, read and applied.
    func faults(_ tree: ConfigurationValue) -> [String] {
        do throws(ConfigurationFaults) {
            var set = PolicySet()
            try set.apply(PolicyEdits(tree))
            return []
        } catch {
            return error.faults.map(\.description)
        }
    }

    @Test("the schema of the documentation is read as it is meant")
    func wholeSchema() throws {
        var set = PolicySet()
        try set.apply(
            PolicyEdits([
                "post -> comment": [
                    "deadline": "3s", "attempt-timeout": "250ms",
                    "retry": [
                        "attempts": 3, "backoff": ["base": "20ms", "cap": "1s", "jitter": "full"], "budget": "10%",
                    ],
                    "circuit-breaker": [
                        "failure-rate": "50%", "window": "10s", "open": "2s", "minimum-calls": 20,
                        "slow-call": ["duration": "400ms", "rate": 0.8],
                    ],
                    "bulkhead": ["limit": 32, "queue": 16], "fallback": [:],
                    "load-shedder": ["limit": "adaptive", "queue": ["capacity": 50, "target": "10ms"]],
                    "adaptive-throttle": 1.5, "rate-limiter": ["rate": "100/s", "max-wait": "50ms"],
                    "adaptive-limit": ["algorithm": "vegas", "queue": 8, "max-wait": "20ms"],
                    "outlier-ejection": ["consecutive-failures": 3], "hedge": "p95",
                ]
            ]))
        let configuration = set.configuration(for: "post -> comment")
        #expect(configuration.attemptTimeout.options?.limit == .milliseconds(250))
        #expect(configuration.retry.options?.budget?.ratio == 0.1)
        #expect(configuration.retry.options?.backoff.base == .milliseconds(20))
        #expect(configuration.circuitBreaker.options?.open.base == .seconds(2))
        #expect(configuration.circuitBreaker.options?.slowCall == .init(duration: .milliseconds(400), rate: 0.8))
        #expect(configuration.bulkhead.options == BulkheadOptions(limit: 32, queue: 16))
        #expect(configuration.loadShedder.options?.limit == .adaptive)
        #expect(configuration.loadShedder.options?.queue.target == .milliseconds(10))
        #expect(configuration.adaptiveThrottle.options?.multiplier == 1.5)
        #expect(configuration.rateLimiter.options?.rate == .perSecond(100))
        #expect(configuration.adaptiveLimit.options?.algorithm == .vegas)
        #expect(configuration.adaptiveLimit.options?.queue == 8)
        #expect(configuration.outlierEjection.options?.consecutiveFailures == 3)
        #expect(configuration.policies.allSatisfy { $0.mode == .enforced })
        #expect(set.configuration(for: "another").policies.allSatisfy { $0.mode == .disabled })
    }

    @Test("what a snapshot prints can be read again and means the same")
    func roundTrip() throws {
        var set = PolicySet()
        try set.apply(
            PolicyEdits([
                "a": [
                    "retry": ["attempts": 5, "budget": "off"], "bulkhead": ["limit": 3, "order": "lifo"],
                    "circuit-breaker": ["window": 50, "failure-rate": "off", "consecutive-failures": 5],
                    "attempt-timeout": "1.5s", "fallback": "shadow", "load-shedder": 7, "rate-limiter": "3/m",
                    "adaptive-limit": ["probe": "off", "max-healthy": "80ms"], "adaptive-throttle": "shadow",
                ]
            ]))
        let printed = set.configuration(for: "a").policies.map { policy in
            var map = policy.configuration
            map["mode"] = .string(policy.mode.rawValue)
            return ConfigurationMap.Entry(policy.kind.rawValue, .map(map))
        }
        var again = PolicySet()
        try again.apply(PolicyEdits(["a": .map(ConfigurationMap(printed))]))
        #expect(again == set)
    }

    @Test("edits change what they name and keep the rest; a mode word keeps the options")
    func merging() throws {
        var set = PolicySet()
        try set.apply(PolicyEdits(["a": ["retry": ["attempts": 7, "backoff": "10ms"]]]))
        try set.apply(PolicyEdits(["all": "disabled", "a": ["retry": ["budget": "50%", "mode": "shadow"]]]))
        let retry = set.configuration(for: "a").retry
        #expect(retry.mode == .shadow)
        #expect(retry.options?.attempts == 7)
        #expect(retry.options?.backoff.base == .milliseconds(10))
        #expect(retry.options?.budget?.ratio == 0.5)
    }

    @Test("setting options switches on what is disabled, and leaves every other mode as it is")
    func modesStay() throws {
        for mode in ["shadow", "forced-open", "forced-closed"] as [ConfigurationValue] {
            var set = PolicySet()
            try set.apply(PolicyEdits(["a": ["circuit-breaker": mode]]))
            let before = set.configuration(for: "a").circuitBreaker.mode
            for edit in [["open": "20s"], [:]] as [ConfigurationValue] {
                try set.apply(PolicyEdits(["a": ["circuit-breaker": edit]]))
                #expect(set.configuration(for: "a").circuitBreaker.mode == before)
            }
            #expect(set.configuration(for: "a").circuitBreaker.options?.open.base == .seconds(20))
        }
        var set = PolicySet()
        try set.apply(PolicyEdits(["a": ["retry": "shadow", "attempt-timeout": ["limit": "1s", "mode": "shadow"]]]))
        try set.apply(PolicyEdits(["a": ["retry": 5, "attempt-timeout": "2s"]]))
        #expect(set.configuration(for: "a").retry.mode == .shadow)
        #expect(set.configuration(for: "a").attemptTimeout.mode == .shadow)
        try set.apply(PolicyEdits(["a": ["retry": "disabled"]]))
        try set.apply(PolicyEdits(["a": ["retry": ["attempts": 4]]]))
        #expect(set.configuration(for: "a").retry.mode == .enforced)
    }

    @Test("nothing removes: a policy set to null is disabled and keeps its options, as in a merge patch")
    func null() throws {
        var set = PolicySet()
        try set.apply(PolicyEdits(["a": ["retry": nil, "circuit-breaker": ["slow-call": nil]]]))
        #expect(set.configuration(for: "a").retry.mode == .disabled)
        #expect(set.configuration(for: "a").circuitBreaker.options?.slowCall == nil)
        try set.apply(PolicyEdits(["a": ["retry": 7]]))
        try set.apply(PolicyEdits(["a": ["retry": nil]]))
        #expect(set.configuration(for: "a").retry.mode == .disabled)
        #expect(set.configuration(for: "a").retry.options?.attempts == 7)
    }

    @Test("all is applied first, whatever its place, and to pipelines that nobody has named")
    func allFirst() throws {
        var set = PolicySet()
        try set.apply(PolicyEdits(["a": ["retry": 2], "all": ["retry": "disabled", "attempt-timeout": "1s"]]))
        #expect(set.configuration(for: "a").retry.mode == .enforced)
        #expect(set.configuration(for: "b").attemptTimeout.options?.limit == .seconds(1))
        try set.apply(PolicyEdits(["all": "enforced"]))
        #expect(set.configuration(for: "b").retry.mode == .enforced)
        #expect(set.configuration(for: "b").bulkhead.mode == .disabled, "it has no limit")
        #expect(set.configuration(for: "b").adaptiveThrottle.mode == .disabled, "nobody asked for it by name")
        try set.apply(PolicyEdits(["a": ["bulkhead": 5]]))
        try set.apply(PolicyEdits(["all": ["bulkhead": "shadow"]]))
        #expect(set.configuration(for: "a").bulkhead.mode == .shadow)
        #expect(set.configuration(for: "b").bulkhead.mode == .disabled)
    }

    @Test("every mistake is reported at once, with its place, what is allowed and what was probably meant")
    func allFaults() {
        #expect(
            faults([
                "post -> comment": [
                    "retyr": 3, "retry": ["attempts": 0, "backoff": ["jitter": "ful"]], "bulkhead": ["limit": "many"],
                    "attempt-timeout": "250", "circuit-breaker": ["failure-rate": "150%", "mode": "forced-opn"],
                ],
                "user": "enforcd", "post": 5,
            ]) == [
                "post -> comment: retyr: unknown key; did you mean retry? (allowed: fallback, deadline, load-shedder, retry, hedge, circuit-breaker, adaptive-throttle, rate-limiter, bulkhead, adaptive-limit, attempt-timeout, outlier-ejection, all)",
                "post -> comment: retry: attempts: expected a whole number from 1 to 100, not 0",
                "post -> comment: retry: backoff: jitter: expected one of none, full, equal, decorrelated, not \"ful\"; did you mean full? (allowed: none, full, equal, decorrelated)",
                "post -> comment: bulkhead: limit: expected a whole number from 0 to 1000000, not \"many\"",
                "post -> comment: attempt-timeout: expected a duration such as 250ms or 2s from 1ms to 1h, not \"250\"",
                "post -> comment: circuit-breaker: mode: expected a mode, not \"forced-opn\"; did you mean forced-open? (allowed: disabled, shadow, enforced, forced-open, forced-closed)",
                "post -> comment: circuit-breaker: failure-rate: expected a ratio from 0.01% to 100%, written 0.1 or 10%, or off, not \"150%\"",
                "user: expected a mode for all policies or a mapping, not \"enforcd\"; did you mean enforced? (allowed: disabled, shadow, enforced)",
                "post: expected a mode for all policies or a mapping, not 5 (allowed: disabled, shadow, enforced)",
            ])
    }

    @Test("every bad field of every policy is listed with what it allows")
    func everyPolicy() {
        #expect(
            faults([
                "a": [
                    "load-shedder": ["limit": "lots", "queue": ["capacity": -1, "target": "20s"]],
                    "hedge": ["delay": "p20", "attempts": 9],
                    "adaptive-throttle": ["multiplier": 0.5, "max-rejection": "200%"],
                    "rate-limiter": ["rate": "100", "burst": 0],
                    "adaptive-limit": ["algorithm": "vegs", "queue": -1, "max-wait": "2h"],
                    "outlier-ejection": ["max-share": 2, "base": "0s"],
                ]
            ]) == [
                "a: load-shedder: limit: expected a whole number from 0 to 100000, or adaptive, not \"lots\"",
                "a: load-shedder: queue: capacity: expected a whole number from 0 to 100000, not -1",
                "a: load-shedder: queue: target: expected a duration such as 250ms or 2s from 1ms to 10s, not \"20s\"",
                "a: hedge: delay: expected a duration such as 50ms from 0s to 1h, or a percentile from p50 to p99.9, not \"p20\"",
                "a: hedge: attempts: expected a whole number from 1 to 5, not 9",
                "a: adaptive-throttle: multiplier: expected a number from 1.0 to 100.0, not 0.5",
                "a: adaptive-throttle: max-rejection: expected a ratio from 0.01% to 100%, written 0.1 or 10%, not \"200%\"",
                "a: rate-limiter: rate: expected a rate such as 100/s, 3/m or 1/250ms, of 1 to 1000000 calls in 1ms to 24h, not \"100\"",
                "a: rate-limiter: burst: expected a whole number from 1 to 1000000, or off, not 0",
                "a: adaptive-limit: algorithm: expected one of aimd, vegas, gradient2, not \"vegs\"; did you mean vegas? (allowed: aimd, vegas, gradient2)",
                "a: adaptive-limit: queue: expected a whole number from 0 to 100000, not -1",
                "a: adaptive-limit: max-wait: expected a duration such as 250ms or 2s from 0s to 1h, not \"2h\"",
                "a: outlier-ejection: max-share: expected a ratio from 0% to 100%, written 0.1 or 10%, not 2",
                "a: outlier-ejection: base: expected a duration such as 250ms or 2s from 1ms to 1h, not \"0s\"",
            ])
        #expect(
            faults(["a": ["load-shedder": "adaptive"]]) == [
                "a: load-shedder: limit: adaptive takes the limit of adaptive-limit, which is disabled: set it to shadow or enforced"
            ])
    }

    @Test(
        "each of these is refused with a reason",
        arguments: [
            (["a": ["bulkhead": ["queue": 3]]], "a: bulkhead: can't be enforced before limit is set"),
            (["a": ["attempt-timeout": "enforced"]], "a: attempt-timeout: can't be enforced before limit is set"),
            (
                ["a": ["circuit-breaker": ["failure-rate": "off"]]],
                "a: circuit-breaker: failure-rate: nothing can open the breaker: set failure-rate, slow-call or consecutive-failures"
            ),
            (
                ["a": ["circuit-breaker": ["bad-rate": 0.5]]],
                "a: circuit-breaker: bad-rate: needs slow-call, which says what slow means"
            ),
            (["a": ["retry": ["backoff": ["base": "2s"]]]], "a: retry: backoff: cap 1s is below base 2s"),
            (
                ["a": ["retry": "forced-open"]],
                "a: retry: expected a mode, not \"forced-open\" (allowed: disabled, shadow, enforced)"
            ),
            (
                ["a": ["fallback": 5]],
                "a: fallback: expected a mode or a mapping, not 5 (allowed: disabled, shadow, enforced)"
            ),
            (
                ["a": ["attempt-timeout": "enfroced"]],
                "a: attempt-timeout: unknown mode \"enfroced\"; did you mean enforced? (allowed: disabled, shadow, enforced)"
            ),
            (
                ["a": ["circuit-breaker": ["window": "0s"]]],
                "a: circuit-breaker: window: expected a duration from 10ms to 1h, or a number of calls from 1 to 100000, not \"0s\""
            ),
            (
                ["a": ["retry": [1, 2]]],
                "a: retry: expected a mapping, not a list (allowed: attempts, backoff, budget, max-retry-after, min-attempt-time, mode)"
            ),
            (
                ["a": ["deadline": "1s", "attempt-timeout": "1s"]],
                "a: attempt-timeout: 1s is not below the deadline of the whole call, 1s: it would never act"
            ),
            ("enforced", "expected a mapping from pipeline to policies, not \"enforced\""),
        ] as [(ConfigurationValue, String)])
    func refused(tree: ConfigurationValue, message: String) {
        #expect(faults(tree) == [message])
    }

    @Test(
        "durations",
        arguments: [
            ("250ms", .milliseconds(250)), ("2s", .seconds(2)), ("1m", .seconds(60)), ("1.5s", .milliseconds(1500)),
            ("0s", .zero), ("2 s", .seconds(2)), ("3h", .seconds(10_800)), ("10us", .microseconds(10)), ("250", nil),
            ("s", nil), ("-1s", nil), ("1e3s", nil), ("1.2.3s", nil), ("99999999999999999999s", nil), ("", nil),
            ("9223372036854775807h", nil), ("1 fortnight", nil),
        ] as [(String, Duration?)])
    func durations(text: String, expected: Duration?) {
        #expect(ConfigurationText.duration(text) == expected)
    }

    @Test(
        "durations are written short and read back",
        arguments: [
            (.milliseconds(250), "250ms"), (.seconds(2), "2s"), (.seconds(120), "2m"), (.seconds(90), "90s"),
            (.milliseconds(1500), "1.5s"), (.zero, "0s"), (.microseconds(1250), "1.25ms"), (.nanoseconds(1), "1ns"),
            (.seconds(7200), "2h"),
        ] as [(Duration, String)])
    func formatted(duration: Duration, expected: String) {
        #expect(ConfigurationText.format(duration) == expected)
        #expect(ConfigurationText.duration(expected) == duration)
    }

    @Test(
        "ratios",
        arguments: [("10%", 0.1), ("0.1", 0.1), ("12.5%", 0.125), ("%", nil), ("ten", nil), ("-5%", nil), ("nan", nil)]
            as [(String, Double?)])
    func ratios(text: String, expected: Double?) {
        #expect(ConfigurationText.ratio(text) == expected)
    }

    @Test("a ratio in percent is the same number as without: a rate that is inclusive depends on it")
    func percent() {
        for thousandths in 0...1000 {
            let text = "\(thousandths / 10).\(thousandths % 10)%"
            #expect(ConfigurationText.ratio(text) == Double(thousandths) / 1000, "\(text)")
        }
        #expect(ConfigurationText.ratio("%") == nil && ConfigurationText.ratio(".%") == nil)
    }
}
