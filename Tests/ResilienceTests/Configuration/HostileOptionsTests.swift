// SPDX-License-Identifier: Apache-2.0

import Testing

@testable import Resilience

/// Options that nobody can type into a configuration, because they are set in code, with the places where they are
/// wrong.
struct HostileOptions: Sendable, CustomTestStringConvertible {
    let kind: PolicyKind
    let keys: [String]
    /// Makes a pipeline's configuration of it in a block.
    let build: @Sendable () throws -> Void
    let configure: @Sendable (inout PipelineConfiguration) -> Void
    /// Makes the policy beside a pipeline; nil for those that exist only in one.
    let makeAlone: (@Sendable () throws -> Void)?
    let testDescription: String

    private init<Options: PolicyOptions>(
        _ kind: PolicyKind, _ options: Options, _ keys: [String],
        _ path: any WritableKeyPath<PipelineConfiguration, PolicySetting<Options>> & Sendable,
        build: @escaping @Sendable () throws -> Void, alone: (@Sendable () throws -> Void)? = nil
    ) {
        self.kind = kind
        self.keys = keys
        self.build = build
        configure = { $0[keyPath: path] = PolicySetting(mode: .enforced, options: options) }
        makeAlone = alone
        testDescription = "\(kind.rawValue) \(keys): \(options)"
    }

    static func breaker(_ options: CircuitBreakerOptions, _ keys: String...) -> Self {
        Self(
            .circuitBreaker, options, keys, \.circuitBreaker, build: { _ = try PipelineConfiguration { options } },
            alone: { _ = try CircuitBreaker(options) })
    }

    static func retry(_ options: RetryOptions, _ keys: String...) -> Self {
        Self(
            .retry, options, keys, \.retry, build: { _ = try PipelineConfiguration { options } })
    }

    static func rate(_ options: RateLimiterOptions, _ keys: String...) -> Self {
        Self(
            .rateLimiter, options, keys, \.rateLimiter, build: { _ = try PipelineConfiguration { options } },
            alone: { _ = try RateLimiter(options) })
    }

    static func hedge(_ options: HedgeOptions, _ keys: String...) -> Self {
        Self(
            .hedge, options, keys, \.hedge, build: { _ = try PipelineConfiguration { options } },
            alone: { _ = try Hedge(options) })
    }

    static func shedder(_ options: LoadShedderOptions, _ keys: String...) -> Self {
        Self(
            .loadShedder, options, keys, \.loadShedder, build: { _ = try PipelineConfiguration { options } },
            alone: { _ = try LoadShedder(options) })
    }

    static func throttle(_ options: AdaptiveThrottleOptions, _ keys: String...) -> Self {
        Self(
            .adaptiveThrottle, options, keys, \.adaptiveThrottle, build: { _ = try PipelineConfiguration { options } },
            alone: { _ = try AdaptiveThrottle(options) })
    }

    static func limit(_ options: AdaptiveLimitOptions, _ keys: String...) -> Self {
        Self(
            .adaptiveLimit, options, keys, \.adaptiveLimit, build: { _ = try PipelineConfiguration { options } },
            alone: { _ = try AdaptiveLimit(options) })
    }

    static func outliers(_ options: OutlierEjectionOptions, _ keys: String...) -> Self {
        Self(
            .outlierEjection, options, keys, \.outlierEjection, build: { _ = try PipelineConfiguration { options } },
            alone: { _ = try OutlierEjection(["a"], options: options) })
    }

    static func bulkhead(_ options: BulkheadOptions, _ keys: String...) -> Self {
        Self(
            .bulkhead, options, keys, \.bulkhead, build: { _ = try PipelineConfiguration { options } })
    }

    static func deadline(_ limit: Duration) -> Self {
        let options = DeadlineOptions(limit: limit)
        return Self(.deadline, options, ["limit"], \.deadline, build: { _ = try PipelineConfiguration { options } })
    }

    static func timeout(_ limit: Duration) -> Self {
        let options = AttemptTimeoutOptions(limit: limit)
        return Self(
            .attemptTimeout, options, ["limit"], \.attemptTimeout, build: { _ = try PipelineConfiguration { options } })
    }

