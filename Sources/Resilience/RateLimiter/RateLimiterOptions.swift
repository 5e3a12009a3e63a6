// SPDX-License-Identifier: Apache-2.0

/// How many calls a rate limiter lets through, and how long a call may wait for its turn.
public struct RateLimiterOptions: Sendable, Equatable {
    /// The calls in the long run.
    public var rate: CallRate
    /// The calls that may be made at once after a pause. 1 (evenly spaced) … 1,000,000; nil: as many as the rate
    /// gives in one second.
    public var burst: Int?
    /// How long a call may wait for its turn. 0 (refuse at once) … 1 h.
    public var maximumWait: Duration

    /// A rate, with the calls that may come at once (when nil, those of one second) and how long one may wait.
    public init(rate: CallRate, burst: Int? = nil, maximumWait: Duration = .zero) {
        self.rate = rate
        self.burst = burst
        self.maximumWait = maximumWait
    }

    var effectiveBurst: Int {
        burst ?? rate.callsInOneSecond
    }
}

extension RateLimiterOptions: PolicyOptions {
    static var blank: RateLimiterOptions { RateLimiterOptions(rate: .perSecond(1)) }
    static var required: [String] { ["rate"] }
    static var shorthand: String? { "rate" }

    static var fields: [ConfigurationField<RateLimiterOptions>] {
        [
            .rate("rate", \.rate),
            .integer("burst", \.burst, in: 1...1_000_000),
            .duration("max-wait", \.maximumWait, in: .zero ... .seconds(3600)),
        ]
    }
}

extension ConfigurationField {
    /// A rate of calls.
    static func rate(_ key: String, _ path: WritableKeyPath<Options, CallRate>) -> Self {
        scalar(
            key, expects: "a rate such as 100/s, 3/m or 1/250ms, of 1 to 1000000 calls in 1ms to 24h", path,
            write: { .string($0.description) }
        ) {
            if case .string(let text) = $0 { CallRate(text) } else { nil }
        }
    }
}
