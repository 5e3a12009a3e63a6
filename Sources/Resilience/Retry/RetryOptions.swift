// SPDX-License-Identifier: Apache-2.0

/// How often a failed call is tried again, and when.
public struct RetryOptions: Sendable, Equatable {
    /// The waiting time before attempt n + 1: `base × multiplier^(n − 1)`, at most `cap`, with jitter.
    public struct Backoff: Sendable, Equatable {
        /// How the waiting time is spread, so that clients that failed together don't come back together.
        public enum Jitter: String, Sendable, CaseIterable {
            /// Exactly the computed time.
            case none
            /// Uniform from 0 to the computed time.
            case full
            /// Half of the computed time plus uniform from 0 to the other half.
            case equal
            /// Uniform from `base` to three times the previous waiting time, at most `cap`.
            case decorrelated
        }

        /// 0 … 1 h.
        public var base: Duration
        /// The longest waiting time, jitter included. 0 … 1 h.
        public var cap: Duration
        /// 1 (constant) … 10.
        public var multiplier: Double
        /// How the pauses are spread.
        public var jitter: Jitter

        /// Pauses from `base`, multiplied each time, to `cap`.
        public init(
            base: Duration = .milliseconds(50), cap: Duration = .seconds(1), multiplier: Double = 2,
            jitter: Jitter = .full
        ) {
            self.base = base
            self.cap = cap
            self.multiplier = multiplier
            self.jitter = jitter
        }

        /// The same waiting time before every attempt.
        public static func constant(_ duration: Duration, jitter: Jitter = .none) -> Backoff {
            Backoff(base: duration, cap: duration, multiplier: 1, jitter: jitter)
        }
    }

    /// How many retries all calls together may make: `ratio` of the calls of the last ten seconds, plus
    /// `floorPerSecond`.
    public struct Budget: Sendable, Equatable {
        /// What a call earns, in retries, when it is made; it can be spent for ten seconds. 0 … 10; 0.2 lets a fifth of
        /// the calls be repeated once.
        public var ratio: Double
        /// Retries per second that are always allowed, for callers with few calls. What is not used is saved for ten
        /// seconds, at least one retry. 0 … 1000.
        public var floorPerSecond: Double
        /// The name of a budget that pipelines of one registry share, because they reach the same callee; nil for one
        /// of its own. All that name it have to give it the same figures. 1 … 100 characters.
        public var shared: String?

        /// Retries as a share of calls, and so many a second in any case.
        ///
        /// - Parameters:
        ///   - ratio: What a call earns, in retries. 0 … 10.
        ///   - floorPerSecond: Retries per second that are always allowed. 0 … 1000.
        ///   - shared: The name under which pipelines of one registry share it; nil for a budget of its own.
        public init(ratio: Double = 0.2, floorPerSecond: Double = 3, shared: String? = nil) {
            self.ratio = ratio
            self.floorPerSecond = floorPerSecond
            self.shared = shared
        }
    }

    /// Attempts in all, the first included. 1 … 100.
    public var attempts: Int
    /// The pauses between attempts.
    public var backoff: Backoff
    /// Nil lifts the bound, which turns an overload into a retry storm; only for experiments.
    public var budget: Budget?
    /// A callee that asks for a longer pause (Retry-After) is not retried. 0 … 1 h.
    public var maximumRetryAfter: Duration
    /// The least time that an attempt has to have until the call's deadline: what would have less is not tried, and the
    /// call ends at once with its last real error. About what the callee needs at best. 0 … 1 h.
    public var minimumAttemptTime: Duration

    /// The defaults: three attempts, 50 ms doubling up to 1 s with full jitter, a budget of 20 % plus 3 a second.
    public init(
        attempts: Int = 3, backoff: Backoff = Backoff(), budget: Budget? = Budget(),
        maximumRetryAfter: Duration = .seconds(10), minimumAttemptTime: Duration = .milliseconds(1)
    ) {
        self.attempts = attempts
        self.backoff = backoff
        self.budget = budget
        self.maximumRetryAfter = maximumRetryAfter
        self.minimumAttemptTime = minimumAttemptTime
    }
}

extension RetryOptions: PolicyOptions {
    static var blank: RetryOptions { RetryOptions() }
    static var shorthand: String? { "attempts" }

    static var fields: [ConfigurationField<RetryOptions>] {
        [
            .integer("attempts", \.attempts, in: 1...100),
            .group(
                "backoff", \.backoff, shorthand: "base",
                [
                    .duration("base", \.base, in: .zero ... .seconds(3600)),
                    .duration("cap", \.cap, in: .zero ... .seconds(3600)),
                    .number("multiplier", \.multiplier, in: 1...10),
                    .word("jitter", \.jitter),
                ]),
            .optionalGroup("budget", \.budget, initial: Budget(), shorthand: "ratio", Budget.fields),
            .duration("max-retry-after", \.maximumRetryAfter, in: .zero ... .seconds(3600)),
            .duration("min-attempt-time", \.minimumAttemptTime, in: .zero ... .seconds(3600)),
        ]
    }

    func contradictions() -> [(key: String, message: String)] {
        if backoff.cap >= backoff.base { return [] }
        let (cap, base) = (ConfigurationText.format(backoff.cap), ConfigurationText.format(backoff.base))
        return [("backoff", "cap \(cap) is below base \(base)")]
    }
}

extension RetryOptions.Budget {
    static var fields: [ConfigurationField<Self>] {
        [
            .ratio("ratio", \.ratio, in: 0...10),
            .number("floor-per-second", \.floorPerSecond, in: 0...1000),
            .name("shared", \.shared),
        ]
    }
}
