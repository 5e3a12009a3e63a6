// SPDX-License-Identifier: Apache-2.0

/// A pipeline at one moment, for admin pages and reports.
public struct PipelineSnapshot: Sendable, Equatable, Codable {
    /// One policy at that moment.
    public struct Policy: Sendable, Equatable, Codable {
        /// Which policy it is.
        public var kind: PolicyKind
        /// How far it may act.
        public var mode: PolicyMode
        /// The options, as they would be written in a configuration.
        public var configuration: ConfigurationValue
        /// What the policy knows about itself: for the breaker `state`, `calls`, `failure-rate` …
        public var state: ConfigurationValue

        /// A policy as it stood.
        public init(kind: PolicyKind, mode: PolicyMode, configuration: ConfigurationValue, state: ConfigurationValue) {
            self.kind = kind
            self.mode = mode
            self.configuration = configuration
            self.state = state
        }
    }

    /// The name of the pipeline.
    public var name: String
    /// Counts the changes of configuration, from 1.
    public var version: Int
    /// From the outermost to the innermost.
    public var policies: [Policy]
    /// `calls`, `attempts`, `successes`, `failures`, `cancellations`, `timeouts`, `retries`, `fallbacks`, `late`,
    /// `rejected.<reason>`, `would_reject.<reason>`.
    public var counters: [String: UInt64]

    /// A pipeline as it stood.
    public init(name: String, version: Int, policies: [Policy], counters: [String: UInt64]) {
        self.name = name
        self.version = version
        self.policies = policies
        self.counters = counters
    }

    /// The snapshot of one policy.
    public subscript(kind: PolicyKind) -> Policy? {
        policies.first { $0.kind == kind }
    }

    /// Where the breaker stands; nil when it is disabled.
    public var breakerState: CircuitBreakerEvent.State? {
        guard let policy = self[.circuitBreaker], policy.mode != .disabled, case .map(let map) = policy.state,
            case .string(let state) = map["state"]
        else { return nil }
        return CircuitBreakerEvent.State(rawValue: state)
    }
}

extension ResiliencePipeline {
    /// The pipeline now.
    public var snapshot: PipelineSnapshot {
        let policies = configuration.policies.map { policy in
            PipelineSnapshot.Policy(
                kind: policy.kind, mode: policy.mode, configuration: .map(policy.configuration),
                state: .map(policy.mode == .disabled ? ConfigurationMap() : state(of: policy.kind)))
        }
        return PipelineSnapshot(name: name, version: version, policies: policies, counters: counters.named)
    }

    private func state(of kind: PolicyKind) -> ConfigurationMap {
        switch kind {
        case .fallback, .deadline, .attemptTimeout: ConfigurationMap()
        case .loadShedder: loadShedder.status.map
        case .retry:
            ConfigurationMap([
                .init("budget-balance", retry.budget.balance(at: time.now()).map { .double($0) } ?? .null)
            ])
        case .hedge: hedge.status.map
        case .circuitBreaker: circuitBreaker.status.map
        case .adaptiveThrottle: adaptiveThrottle.status.map
        case .rateLimiter: rateLimiter.status.map
        case .bulkhead:
            ConfigurationMap([
                .init("in-flight", .int(bulkhead.status.inFlight)), .init("queued", .int(bulkhead.status.queued)),
            ])
        case .adaptiveLimit: adaptiveLimit.status.map
        case .outlierEjection:
            ConfigurationMap([.init("ejected", .list(outlierEjection.ejected.map { .string($0) }))])
        }
    }
}

extension LoadShedder.Status {
    fileprivate var map: ConfigurationMap {
        ConfigurationMap([
            .init("in-flight", .int(inFlight)), .init("limit", .int(limit)), .init("queued", .int(queued)),
            .init("threshold", .int(threshold)),
        ])
    }
}

extension Hedge.Status {
    fileprivate var map: ConfigurationMap {
        ConfigurationMap([
            .init("delay", delay.text), .init("samples", .int(samples)),
            .init("budget-balance", budgetBalance.map { .double($0) } ?? .null),
        ])
    }
}

extension AdaptiveThrottle.Status {
    fileprivate var map: ConfigurationMap {
        ConfigurationMap([
            .init("requests", .int(requests)), .init("accepts", .int(accepts)),
            .init("rejection-share", .double(rejectionShare)),
        ])
    }
}

extension RateLimiter.Status {
    fileprivate var map: ConfigurationMap {
        ConfigurationMap([.init("available", .int(available)), .init("waiting", .int(waiting))])
    }
}

extension AdaptiveLimit.Status {
    fileprivate var map: ConfigurationMap {
        var map = ConfigurationMap([
            .init("in-flight", .int(inFlight)), .init("limit", .int(limit)), .init("queued", .int(queued)),
            .init("probing", .bool(isProbing)), .init("baseline", baseline.text), .init("round-trip", roundTrip.text),
        ])
        if !inFlightByShare.isEmpty {
            let shares = inFlightByShare.sorted { $0.key < $1.key }
            map["in-flight-by-share"] = .map(ConfigurationMap(shares.map { .init($0.key, .int($0.value)) }))
        }
        return map
    }
}

extension Duration? {
    /// As it would be written in a configuration.
    fileprivate var text: ConfigurationValue {
        map { .string(ConfigurationText.format($0)) } ?? .null
    }
}

extension CircuitBreaker.Status {
    fileprivate var map: ConfigurationMap {
        ConfigurationMap([
            .init("state", .string(state.rawValue)), .init("calls", .int(calls)),
            .init("failure-rate", failureRate.map { .double($0) } ?? .null),
            .init("slow-call-rate", slowCallRate.map { .double($0) } ?? .null),
            .init("slow-calls-under-way", .int(slowCallsUnderWay)),
            .init("ramp-share", rampShare.map { .double($0) } ?? .null), .init("open-for", openFor.text),
        ])
    }
}
