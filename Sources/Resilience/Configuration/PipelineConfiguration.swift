// SPDX-License-Identifier: Apache-2.0

/// The settings of all policies of a pipeline. A new one has everything disabled.
public struct PipelineConfiguration: Sendable, Equatable {
    /// Whether failed calls are answered by their fallback.
    public var fallback = PolicySetting<FallbackOptions>.initial
    /// The limit of a call with all its attempts.
    public var deadline = PolicySetting<DeadlineOptions>.initial
    /// The calls that are worked on at once, and who is refused when there are more.
    public var loadShedder = PolicySetting<LoadShedderOptions>.initial
    /// Further attempts.
    public var retry = PolicySetting<RetryOptions>.initial
    /// Attempts beside a slow one.
    public var hedge = PolicySetting<HedgeOptions>.initial
    /// When the callee is left alone.
    public var circuitBreaker = PolicySetting<CircuitBreakerOptions>.initial
    /// The share of calls refused while the callee does not keep up.
    public var adaptiveThrottle = PolicySetting<AdaptiveThrottleOptions>.initial
    /// The calls in a time.
    public var rateLimiter = PolicySetting<RateLimiterOptions>.initial
    /// The calls at once.
    public var bulkhead = PolicySetting<BulkheadOptions>.initial
    /// The calls at once, found out from how long they take.
    public var adaptiveLimit = PolicySetting<AdaptiveLimitOptions>.initial
    /// The limit of one attempt.
    public var attemptTimeout = PolicySetting<AttemptTimeoutOptions>.initial
    /// Which endpoints are left out.
    public var outlierEjection = PolicySetting<OutlierEjectionOptions>.initial

    /// Everything disabled.
    public init() {}

    /// The setting of a policy, whatever its options are.
    subscript(kind: PolicyKind) -> any EditableSetting {
        get {
            switch kind {
            case .fallback: fallback
            case .deadline: deadline
            case .loadShedder: loadShedder
            case .retry: retry
            case .hedge: hedge
            case .circuitBreaker: circuitBreaker
            case .adaptiveThrottle: adaptiveThrottle
            case .rateLimiter: rateLimiter
            case .bulkhead: bulkhead
            case .adaptiveLimit: adaptiveLimit
            case .attemptTimeout: attemptTimeout
            case .outlierEjection: outlierEjection
            }
        }
        set {
            switch kind {
            case .fallback: Self.replace(&fallback, newValue)
            case .deadline: Self.replace(&deadline, newValue)
            case .loadShedder: Self.replace(&loadShedder, newValue)
            case .retry: Self.replace(&retry, newValue)
            case .hedge: Self.replace(&hedge, newValue)
            case .circuitBreaker: Self.replace(&circuitBreaker, newValue)
            case .adaptiveThrottle: Self.replace(&adaptiveThrottle, newValue)
            case .rateLimiter: Self.replace(&rateLimiter, newValue)
            case .bulkhead: Self.replace(&bulkhead, newValue)
            case .adaptiveLimit: Self.replace(&adaptiveLimit, newValue)
            case .attemptTimeout: Self.replace(&attemptTimeout, newValue)
            case .outlierEjection: Self.replace(&outlierEjection, newValue)
            }
        }
    }

    private static func replace<Setting: EditableSetting>(_ setting: inout Setting, _ new: any EditableSetting) {
        if let new = new as? Setting { setting = new }
    }

    /// The policies that are switched on.
    var mask: PolicyMask {
        PolicyKind.allCases.reduce(into: []) { mask, kind in
            if self[kind].mode != .disabled { mask.formUnion(.of(kind)) }
        }
    }

    /// Mode and written options of each policy, in the order of the pipeline.
    public var policies: [(kind: PolicyKind, mode: PolicyMode, configuration: ConfigurationMap)] {
        PolicyKind.allCases.map { ($0, self[$0].mode, self[$0].configuration) }
    }

    // MARK: - Edits