    private static let durations: [HostileOptions] =
        ([.zero, .seconds(-1), .seconds(Int64.max), .seconds(Int64.min)] as [Duration]).flatMap {
            duration -> [HostileOptions] in
            [
                .deadline(duration), .timeout(duration),
                .breaker(CircuitBreakerOptions(window: .time(duration)), "window"),
                .breaker(CircuitBreakerOptions(slowCall: .init(duration: duration)), "slow-call.duration"),
                .breaker(CircuitBreakerOptions(halfOpen: .init(maximumDuration: duration)), "half-open.max-duration"),
                .breaker(CircuitBreakerOptions(rampUp: .init(duration: duration)), "ramp-up.duration"),
                .rate(RateLimiterOptions(rate: CallRate(1, per: duration)), "rate"),
                .hedge(HedgeOptions(window: duration), "window"),
                .outliers(OutlierEjectionOptions(window: duration), "window"),
                .limit(AdaptiveLimitOptions(window: duration), "window"),
                .limit(AdaptiveLimitOptions(maximumHealthy: duration), "max-healthy"),
                .limit(AdaptiveLimitOptions(probe: .init(interval: duration)), "probe.interval"),
            ]
        }

    private static let ratios: [HostileOptions] =
        [Double.nan, .infinity, -.infinity, -0.1, 1.000_001].flatMap { ratio -> [HostileOptions] in
            [
                .breaker(CircuitBreakerOptions(failureRate: ratio), "failure-rate"),
                .breaker(CircuitBreakerOptions(slowCall: .init(duration: .seconds(1), rate: ratio)), "slow-call.rate"),
                .breaker(CircuitBreakerOptions(open: .init(jitter: ratio)), "open.jitter"),
                .breaker(CircuitBreakerOptions(rampUp: .init(share: ratio)), "ramp-up.share"),
                .throttle(AdaptiveThrottleOptions(maximumRejection: ratio), "max-rejection"),
                .outliers(OutlierEjectionOptions(failureRate: ratio), "failure-rate"),
                .outliers(OutlierEjectionOptions(maximumShare: ratio), "max-share"),
            ]
        }

    private static let numbers: [HostileOptions] =
        [Double.nan, .infinity, -1, 1e300].flatMap { number -> [HostileOptions] in
            [
                .breaker(CircuitBreakerOptions(open: .init(multiplier: number)), "open.multiplier"),
                .retry(RetryOptions(backoff: .init(multiplier: number)), "backoff.multiplier"),
                .retry(RetryOptions(budget: .init(ratio: number)), "budget.ratio"),
                .retry(RetryOptions(budget: .init(floorPerSecond: number)), "budget.floor-per-second"),
                .hedge(HedgeOptions(delay: .percentile(number)), "delay"),
                .hedge(HedgeOptions(budget: .init(ratio: number)), "budget.ratio"),
                .throttle(AdaptiveThrottleOptions(multiplier: number), "multiplier"),
            ]
        }

    private static let counts: [HostileOptions] =
        [-1, Int.min, Int.max].flatMap { number -> [HostileOptions] in
            [
                .breaker(CircuitBreakerOptions(window: .count(number)), "window"),
                .breaker(CircuitBreakerOptions(consecutiveFailures: number), "consecutive-failures"),
                .breaker(CircuitBreakerOptions(minimumCalls: number), "minimum-calls"),
                .breaker(CircuitBreakerOptions(halfOpen: .init(probes: number)), "half-open.probes"),
                .breaker(CircuitBreakerOptions(rampUp: .init(steps: number)), "ramp-up.steps"),
                .retry(RetryOptions(attempts: number), "attempts"),
                .rate(RateLimiterOptions(rate: .perSecond(number)), "rate"),
                .rate(RateLimiterOptions(rate: .perSecond(1), burst: number), "burst"),
                .bulkhead(BulkheadOptions(limit: number, queue: number), "limit", "queue"),
                .shedder(LoadShedderOptions(limit: .fixed(number)), "limit"),
                .shedder(LoadShedderOptions(limit: 1, queue: .init(capacity: number)), "queue.capacity"),
                .hedge(HedgeOptions(attempts: number, minimumSamples: number), "attempts", "minimum-samples"),
                .hedge(HedgeOptions(budget: .init(burst: number)), "budget.burst"),
                .limit(AdaptiveLimitOptions(minimumCalls: number, queue: number), "minimum-calls", "queue"),
                .limit(AdaptiveLimitOptions(probe: .init(limit: number)), "probe.limit"),
                .throttle(AdaptiveThrottleOptions(minimumCalls: number), "minimum-calls"),
                .outliers(OutlierEjectionOptions(consecutiveFailures: number), "consecutive-failures"),
            ]
        }

