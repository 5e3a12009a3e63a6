// SPDX-License-Identifier: Apache-2.0

/// One policy in the block of `ResiliencePipeline.init(name:)`, as its options.
public struct PipelineElement: Sendable {
    let kind: PolicyKind
    let configure: @Sendable (inout PipelineConfiguration) -> Void
}

/// Makes a pipeline out of a block of options, one line per policy, from the outermost to the innermost.
@resultBuilder
public enum PipelineBuilder {
    /// A fallback; what to answer comes with the call.
    public static func buildExpression(_ options: FallbackOptions) -> [PipelineElement] {
        [PipelineElement(kind: .fallback) { $0.fallback = PolicySetting(mode: .enforced, options: options) }]
    }

    /// A limit of the whole call.
    public static func buildExpression(_ options: DeadlineOptions) -> [PipelineElement] {
        [PipelineElement(kind: .deadline) { $0.deadline = PolicySetting(mode: .enforced, options: options) }]
    }

    /// A load shedder.
    public static func buildExpression(_ options: LoadShedderOptions) -> [PipelineElement] {
        [PipelineElement(kind: .loadShedder) { $0.loadShedder = PolicySetting(mode: .enforced, options: options) }]
    }

    /// A retry.
    public static func buildExpression(_ options: RetryOptions) -> [PipelineElement] {
        [PipelineElement(kind: .retry) { $0.retry = PolicySetting(mode: .enforced, options: options) }]
    }

    /// A hedge.
    public static func buildExpression(_ options: HedgeOptions) -> [PipelineElement] {
        [PipelineElement(kind: .hedge) { $0.hedge = PolicySetting(mode: .enforced, options: options) }]
    }

    /// A circuit breaker.
    public static func buildExpression(_ options: CircuitBreakerOptions) -> [PipelineElement] {
        [
            PipelineElement(kind: .circuitBreaker) {
                $0.circuitBreaker = PolicySetting(mode: .enforced, options: options)
            }
        ]
    }

    /// An adaptive throttle.
    public static func buildExpression(_ options: AdaptiveThrottleOptions) -> [PipelineElement] {
        [
            PipelineElement(kind: .adaptiveThrottle) {
                $0.adaptiveThrottle = PolicySetting(mode: .enforced, options: options)
            }
        ]
    }

    /// A rate limiter.
    public static func buildExpression(_ options: RateLimiterOptions) -> [PipelineElement] {
        [PipelineElement(kind: .rateLimiter) { $0.rateLimiter = PolicySetting(mode: .enforced, options: options) }]
    }

    /// A bulkhead.
    public static func buildExpression(_ options: BulkheadOptions) -> [PipelineElement] {
        [PipelineElement(kind: .bulkhead) { $0.bulkhead = PolicySetting(mode: .enforced, options: options) }]
    }

    /// An adaptive limit.
    public static func buildExpression(_ options: AdaptiveLimitOptions) -> [PipelineElement] {
        [PipelineElement(kind: .adaptiveLimit) { $0.adaptiveLimit = PolicySetting(mode: .enforced, options: options) }]
    }

    /// A limit of each attempt.
    public static func buildExpression(_ options: AttemptTimeoutOptions) -> [PipelineElement] {
        [
            PipelineElement(kind: .attemptTimeout) {
                $0.attemptTimeout = PolicySetting(mode: .enforced, options: options)
            }
        ]
    }

    /// An outlier ejection; it may stand anywhere.
    public static func buildExpression(_ options: OutlierEjectionOptions) -> [PipelineElement] {
        [
            PipelineElement(kind: .outlierEjection) {
                $0.outlierEjection = PolicySetting(mode: .enforced, options: options)
            }
        ]
    }

    /// All lines of a block, in their order.
    public static func buildBlock(_ parts: [PipelineElement]...) -> [PipelineElement] {
        parts.flatMap { $0 }
    }

    /// An `if` without `else`.
    public static func buildOptional(_ part: [PipelineElement]?) -> [PipelineElement] {
        part ?? []
    }

    /// The first branch of an `if`.
    public static func buildEither(first part: [PipelineElement]) -> [PipelineElement] {
        part
    }

    /// The other branch of an `if`.
    public static func buildEither(second part: [PipelineElement]) -> [PipelineElement] {
        part
    }
}

extension PipelineConfiguration {
    /// The configuration that a block describes, everything in it enforced.
    ///
    /// - Parameters:
    ///   - idempotency: Whether the calls may be repeated, when it is the same for all of them: a hedge around calls
    ///     that may not be is refused. Nil: each call says it, and those that may not be repeated are not hedged.
    ///   - policies: The options of each policy, one line each.
    /// - Throws: Every policy that stands in a place where it would do harm, and everything that is wrong with the
    ///   options.
    public init(
        idempotency: Idempotency? = nil, @PipelineBuilder _ policies: () -> [PipelineElement]
    ) throws(ConfigurationFaults) {
        self.init()
        let elements = policies()
        var faults = Self.orderFaults(elements.map(\.kind))
        for element in elements { element.configure(&self) }
        faults += self.faults()
        if idempotency == .unsafe, hedge.mode != .disabled {
            faults.append(
                ConfigurationFault(
                    path: [PolicyKind.hedge.rawValue],
                    message: "the calls may not be repeated, and a hedge makes them twice"))
        }
        if !faults.isEmpty { throw ConfigurationFaults(faults) }
    }

