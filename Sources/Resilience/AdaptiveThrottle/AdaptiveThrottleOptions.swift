// SPDX-License-Identifier: Apache-2.0

/// When a client starts to refuse its own calls because the callee does not keep up.
public struct AdaptiveThrottleOptions: Sendable, Equatable {
    /// K: the calls that are let through for each one that succeeds. Lower is stricter: at 1.1 the callee sees hardly
    /// more calls than it can serve, at 2 one more for each. 1 … 100.
    public var multiplier: Double
    /// The calls that count. 1 s … 1 h.
    public var window: Duration
    /// The largest share of calls that is refused; the rest finds out when the callee is well again. Above 0, up to 1.
    public var maximumRejection: Double
    /// Nothing is refused before this many calls count. 0 … 1,000,000.
    public var minimumCalls: Int
    /// How long an answer may be outstanding before the call counts against the callee. 0 … 1 m, and less than the
    /// window.
    public var patience: Duration

    /// The defaults of the Site Reliability Engineering book (K = 2 over two minutes); at most 90 % refused.
    public init(
        multiplier: Double = 2, window: Duration = .seconds(120), maximumRejection: Double = 0.9,
        minimumCalls: Int = 10,
        patience: Duration = .seconds(1)
    ) {
        self.multiplier = multiplier
        self.window = window
        self.maximumRejection = maximumRejection
        self.minimumCalls = minimumCalls
        self.patience = patience
    }
}

extension AdaptiveThrottleOptions: PolicyOptions {
    static var blank: AdaptiveThrottleOptions { AdaptiveThrottleOptions() }
    static var isOptIn: Bool { true }
    static var shorthand: String? { "multiplier" }

    static var fields: [ConfigurationField<AdaptiveThrottleOptions>] {
        [
            .number("multiplier", \.multiplier, in: 1...100),
            .duration("window", \.window, in: .seconds(1) ... .seconds(3600)),
            .ratio("max-rejection", \.maximumRejection, in: 0.0001...1),
            .integer("minimum-calls", \.minimumCalls, in: 0...1_000_000),
            .duration("patience", \.patience, in: .zero ... .seconds(60)),
        ]
    }

    func contradictions() -> [(key: String, message: String)] {
        if patience < window { return [] }
        return [
            (
                "patience",
                "must be shorter than window (\(ConfigurationText.format(window))), or an unanswered call never counts"
            )
        ]
    }
}
