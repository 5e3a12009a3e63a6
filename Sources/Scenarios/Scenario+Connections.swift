// SPDX-License-Identifier: Apache-2.0

extension Scenario {
    /// How the generator connects to the targets.
    package struct Connections: Sendable, Equatable {
        package enum Strategy: String, Sendable, CaseIterable {
            case shared
            case perUser = "per-user"
            case perRequest = "per-request"
        }
        package var strategy = Strategy.shared
        /// Most connections to one target.
        package var limitPerTarget = 512
        /// For looking up, connecting and the TLS handshake together.
        package var connectTimeout: Duration = .seconds(5)
        /// How long a request may wait for one of the limited connections.
        package var waitTimeout: Duration = .seconds(30)
        /// After which a connection without a request is closed; nil leaves that to the server.
        package var idleTimeout: Duration?
        /// After how many requests, and at which age, a connection is closed; nil for no limit.
        package var maxRequests: Int?
        package var maxAge: Duration?
        /// Share by which each connection's own limits lie below or above these two.
        package var spread = 0.1
        /// How old looked-up addresses may be when a connection is made; nil looks names up once.
        package var dnsRefresh: Duration?
        /// Whether new TLS connections resume sessions of earlier ones.
        package var tlsResumption = true

        package init(strategy: Strategy = .shared, limitPerTarget: Int = 512) {
            self.strategy = strategy
            self.limitPerTarget = limitPerTarget
        }
    }

    /// How TLS to a target is spoken, beyond whom to trust.
    package struct TLS: Sendable, Equatable {
        package enum Version: String, Sendable, CaseIterable {
            case tls12 = "1.2"
            case tls13 = "1.3"
        }
        package var minimumVersion = Version.tls12
        package var maximumVersion = Version.tls13
        /// OpenSSL's list of TLS 1.2 ciphers, and of TLS 1.3 suites; nil for the library's choice.
        package var ciphers: String?
        package var cipherSuites: String?
        /// Protocols to offer; empty offers none.
        package var alpn = ["http/1.1"]
        /// Name to send and to find in the certificate instead of the URL's host.
        package var serverName: String?
        /// PEM files of a client certificate and of its key; without `keyFile` both are in the first.
        package var certificateFile: String?
        package var keyFile: String?

        package init() {}
    }
}