    /// What is wrong with an order of policies, with the reason why it matters.
    static func orderFaults(_ kinds: [PolicyKind]) -> [ConfigurationFault] {
        // It guards the endpoints that the operation picks from, wherever it is written.
        let order = PolicyKind.allCases.filter { $0 != .outlierEjection }
        func place(_ kind: PolicyKind) -> Int { order.firstIndex(of: kind) ?? -1 }
        var faults: [ConfigurationFault] = []
        for (index, kind) in kinds.enumerated() {
            let before = kinds[..<index]
            if before.contains(kind) {
                faults.append(ConfigurationFault(path: [kind.rawValue], message: kind.reasonAgainstTwo))
            } else if kind != .outlierEjection, let inner = before.first(where: { place($0) > place(kind) }) {
                faults.append(
                    ConfigurationFault(
                        path: [kind.rawValue],
                        message: "has to stand before \(inner.rawValue): \(kind.reasonForPlace(before: inner))",
                        allowed: order.map(\.rawValue)))
            }
        }
        return faults
    }
}

extension PolicyKind {
    fileprivate var reasonAgainstTwo: String {
        switch self {
        case .retry: "stands twice: nested retries multiply their attempts"
        case .fallback: "stands twice: the outer one would never be asked"
        default: "stands twice"
        }
    }

    fileprivate func reasonForPlace(before inner: PolicyKind) -> String {
        switch (self, inner) {
        case (.fallback, _): "inside it would hide failures from the policies around it"
        case (.deadline, _): "it bounds the whole call"
        case (.loadShedder, _): "a call that is not worth its place must not cost anything"
        case (.retry, .circuitBreaker): "every attempt is evidence for the breaker"
        case (.retry, .bulkhead), (.retry, .adaptiveLimit): "a slot would be held while a retry waits"
        case (.retry, .adaptiveThrottle), (.retry, .rateLimiter): "every attempt is a call to the callee"
        case (.retry, .attemptTimeout): "the limit would be that of all attempts together; use a deadline for that"
        case (.retry, .hedge): "a retry inside would multiply the attempts of every hedge"
        case (.hedge, .circuitBreaker), (.hedge, .adaptiveThrottle), (.hedge, .rateLimiter), (.hedge, .bulkhead),
            (.hedge, .adaptiveLimit):
            "every attempt is a call to the callee, and has to be admitted and counted by itself"
        case (.hedge, .attemptTimeout): "every attempt has its own limit"
        case (.circuitBreaker, .bulkhead), (.circuitBreaker, .adaptiveLimit), (.circuitBreaker, .rateLimiter):
            "calls would wait for their turn only to be refused"
        case (.circuitBreaker, .adaptiveThrottle): "calls that an open breaker refuses would count as unanswered"
        case (.adaptiveThrottle, .rateLimiter), (.adaptiveThrottle, .bulkhead), (.adaptiveThrottle, .adaptiveLimit):
            "calls would wait for their turn only to be refused"
        case (.rateLimiter, .bulkhead), (.rateLimiter, .adaptiveLimit): "a slot would be held while a call waits"
        case (.bulkhead, .adaptiveLimit): "a call in the bulkhead's queue would count as under way"
        case (_, .attemptTimeout): "waiting in a queue has a limit of its own"
        default: "that is the order of the pipeline"
        }
    }
}

extension ResiliencePipeline {
    /// A pipeline made of the policies of a block, from the outermost to the innermost.
    ///
    /// - Parameters:
    ///   - name: What the pipeline is called in metrics and events.
    ///   - time: The clock that everything in it is measured with.
    ///   - seed: Where jitter starts; the same seed gives the same waiting times.
    ///   - idempotency: Whether the calls may be repeated, when it is the same for all of them: a hedge around calls
    ///     that may not be is refused.
    ///   - retryBudget: The budget of its retries when it is shared with other pipelines; what the block says of the
    ///     budget is then of no account.
    ///   - policies: The options of each policy, one line each.
    /// - Throws: Every policy that stands in a place where it would do harm, and everything that is wrong with the
    ///   options.
    public convenience init(
        name: String, time: TimeSource = .system, seed: UInt64 = .random(in: .min ... .max),
        idempotency: Idempotency? = nil, retryBudget: RetryBudget? = nil,
        @PipelineBuilder policies: () -> [PipelineElement]
    ) throws(ConfigurationFaults) {
        try self.init(
            name: name, configuration: PipelineConfiguration(idempotency: idempotency, policies), time: time,
            seed: seed, retryBudget: retryBudget)
    }
}
