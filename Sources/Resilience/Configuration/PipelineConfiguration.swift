// SPDX-License-Identifier: Apache-2.0

/// The settings of all policies of a pipeline. A new one has everything disabled.
public struct PipelineConfiguration: Sendable, Equatable {
    public var fallback = PolicySetting<FallbackOptions>.initial
    public var deadline = PolicySetting<DeadlineOptions>.initial
    public var retry = PolicySetting<RetryOptions>.initial
    public var circuitBreaker = PolicySetting<CircuitBreakerOptions>.initial
    public var bulkhead = PolicySetting<BulkheadOptions>.initial
    public var attemptTimeout = PolicySetting<AttemptTimeoutOptions>.initial

    public init() {}

    /// Applies the edit of one pipeline: a mode word for all policies, or a mapping from policy to its edit.
    mutating func apply(_ value: ConfigurationValue, at place: [String], _ faults: inout [ConfigurationFault]) {
        switch value {
        case .map(let map):
            // The policies of the key `all` are set first, whatever their place in the mapping.
            for entry in map.entries where entry.key == PolicyEdits.everything {
                setModes(entry.value, at: place + [entry.key], &faults)
            }
            for entry in map.entries where entry.key != PolicyEdits.everything {
                apply(entry.value, policy: entry.key, at: place + [entry.key], &faults)
            }
        case .null: break
        default: setModes(value, at: place, &faults)
        }
    }

    private mutating func apply(
        _ value: ConfigurationValue, policy: String, at place: [String], _ faults: inout [ConfigurationFault]
    ) {
        guard let kind = PolicyKind(rawValue: policy) else {
            let allowed = PolicyKind.allCases.map(\.rawValue) + [PolicyEdits.everything]
            faults.append(.unknownKey(policy, at: Array(place.dropLast()), allowed: allowed))
            return
        }
        switch kind {
        case .fallback: fallback.apply(value, kind: kind, at: place, &faults)
        case .deadline: deadline.apply(value, kind: kind, at: place, &faults)
        case .retry: retry.apply(value, kind: kind, at: place, &faults)
        case .circuitBreaker: circuitBreaker.apply(value, kind: kind, at: place, &faults)
        case .bulkhead: bulkhead.apply(value, kind: kind, at: place, &faults)
        case .attemptTimeout: attemptTimeout.apply(value, kind: kind, at: place, &faults)
        }
    }

    /// Sets the mode of every policy. Policies that were never configured and need to be stay as they are.
    private mutating func setModes(
        _ value: ConfigurationValue, at place: [String], _ faults: inout [ConfigurationFault]
    ) {
        let common: [PolicyMode] = [.disabled, .shadow, .enforced]
        let mode: PolicyMode
        switch value {
        case .string(let word) where common.contains { $0.rawValue == word }:
            mode = PolicyMode(rawValue: word) ?? .disabled
        case .bool(false): mode = .disabled
        default:
            var nearest: String?
            if case .string(let word) = value { nearest = NearestName.find(word, in: common.map(\.rawValue)) }
            faults.append(
                ConfigurationFault(
                    path: place, message: "expected a mode for all policies or a mapping, not \(value.kindName)",
                    allowed: common.map(\.rawValue), nearest: nearest))
            return
        }
        fallback.mode = mode
        deadline.mode = mode
        retry.mode = mode
        circuitBreaker.mode = mode
        bulkhead.mode = mode
        attemptTimeout.mode = mode
        leaveUnconfigured()
    }

    /// After an edit that addresses everything: policies that were never configured and need to be stay switched off.
    mutating func leaveUnconfigured() {
        if deadline.options == nil { deadline.mode = .disabled }
        if bulkhead.options == nil { bulkhead.mode = .disabled }
        if attemptTimeout.options == nil { attemptTimeout.mode = .disabled }
    }

    /// Everything that keeps the configuration from being used, with paths that start with `place`.
    public func faults(at place: [String] = []) -> [ConfigurationFault] {
        var faults: [ConfigurationFault] = []
        fallback.check(at: place + [PolicyKind.fallback.rawValue], &faults)
        deadline.check(at: place + [PolicyKind.deadline.rawValue], &faults)
        retry.check(at: place + [PolicyKind.retry.rawValue], &faults)
        circuitBreaker.check(at: place + [PolicyKind.circuitBreaker.rawValue], &faults)
        bulkhead.check(at: place + [PolicyKind.bulkhead.rawValue], &faults)
        attemptTimeout.check(at: place + [PolicyKind.attemptTimeout.rawValue], &faults)
        if deadline.mode == .enforced, attemptTimeout.mode == .enforced, let total = deadline.options?.limit,
            let attempt = attemptTimeout.options?.limit, attempt >= total
        {
            let (attempt, total) = (ConfigurationText.format(attempt), ConfigurationText.format(total))
            faults.append(
                ConfigurationFault(
                    path: place + [PolicyKind.attemptTimeout.rawValue],
                    message: "\(attempt) is not below the deadline of the whole call, \(total): it would never act"))
        }
        return faults
    }

    /// Mode and written options of each policy, in the order of the pipeline.
    public var policies: [(kind: PolicyKind, mode: PolicyMode, configuration: ConfigurationMap)] {
        [
            (.fallback, fallback.mode, fallback.configuration),
            (.deadline, deadline.mode, deadline.configuration),
            (.retry, retry.mode, retry.configuration),
            (.circuitBreaker, circuitBreaker.mode, circuitBreaker.configuration),
            (.bulkhead, bulkhead.mode, bulkhead.configuration),
            (.attemptTimeout, attemptTimeout.mode, attemptTimeout.configuration),
        ]
    }
}
