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
        /// The share of slow calls at which the breaker opens, inclusive. Above 0, up to 1. Calls under way count as
        /// soon as they have taken longer than `duration` (noticed up to an eighth of it later), so that a callee which
        /// hangs opens the breaker before any call returns.
        public var rate: Double

        /// A threshold for slow calls.
        ///
        /// - Parameters:
        ///   - duration: A call that takes longer is slow.
        ///   - rate: The share of slow calls that opens the breaker. Not 100 %, as in resilience4j: a callee that hangs
        ///     still refuses a few calls at once or answers some from memory, and those would keep the breaker closed.
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

        /// An open time; the defaults are 5 s doubling up to 60 s, ± 50 %.
        ///
        /// - Parameters:
        ///   - base: The first time.
        ///   - cap: The longest time; nil: 60 s, or `base` where that is longer.
        ///   - multiplier: By how much each time is longer than the one before.
        ///   - jitter: The largest relative deviation.
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

        /// A way to probe.
        ///
        /// - Parameters:
        ///   - probes: The calls let through to find out.
        ///   - maximumDuration: The longest time for that; nil: see the property.
        public init(probes: Int = 5, maximumDuration: Duration? = nil) {
            self.probes = probes
            self.maximumDuration = maximumDuration
        }
    }

    /// How the breaker comes back after its probes succeeded: in steps, each letting the same multiple of the share of
    /// the one before through, instead of everything at once.
    ///
    /// A callee with cold caches or empty connection pools is well enough for five probes and not for all of its load.
    /// Each step has to bring results, and good ones, before the next begins.
    public struct RampUp: Sendable, Equatable {
        /// All steps together take at least this long. 10 ms … 1 h.
        public var duration: Duration
        /// The share of the calls that passes in the first step. 0.1 % … 100 %.
        public var share: Double
        /// Steps before every call passes. 1 … 20.
        public var steps: Int

        /// A ramp; with the defaults of share and steps it lets 10 %, 22 % and 46 % of the calls through, then all.
        ///
        /// - Parameters:
        ///   - duration: The least time that all steps together take.
        ///   - share: What passes in the first step.
        ///   - steps: The number of steps before every call passes.
        public init(duration: Duration = .seconds(10), share: Double = 0.1, steps: Int = 3) {
            self.duration = duration
            self.share = share
            self.steps = steps
        }
    }

    /// The calls that the rates are taken over.
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
    /// How long the breaker stays open.
    public var open: OpenTime
    /// How the breaker probes.
    public var halfOpen: HalfOpen
    /// How the breaker comes back; nil: every call passes as soon as the probes have succeeded.
    public var rampUp: RampUp?

    /// The defaults: ten seconds, 50 % failures of at least 20 calls, open for 5 s doubling up to 60 s ± 50 %, five
    /// probes, no ramp.
    ///
    /// - Parameters:
    ///   - window: The calls that the rates are taken over.
    ///   - failureRate: The share of failed calls at which the breaker opens; nil: never.
    ///   - slowCall: What slow is, and how many slow calls are too many; nil: no call is slow.
    ///   - badRate: The share of calls that failed or were slow at which the breaker opens; nil: never.
    ///   - consecutiveFailures: The failures in a row that open the breaker; nil: any number may.
    ///   - minimumCalls: No rate is taken from fewer calls.
    ///   - open: How long the breaker stays open.
    ///   - halfOpen: How the breaker probes.
    ///   - rampUp: How the breaker comes back; nil: at once.
    public init(
        window: Window = .time(.seconds(10)), failureRate: Double? = 0.5, slowCall: SlowCall? = nil,
        badRate: Double? = nil,
        consecutiveFailures: Int? = nil, minimumCalls: Int = 20, open: OpenTime = OpenTime(),
        halfOpen: HalfOpen = HalfOpen(), rampUp: RampUp? = nil
    ) {
        self.window = window
        self.failureRate = failureRate
        self.slowCall = slowCall
        self.badRate = badRate
        self.consecutiveFailures = consecutiveFailures
        self.minimumCalls = minimumCalls
        self.open = open
        self.halfOpen = halfOpen
        self.rampUp = rampUp
    }
}
