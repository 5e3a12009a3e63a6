// SPDX-License-Identifier: Apache-2.0

extension PolicyKind {
    /// Whether the policy has a place around the handling of requests. The others are for calls to somebody else: they
    /// make a call again, judge who is called or choose between several, or answer in the callee's place.
    package var suitsServers: Bool {
        switch self {
        case .deadline, .loadShedder, .rateLimiter, .bulkhead, .adaptiveLimit, .attemptTimeout: true
        case .fallback, .retry, .hedge, .circuitBreaker, .adaptiveThrottle, .outlierEjection: false
        }
    }
}

extension PolicyEdits {
    /// What edits by name say about server pipelines that makes no sense there: policies for calls to somebody else.
    ///
    /// - Parameter servers: The names of pipelines that handle requests.
    package func faults(ofServers servers: [String]) -> [ConfigurationFault] {
        entries.entries.filter { servers.contains($0.key) }.flatMap { entry -> [ConfigurationFault] in
            guard case .map(let policies) = entry.value else { return [] }
            return policies.entries.filter { policy in
                guard let kind = PolicyKind(rawValue: policy.key), !kind.suitsServers else { return false }
                return policy.value != .string(PolicyMode.disabled.rawValue) && policy.value != .bool(false)
            }.map { policy in
                ConfigurationFault(
                    path: [entry.key, policy.key],
                    message: "is for calls to another service; \(entry.key) is the pipeline of requests that come in",
                    allowed: PolicyKind.allCases.filter(\.suitsServers).map(\.rawValue))
            }
        }
    }

    /// The same edits, but what they say about all pipelines or all policies leaves those policies of server pipelines
    /// switched off that are for calls to somebody else.
    ///
    /// - Parameter servers: The names of pipelines that handle requests.
    package func sparing(servers: [String]) -> PolicyEdits {
        let concernsAll = entries[Self.everything] != nil
        var edited = entries
        for server in servers {
            let own = entries[server]
            guard concernsAll || own != nil else { continue }
            var policies: ConfigurationMap
            switch own {
            case .map(let map): policies = map
            case nil, .null: policies = ConfigurationMap()
            case .some(let mode): policies = ConfigurationMap([.init(Self.everything, mode)])
            }
            for kind in PolicyKind.allCases where !kind.suitsServers {
                policies[kind.rawValue] = .string(PolicyMode.disabled.rawValue)
            }
            edited[server] = .map(policies)
        }
        // Safe because entries of valid edits stay valid, and "disabled" is a mode of every policy.
        return (try? PolicyEdits(.map(edited))) ?? self
    }
}
