// SPDX-License-Identifier: Apache-2.0

/// One policy in the block of `ResiliencePipeline.init(name:)`, as its options.
public struct PipelineElement: Sendable {
    let kind: PolicyKind
    let configure: @Sendable (inout PipelineConfiguration) -> Void
}

/// Makes a pipeline out of a block of options, one line per policy, from the outermost to the innermost.
@resultBuilder
public enum PipelineBuilder {
    public static func buildExpression(_ options: FallbackOptions) -> [PipelineElement] {
        [PipelineElement(kind: .fallback) { $0.fallback = PolicySetting(mode: .enforced, options: options) }]
    }

    public static func buildExpression(_ options: DeadlineOptions) -> [PipelineElement] {
        [PipelineElement(kind: .deadline) { $0.deadline = PolicySetting(mode: .enforced, options: options) }]
    }

    public static func buildExpression(_ options: RetryOptions) -> [PipelineElement] {
        [PipelineElement(kind: .retry) { $0.retry = PolicySetting(mode: .enforced, options: options) }]
    }

    public static func buildExpression(_ options: CircuitBreakerOptions) -> [PipelineElement] {
        [
            PipelineElement(kind: .circuitBreaker) {
                $0.circuitBreaker = PolicySetting(mode: .enforced, options: options)
            }
        ]
    }

    public static func buildExpression(_ options: BulkheadOptions) -> [PipelineElement] {
        [PipelineElement(kind: .bulkhead) { $0.bulkhead = PolicySetting(mode: .enforced, options: options) }]
    }

    public static func buildExpression(_ options: AttemptTimeoutOptions) -> [PipelineElement] {
        [
            PipelineElement(kind: .attemptTimeout) {
                $0.attemptTimeout = PolicySetting(mode: .enforced, options: options)
            }
        ]
    }

    public static func buildBlock(_ parts: [PipelineElement]...) -> [PipelineElement] {
        parts.flatMap { $0 }
    }

    public static func buildOptional(_ part: [PipelineElement]?) -> [PipelineElement] {
        part ?? []
    }

    public static func buildEither(first part: [PipelineElement]) -> [PipelineElement] {
        part
    }

    public static func buildEither(second part: [PipelineElement]) -> [PipelineElement] {
        part
    }
}

extension PipelineConfiguration {
    /// The configuration that a block describes, everything in it enforced.
    ///
    /// - Throws: Every policy that stands in a place where it would do harm, and everything that is wrong with the
    ///   options.
    public init(@PipelineBuilder _ policies: () -> [PipelineElement]) throws(ConfigurationFaults) {
        self.init()
        let elements = policies()
        var faults = Self.orderFaults(elements.map(\.kind))
        for element in elements { element.configure(&self) }
        faults += self.faults()
        if !faults.isEmpty { throw ConfigurationFaults(faults) }
    }

    /// What is wrong with an order of policies, with the reason why it matters.
    static func orderFaults(_ kinds: [PolicyKind]) -> [ConfigurationFault] {
        let order = PolicyKind.allCases
        func place(_ kind: PolicyKind) -> Int { order.firstIndex(of: kind) ?? order.count }
        var faults: [ConfigurationFault] = []
        for (index, kind) in kinds.enumerated() {
            if kinds[..<index].contains(kind) {
                faults.append(ConfigurationFault(path: [kind.rawValue], message: kind.reasonAgainstTwo))
            } else if let inner = kinds[..<index].first(where: { place($0) > place(kind) }) {
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
        case (.retry, .circuitBreaker): "every attempt is evidence for the breaker"
        case (.retry, .bulkhead): "a slot would be held while a retry waits"
        case (.retry, .attemptTimeout): "the limit would be that of all attempts together; use a deadline for that"
        case (.circuitBreaker, .bulkhead): "calls would wait for a slot only to be refused"
        case (_, .attemptTimeout): "waiting for a slot has a limit of its own"
        default: "that is the order of the pipeline"
        }
    }
}

extension ResiliencePipeline {
    /// A pipeline made of the policies of a block, from the outermost to the innermost.
    ///
    /// - Throws: Every policy that stands in a place where it would do harm, and everything that is wrong with the
    ///   options.
    public convenience init(
        name: String, time: TimeSource = .system, seed: UInt64 = .random(in: .min ... .max),
        @PipelineBuilder policies: () -> [PipelineElement]
    ) throws(ConfigurationFaults) {
        try self.init(name: name, configuration: PipelineConfiguration(policies), time: time, seed: seed)
    }
}
