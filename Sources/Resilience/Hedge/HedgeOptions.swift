// SPDX-License-Identifier: Apache-2.0

/// When a call that is slow is made a second time, and how often that may happen.
public struct HedgeOptions: Sendable, Equatable {
    /// How long the first attempt has before the next one is started beside it.
    public enum Delay: Sendable, Equatable {
        /// Always the same time. 0 … 1 h; 0 starts all attempts at once.
        case fixed(Duration)
        /// What so many percent of the calls of late did not take longer than. 50 … 99.9.
        case percentile(Double)
    }

    /// How many hedges all calls together may make: every call saves `ratio` of a hedge.
    public struct Budget: Sendable, Equatable {
        /// Hedges per call. 0 … 10; 0.05 lets a twentieth of the calls be made twice.
        public var ratio: Double
        /// The most hedges that can be saved up. 1 … 1000.
        public var burst: Int

        /// The defaults: 5 % of the calls ("The Tail at Scale"), at most ten at once.
        ///
        /// - Parameters:
        ///   - ratio: Hedges per call. 0 … 10.
        ///   - burst: The most hedges that can be saved up. 1 … 1000.
        public init(ratio: Double = 0.05, burst: Int = 10) {
            self.ratio = ratio
            self.burst = burst
        }
    }

    /// How long an attempt has before the next one is started.
    public var delay: Delay
    /// Hedges per call, the first attempt not counted. 1 … 5.
    public var attempts: Int
    /// Nil lifts the bound; then a callee that becomes slow gets twice the calls. Only for experiments.
    public var budget: Budget?
    /// A percentile below this is raised to it: where everything is quick, a hedge gains nothing. 0 … 1 m.
    public var minimumDelay: Duration
    /// How far back the percentile looks. 1 s … 1 h.
    public var window: Duration
    /// Calls with a result that the window has to hold before there is a percentile; with fewer nothing is hedged.
    /// 20 … 1,000,000.
    public var minimumSamples: Int

    /// The defaults: one hedge after the 95th percentile of the last minute, for at most 5 % of the calls.
    ///
    /// - Parameters:
    ///   - delay: How long an attempt has before the next one is started.
    ///   - attempts: Hedges per call. 1 … 5.
    ///   - budget: How many hedges all calls together may make; nil lifts the bound.
    ///   - minimumDelay: A percentile below this is raised to it. 0 … 1 m.
    ///   - window: How far back the percentile looks. 1 s … 1 h.
    ///   - minimumSamples: Calls that the window has to hold before there is a percentile. 20 … 1,000,000.
    public init(
        delay: Delay = .percentile(95), attempts: Int = 1, budget: Budget? = Budget(),
        minimumDelay: Duration = .milliseconds(1), window: Duration = .seconds(60), minimumSamples: Int = 100
    ) {
        self.delay = delay
        self.attempts = attempts
        self.budget = budget
        self.minimumDelay = minimumDelay
        self.window = window
        self.minimumSamples = minimumSamples
    }

    /// The percentile as a share, 0 … 1; nil for a fixed delay.
    var quantile: Double? {
        if case .percentile(let percent) = delay { percent / 100 } else { nil }
    }
}

extension HedgeOptions: PolicyOptions {
    static var blank: HedgeOptions { HedgeOptions() }
    static var isOptIn: Bool { true }
    static var shorthand: String? { "delay" }

    static var fields: [ConfigurationField<HedgeOptions>] {
        [
            .scalar(
                "delay", expects: "a duration such as 50ms from 0s to 1h, or a percentile from p50 to p99.9", \.delay,
                write: { $0.written }, parse: { Delay(written: $0) }),
            .integer("attempts", \.attempts, in: 1...5),
            .optionalGroup(
                "budget", \.budget, initial: Budget(), shorthand: "ratio",
                [
                    .ratio("ratio", \.ratio, in: 0...10),
                    .integer("burst", \.burst, in: 1...1000),
                ]),
            .duration("minimum-delay", \.minimumDelay, in: .zero ... .seconds(60)),
            .duration("window", \.window, in: .seconds(1) ... .seconds(3600)),
            .integer("minimum-samples", \.minimumSamples, in: 20...1_000_000),
        ]
    }
}

extension HedgeOptions.Delay {
    /// The delay of a configuration: `50ms` or `p95`; nil for anything else and out of bounds.
    fileprivate init?(written value: ConfigurationValue) {
        guard case .string(let text) = value else { return nil }
        if text.first == "p" {
            let digits = text.dropFirst()
            guard digits.first?.isNumber == true, digits.allSatisfy({ $0.isASCII && ($0.isNumber || $0 == ".") }),
                let percent = Double(String(digits)), (50...99.9).contains(percent)
            else { return nil }
            self = .percentile(percent)
        } else if let duration = ConfigurationText.duration(text), duration <= .seconds(3600) {
            self = .fixed(duration)
        } else {
            return nil
        }
    }

    fileprivate var written: ConfigurationValue {
        switch self {
        case .fixed(let duration): .string(ConfigurationText.format(duration))
        case .percentile(let percent):
            .string(percent == percent.rounded() && abs(percent) < 1000 ? "p\(Int(percent))" : "p\(percent)")
        }
    }
}
