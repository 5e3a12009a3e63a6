// SPDX-License-Identifier: Apache-2.0

/// When one of several endpoints of a callee is left out for a while.
public struct OutlierEjectionOptions: Sendable, Equatable {
    /// The failures in a row that eject an endpoint. 1 … 1,000,000; nil switches the rule off.
    public var consecutiveFailures: Int?
    /// The share of failed calls in the window that ejects an endpoint, inclusive. Above 0, up to 1; nil switches the
    /// rule off.
    public var failureRate: Double?
    /// The calls that the failure rate is taken over. 1 s … 1 h.
    public var window: Duration
    /// No rate is taken from fewer calls than this. 1 … 1,000,000.
    public var minimumCalls: Int
    /// How long the first ejection lasts; each further one lasts twice as long. 1 ms … 1 h.
    public var base: Duration
    /// The longest ejection, at least `base`. 1 ms … 24 h.
    public var cap: Duration
    /// The largest share of the endpoints that is ejected at once, rounded down, but one endpoint may always be and
    /// one is always kept. 0 … 1.
    public var maximumShare: Double

    /// The defaults: five failures in a row or half of at least 20 calls in 10 s; 5 s doubling up to 5 m; at most
    /// half of the endpoints.
    public init(
        consecutiveFailures: Int? = 5, failureRate: Double? = 0.5, window: Duration = .seconds(10),
        minimumCalls: Int = 20,
        base: Duration = .seconds(5), cap: Duration = .seconds(300), maximumShare: Double = 0.5
    ) {
        self.consecutiveFailures = consecutiveFailures
        self.failureRate = failureRate
        self.window = window
        self.minimumCalls = minimumCalls
        self.base = base
        self.cap = cap
        self.maximumShare = maximumShare
    }
}

extension OutlierEjectionOptions: PolicyOptions {
    static var blank: OutlierEjectionOptions { OutlierEjectionOptions() }
    static var isOptIn: Bool { true }

    static var fields: [ConfigurationField<OutlierEjectionOptions>] {
        [
            .integer("consecutive-failures", \.consecutiveFailures, in: 1...1_000_000),
            .ratio("failure-rate", \.failureRate, in: 0.0001...1),
            .duration("window", \.window, in: .seconds(1) ... .seconds(3600)),
            .integer("minimum-calls", \.minimumCalls, in: 1...1_000_000),
            .duration("base", \.base, in: .milliseconds(1) ... .seconds(3600)),
            .duration("cap", \.cap, in: .milliseconds(1) ... .seconds(86_400)),
            .ratio("max-share", \.maximumShare),
        ]
    }

    func contradictions() -> [(key: String, message: String)] {
        var found: [(key: String, message: String)] = []
        if consecutiveFailures == nil, failureRate == nil {
            found.append(
                ("consecutive-failures", "nothing can eject an endpoint: set consecutive-failures or failure-rate"))
        }
        if cap < base {
            found.append(("cap", "\(ConfigurationText.format(cap)) is below base \(ConfigurationText.format(base))"))
        }
        return found
    }
}