    private static let single: [HostileOptions] =
        [
            .breaker(CircuitBreakerOptions(window: .count(0)), "window"),
            .breaker(CircuitBreakerOptions(halfOpen: .init(probes: 0)), "half-open.probes"),
            .rate(RateLimiterOptions(rate: CallRate(0, per: .seconds(1))), "rate"),
            .retry(RetryOptions(attempts: 0, budget: .init(ratio: .nan)), "attempts", "budget.ratio"),
            .retry(
                RetryOptions(backoff: .init(base: .seconds(-1)), maximumRetryAfter: .seconds(Int64.max)),
                "backoff.base", "max-retry-after"),
        ]

    static let all = durations + ratios + numbers + counts + single
}

@Suite("Options set in code")
struct HostileOptionsTests {
    /// The places that the error names, below the policy's; nil when nothing was thrown.
    func places(below prefix: [String], _ body: () throws -> Void) -> [String]? {
        do {
            try body()
            return nil
        } catch let error as ConfigurationFaults {
            #expect(error.faults.allSatisfy { $0.message.contains("expected ") }, "each says what is allowed")
            return error.faults.map { $0.path.dropFirst(prefix.count).joined(separator: ".") }
        } catch {
            return ["\(error)"]
        }
    }

    @Test("are held to the same bounds as configuration, whichever way they come in", arguments: HostileOptions.all)
    func bounds(options: HostileOptions) throws {
        let kind = options.kind.rawValue
        var configuration = PipelineConfiguration()
        options.configure(&configuration)
        #expect(places(below: [kind], options.build) == options.keys)
        #expect(
            places(below: ["p", kind]) { _ = try ResiliencePipeline(name: "p", configuration: configuration) }
                == options.keys)
        let pipeline = try ResiliencePipeline(name: "p")
        #expect(places(below: ["p", kind]) { try pipeline.apply(configuration) } == options.keys)
        #expect(pipeline.configuration == PipelineConfiguration(), "nothing of it was applied")
        if let makeAlone = options.makeAlone { #expect(places(below: [], makeAlone) == options.keys) }
    }

    @Test("that are wrong in several policies are all listed at once")
    func together() {
        var configuration = PipelineConfiguration()
        configuration.circuitBreaker = PolicySetting(
            mode: .enforced, options: CircuitBreakerOptions(window: .count(0), halfOpen: .init(probes: 0)))
        configuration.retry = PolicySetting(mode: .shadow, options: RetryOptions(attempts: 0))
        configuration.bulkhead = PolicySetting(mode: .disabled, options: BulkheadOptions(limit: -1))
        #expect(
            configuration.faults().map(\.description) == [
                "retry: attempts: expected a whole number from 1 to 100, not 0",
                "circuit-breaker: window: expected a duration from 10ms to 1h, or a number of calls from 1 to 100000, not 0",
                "circuit-breaker: half-open: probes: expected a whole number from 1 to 1000, not 0",
                "bulkhead: limit: expected a whole number from 0 to 1000000, not -1",
            ])
    }

    @Test("can't force anything open but a circuit breaker", arguments: [PolicyMode.forcedOpen, .forcedClosed])
    func modes(mode: PolicyMode) throws {
        for kind in PolicyKind.allCases {
            var configuration = PipelineConfiguration()
            configuration[kind].mode = mode
            let faults = configuration.faults()
            #expect(faults.contains { $0.path == [kind.rawValue, "mode"] } == (kind != .circuitBreaker))
            if kind == .circuitBreaker { #expect(faults.isEmpty) }
        }
    }

    @Test("the options that everything starts with are within their bounds")
    func blank() {
        func check<Options: PolicyOptions>(_ type: Options.Type) {
            var faults: [ConfigurationFault] = []
            ConfigurationField.check(Options.fields, .blank, at: [], &faults)
            #expect(faults.isEmpty)
            #expect(Options.blank.contradictions().isEmpty)
        }
        check(FallbackOptions.self)
        check(DeadlineOptions.self)
        check(LoadShedderOptions.self)
        check(RetryOptions.self)
        check(HedgeOptions.self)
        check(CircuitBreakerOptions.self)
        check(AdaptiveThrottleOptions.self)
        check(RateLimiterOptions.self)
        check(BulkheadOptions.self)
        check(AdaptiveLimitOptions.self)
        check(AttemptTimeoutOptions.self)
        check(OutlierEjectionOptions.self)
    }
}
