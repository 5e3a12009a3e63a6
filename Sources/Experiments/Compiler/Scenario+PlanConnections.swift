// SPDX-License-Identifier: Apache-2.0

internal import LoadGenerator
internal import Scenarios

extension Scenario.Connections {
    /// The same as the load generator takes it.
    var plan: Plan.Connections {
        var connections = Plan.Connections()
        connections.strategy =
            switch strategy {
            case .shared: .shared
            case .perUser: .perUser
            case .perRequest: .perRequest
            }
        connections.limitPerTarget = limitPerTarget
        connections.connectTimeout = connectTimeout
        connections.waitTimeout = waitTimeout
        connections.idleTimeout = idleTimeout
        connections.maxRequests = maxRequests
        connections.maxAge = maxAge
        connections.spread = spread
        connections.dnsRefresh = dnsRefresh
        return connections
    }
}

extension Scenario.Target {
    /// Its TLS as the load generator takes it.
    var planTLS: Plan.TLS {
        var plan = Plan.TLS(rootsFile: rootsFile, verify: verify)
        plan.minimumVersion = tls.minimumVersion.plan
        plan.maximumVersion = tls.maximumVersion.plan
        plan.ciphers = tls.ciphers
        plan.cipherSuites = tls.cipherSuites
        plan.alpn = tls.alpn
        plan.serverName = tls.serverName
        plan.certificateFile = tls.certificateFile
        plan.keyFile = tls.keyFile
        return plan
    }
}

extension Scenario.TLS.Version {
    fileprivate var plan: Plan.TLS.Version {
        switch self {
        case .tls12: .tls12
        case .tls13: .tls13
        }
    }
}