    /// Applies the edit of one pipeline: a mode word for all policies, or a mapping from policy to its edit.
    mutating func apply(_ value: ConfigurationValue, at place: [String], _ faults: inout [ConfigurationFault]) {
        switch value {
        case .map(let map):
            // The policies of the key `all` are set first, whatever their place in the mapping.
            for entry in map.entries where entry.key == PolicyEdits.everything {
                setModes(entry.value, at: place + [entry.key], &faults)
            }
            for entry in map.entries where entry.key != PolicyEdits.everything {
                guard let kind = PolicyKind(rawValue: entry.key) else {
                    let allowed = PolicyKind.allCases.map(\.rawValue) + [PolicyEdits.everything]
                    faults.append(.unknownKey(entry.key, at: place, allowed: allowed))
                    continue
                }
                self[kind].apply(entry.value, at: place + [entry.key], &faults)
            }
        case .null: break
        default: setModes(value, at: place, &faults)
        }
    }

    /// Sets the mode of every policy. Policies that were never configured and need to be stay as they are.
    private mutating func setModes(
        _ value: ConfigurationValue, at place: [String], _ faults: inout [ConfigurationFault]
    ) {
        let common = PolicyMode.common.map(\.rawValue)
        let mode: PolicyMode
        switch value {
        case .string(let word) where common.contains(word): mode = PolicyMode(rawValue: word) ?? .disabled
        case .bool(false): mode = .disabled
        default:
            var nearest: String?
            if case .string(let word) = value { nearest = NearestName.find(word, in: common) }
            faults.append(
                ConfigurationFault(
                    path: place, message: "expected a mode for all policies or a mapping, not \(value.kindName)",
                    allowed: common, nearest: nearest))
            return
        }
        for kind in PolicyKind.allCases { self[kind].mode = mode }
        leaveUnconfigured()
    }

    /// After an edit that addresses everything: policies that were never configured and need to be stay switched off.
    mutating func leaveUnconfigured() {
        for kind in PolicyKind.allCases where !self[kind].isConfigured { self[kind].mode = .disabled }
    }

    // MARK: - Checks

    /// Everything that keeps the configuration from being used, with paths that start with `place`.
    ///
    /// - Parameter place: Where the configuration stands in the whole tree.
    public func faults(at place: [String] = []) -> [ConfigurationFault] {
        var faults: [ConfigurationFault] = []
        for kind in PolicyKind.allCases { self[kind].check(at: place + [kind.rawValue], &faults) }
        if deadline.mode == .enforced, attemptTimeout.mode == .enforced, let total = deadline.options?.limit,
            let attempt = attemptTimeout.options?.limit, attempt >= total
        {
            let (attempt, total) = (ConfigurationText.format(attempt), ConfigurationText.format(total))
            faults.append(
                ConfigurationFault(
                    path: place + [PolicyKind.attemptTimeout.rawValue],
                    message: "\(attempt) is not below the deadline of the whole call, \(total): it would never act"))
        }
        if loadShedder.mode != .disabled, loadShedder.options?.limit == .adaptive, adaptiveLimit.mode == .disabled {
            faults.append(
                ConfigurationFault(
                    path: place + [PolicyKind.loadShedder.rawValue, "limit"],
                    message:
                        "adaptive takes the limit of adaptive-limit, which is disabled: set it to shadow or enforced"))
        }
        return faults
    }
}

/// A setting of which nothing is known but that it can be edited, checked and printed.
protocol EditableSetting: Sendable {
    var mode: PolicyMode { get set }
    /// Whether the policy has all that it needs to be switched on.
    var isConfigured: Bool { get }
    var configuration: ConfigurationMap { get }

    mutating func apply(_ value: ConfigurationValue, at place: [String], _ faults: inout [ConfigurationFault])
    func check(at place: [String], _ faults: inout [ConfigurationFault])
    /// Takes the options of another setting unless somebody has set some.
    mutating func takeOptionsIfUnset(of other: Self)
}

extension PolicySetting: EditableSetting where Options: PolicyOptions {
    var isConfigured: Bool {
        options != nil
    }

    mutating func takeOptionsIfUnset(of other: PolicySetting) {
        if options == nil || options == Options.blank { options = other.options ?? options }
    }
}
