// SPDX-License-Identifier: Apache-2.0

extension Plan {
    /// How the engine connects to its targets.
    package struct Connections: Sendable {
        package enum Strategy: Sendable {
            /// Requests take whichever connection is free, as services do among each other.
            case shared
            /// A session has connections of its own, one to each target, and closes them at its end, as browsers do. When all
            /// that the limit allows are in other hands, the one that has been idle for longest gives way.
            case perUser
            /// A new connection for each request.
            case perRequest
        }

        package var strategy: Strategy = .shared
        /// Most connections to one target over all workers; requests beyond wait, and their wait is response time.
        package var limitPerTarget = 512
        /// For looking up, connecting and the TLS handshake together.
        package var connectTimeout: Duration = .seconds(5)
        /// A request that has waited so long for one of the connections ends as `no-connection`.
        package var waitTimeout: Duration = .seconds(30)
        /// Connections without a request are closed after this time; nil leaves that to the server.
        package var idleTimeout: Duration?
        /// A connection is closed after this number of requests; nil for no limit.
        package var maxRequests: Int?
        /// A connection is closed after the request during which it becomes so old, or when it would be used again.
        package var maxAge: Duration?
        /// Each connection's own limits lie this share below to above `maxRequests` and `maxAge`, drawn from the plan's seed, so that
        /// connections made together don't all end together.
        package var spread = 0.1
        /// A new connection has the target's name looked up again, and its request waits for that, when the addresses
        /// are older; nil looks up once, before the start.
        package var dnsRefresh: Duration?

        package init() {}
    }

    /// How a target's TLS connections are made.
    package struct TLS: Sendable {
        package enum Version: String, Sendable, CaseIterable, Comparable {
            case tls12 = "1.2"
            case tls13 = "1.3"

            /// The protocol's own number.
            var number: Int32 { self == .tls12 ? 0x0303 : 0x0304 }
            package static func < (one: Self, other: Self) -> Bool { one.number < other.number }
        }

        /// PEM file with the roots to trust; nil for the system's.
        package var rootsFile: String?
        package var verify = true
        /// Resume sessions on new connections.
        package var resumption = true
        package var minimumVersion = Version.tls12
        package var maximumVersion = Version.tls13
        /// OpenSSL's list of ciphers for TLS 1.2, and the suites of TLS 1.3; nil for the library's own choice.
        package var ciphers: String?
        package var cipherSuites: String?
        /// Protocols to offer by ALPN; the engine speaks HTTP/1 whatever is offered, and refuses to go on when the server
        /// chooses another. Empty offers none.
        package var alpn = ["http/1.1"]
        /// Name to send (SNI) and to find in the certificate instead of the target's host.
        package var serverName: String?
        /// PEM files of a client certificate with its chain, and of its key; the key may be in the same file.
        package var certificateFile: String?
        package var keyFile: String?

        package init(rootsFile: String?, verify: Bool = true) {
            self.rootsFile = rootsFile
            self.verify = verify
        }
    }
}

extension Plan.Connections {
    /// What makes the settings impossible, one line each.
    func problems() -> [String] {
        var problems: [String] = []
        if !(1...1_000_000).contains(limitPerTarget) {
            problems.append("the limit of connections must be 1 to 1000000, not \(limitPerTarget)")
        }
        let times = [
            ("time limit of connecting", connectTimeout), ("time limit of waiting for a connection", waitTimeout),
            ("idle time-out of connections", idleTimeout ?? .seconds(1)), ("age of connections", maxAge ?? .seconds(1)),
        ]
        for (what, time) in times where time <= .zero { problems.append("the \(what) must be more than 0") }
        if let maxRequests, !(1...1_000_000_000).contains(maxRequests) {
            problems.append("the number of requests of a connection must be 1 to 1000000000, not \(maxRequests)")
        }
        if !(spread >= 0 && spread < 1) {
            problems.append("the spread of connections' limits must be from 0 to below 1, not \(spread)")
        }
        if let dnsRefresh, dnsRefresh < .zero { problems.append("the refresh of names must not be negative") }
        return problems
    }
}

extension Plan.TLS {
    /// What makes the settings impossible, one line each.
    func problems() -> [String] {
        var problems: [String] = []
        if minimumVersion > maximumVersion {
            problems.append("TLS can't be at least \(minimumVersion.rawValue) and at most \(maximumVersion.rawValue)")
        }
        for name in alpn where !(1...255).contains(name.utf8.count) {
            problems.append("`\(name)` is not the name of a protocol for ALPN")
        }
        if keyFile != nil, certificateFile == nil { problems.append("there is a TLS key without its certificate") }
        if serverName?.isEmpty == true { problems.append("the TLS server name is empty") }
        return problems
    }
}
