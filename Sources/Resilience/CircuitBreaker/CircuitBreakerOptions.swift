// SPDX-License-Identifier: Apache-2.0

/// When a circuit breaker opens, for how long, and how it finds out that the callee is well again.
public struct CircuitBreakerOptions: Sendable, Equatable {
    /// The calls that the rates are taken over.
    public enum Window: Sendable, Equatable {
        /// The calls that ended within the last duration, in ten buckets.
        case time(Duration)
        /// The last calls that ended.
        case count(Int)
    }

    /// What makes a call slow, and how many slow calls are too many.
    public struct SlowCall: Sendable, Equatable {
        /// A call that takes longer is slow; one that takes exactly this long is not. 1 ms … 1 h.
        public var duration: Duration
        /// The share of slow calls at which the breaker opens, inclusive. Above 0, up to 1.
        public var rate: Double

        public init(duration: Duration, rate: Double = 0.8) {
            self.duration = duration
            self.rate = rate
        }
    }

    /// How long the breaker stays open: `base × multiplier^(consecutive openings − 1)`, at most `cap`, then spread by ±
    /// `jitter`.
    public struct OpenTime: Sendable, Equatable {
        /// The first time. 1 ms … 1 h.
        public var base: Duration
        /// The longest time before the spread, at least `base`. Also bounds what a Retry-After can ask for.
        public var cap: Duration?
        /// 1 … 10.
        public var multiplier: Double
        /// The largest relative deviation, so that many clients don't probe at once. 0 … 1.
        public var jitter: Double

        public init(base: Duration = .seconds(5), cap: Duration? = nil, multiplier: Double = 2, jitter: Double = 0.5) {
            self.base = base
            self.cap = cap
            self.multiplier = multiplier
            self.jitter = jitter
        }

        /// `cap`, or 60 s or `base` where that is longer.
        var effectiveCap: Duration {
            cap ?? max(.seconds(60), base)
        }
    }

    /// How the breaker probes.
    public struct HalfOpen: Sendable, Equatable {
        /// The calls let through to find out; the breaker decides as soon as the rest can't change the result. 1 …
        /// 1000.
        public var probes: Int
        /// The longest time for that; when it passes without a decision the breaker opens again. Nil: the longest of
        /// the open time's base, twice the slow-call duration and 10 s.
        public var maximumDuration: Duration?

        public init(probes: Int = 5, maximumDuration: Duration? = nil) {
            self.probes = probes
            self.maximumDuration = maximumDuration
        }
    }

    public var window: Window
    /// The share of failed calls at which the breaker opens, inclusive; nil switches the rule off.
    public var failureRate: Double?
    /// Slow calls; nil switches the rule off.
    public var slowCall: SlowCall?
    /// The share of calls that failed or were slow at which the breaker opens, inclusive; nil switches the rule off.
    /// Needs `slowCall`.
    public var badRate: Double?
    /// The number of failures in a row that opens the breaker whatever the rates say; nil switches the rule off.
    public var consecutiveFailures: Int?
    /// No rate is taken from fewer calls than this. In a count window at most the window.
    public var minimumCalls: Int
    public var open: OpenTime
    public var halfOpen: HalfOpen

    /// The defaults: ten seconds, 50 % failures of at least 20 calls, open for 5 s doubling up to 60 s ± 50 %, five
    /// probes.
    public init(
        window: Window = .time(.seconds(10)), failureRate: Double? = 0.5, slowCall: SlowCall? = nil,
        badRate: Double? = nil,
        consecutiveFailures: Int? = nil, minimumCalls: Int = 20, open: OpenTime = OpenTime(),
        halfOpen: HalfOpen = HalfOpen()
    ) {
        self.window = window
        self.failureRate = failureRate
        self.slowCall = slowCall
        self.badRate = badRate
        self.consecutiveFailures = consecutiveFailures
        self.minimumCalls = minimumCalls
        self.open = open
        self.halfOpen = halfOpen
    }
}

extension CircuitBreakerOptions: PolicyOptions {
    static var blank: CircuitBreakerOptions { CircuitBreakerOptions() }

    static var fields: [ConfigurationField<CircuitBreakerOptions>] {
        [
            .scalar(
                "window", expects: "a duration from 10ms to 1h, or a number of calls from 1 to 100000", \.window,
                write: Window.write, parse: Window.parse),
            .ratio("failure-rate", \.failureRate, in: 0.0001...1),
            .optionalGroup(
                "slow-call", \.slowCall, initial: SlowCall(duration: .seconds(1)), shorthand: "duration",
                [
                    .duration("duration", \.duration, in: .milliseconds(1) ... .seconds(3600)),
                    .ratio("rate", \.rate, in: 0.0001...1),
                ]),
            .ratio("bad-rate", \.badRate, in: 0.0001...1),
            .integer("consecutive-failures", \.consecutiveFailures, in: 1...1_000_000),
            .integer("minimum-calls", \.minimumCalls, in: 1...1_000_000),
            .group(
                "open", \.open, shorthand: "base",
                [
                    .duration("base", \.base, in: .milliseconds(1) ... .seconds(3600)),
                    .duration("cap", \.cap, in: .milliseconds(1) ... .seconds(86_400)),
                    .number("multiplier", \.multiplier, in: 1...10),
                    .ratio("jitter", \.jitter),
                ]),
            .group(
                "half-open", \.halfOpen, shorthand: "probes",
                [
                    .integer("probes", \.probes, in: 1...1000),
                    .duration("max-duration", \.maximumDuration, in: .milliseconds(1) ... .seconds(3600)),
                ]),
        ]
    }

    func contradictions() -> [(key: String, message: String)] {
        var found: [(key: String, message: String)] = []
        if failureRate == nil, slowCall == nil, consecutiveFailures == nil {
            found.append(
                ("failure-rate", "nothing can open the breaker: set failure-rate, slow-call or consecutive-failures"))
        }
        if badRate != nil, slowCall == nil {
            found.append(("bad-rate", "needs slow-call, which says what slow means"))
        }
        if let cap = open.cap, cap < open.base {
            found.append(
                ("open", "cap \(ConfigurationText.format(cap)) is below base \(ConfigurationText.format(open.base))"))
        }
        return found
    }
}

extension CircuitBreakerOptions.Window {
    fileprivate static func write(_ window: Self) -> ConfigurationValue? {
        switch window {
        case .time(let duration): .string(ConfigurationText.format(duration))
        case .count(let calls): .int(calls)
        }
    }

    fileprivate static func parse(_ value: ConfigurationValue) -> Self? {
        switch value {
        case .int(let calls) where (1...100_000).contains(calls): return .count(calls)
        case .string(let text):
            guard let duration = ConfigurationText.duration(text),
                (.milliseconds(10) ... .seconds(3600)).contains(duration)
            else { return nil }
            return .time(duration)
        default: return nil
        }
    }
}
