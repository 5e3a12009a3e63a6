// SPDX-License-Identifier: Apache-2.0

internal import ArgumentParser
internal import LoadGenerator

/// Flags of `seawall bench` that say how connections are made and kept, as `connections:` and `tls:` do in a script.
struct ConnectionArguments: ParsableArguments {
    @Option(help: "How connections are used: shared, per-user (one a journey) or per-request.")
    var strategy: Strategy = .shared

    @Option(help: "Close a connection after so many requests, 10 % more or less.")
    var maxRequests: Int?

    @Option(help: "Close a connection at this age, 10 % more or less.")
    var maxAge: DurationArgument?

    @Option(help: "Close a connection that has been idle for so long.")
    var idleTimeout: DurationArgument?

    @Option(help: "Time limit of making a connection.")
    var connectTimeout = DurationArgument(.seconds(5))

    @Option(help: "Time limit of waiting for one of the connections.")
    var waitTimeout = DurationArgument(.seconds(30))

    @Option(help: "Look the host's name up again when its addresses are older; once without it.")
    var dnsRefresh: DurationArgument?

    @Option(help: "Lowest TLS version: 1.2 or 1.3.")
    var tlsMin: Version = .tls12

    @Option(help: "Highest TLS version: 1.2 or 1.3.")
    var tlsMax: Version = .tls13

    @Option(help: "OpenSSL's list of ciphers for TLS 1.2.")
    var ciphers: String?

    @Option(help: "Cipher suites of TLS 1.3, with colons between them.")
    var cipherSuites: String?

    @Option(help: "Protocol to offer by ALPN; repeatable. 'none' offers none.")
    var alpn: [String] = ["http/1.1"]

    @Option(help: "Name to send (SNI) and to find in the certificate instead of the URL's host.")
    var serverName: String?

    @Option(help: "PEM file of a client certificate with its chain.")
    var cert: String?

    @Option(help: "PEM file of the client certificate's key; the certificate's file without it.")
    var key: String?

    @Flag(help: "Make every TLS handshake a full one.")
    var noResumption = false

    enum Strategy: String, ExpressibleByArgument, CaseIterable {
        case shared
        case perUser = "per-user"
        case perRequest = "per-request"
    }

    enum Version: String, ExpressibleByArgument, CaseIterable {
        case tls12 = "1.2"
        case tls13 = "1.3"

        var plan: Plan.TLS.Version { self == .tls12 ? .tls12 : .tls13 }
    }

    func validate() throws {
        if let maxRequests, !(1...1_000_000_000).contains(maxRequests) {
            throw ValidationError("--max-requests takes 1 to 1000000000")
        }
        if tlsMin == .tls13 && tlsMax == .tls12 { throw ValidationError("--tls-min is above --tls-max") }
        if key != nil && cert == nil { throw ValidationError("--key is the key of --cert, which is missing") }
    }

    /// The flags given that say something about TLS.
    var tlsFlags: [String] {
        let flags: [(name: String, isGiven: Bool)] = [
            ("--tls-min", tlsMin != .tls12), ("--tls-max", tlsMax != .tls13), ("--ciphers", ciphers != nil),
            ("--cipher-suites", cipherSuites != nil), ("--alpn", alpn != ["http/1.1"]),
            ("--server-name", serverName != nil), ("--cert", cert != nil), ("--key", key != nil),
            ("--no-resumption", noResumption),
        ]
        return flags.filter(\.isGiven).map(\.name)
    }

    func apply(to connections: inout Plan.Connections) {
        connections.strategy =
            switch strategy {
            case .shared: .shared
            case .perUser: .perUser
            case .perRequest: .perRequest
            }
        connections.maxRequests = maxRequests
        connections.maxAge = maxAge?.value
        connections.idleTimeout = idleTimeout?.value
        connections.connectTimeout = connectTimeout.value
        connections.waitTimeout = waitTimeout.value
        connections.dnsRefresh = dnsRefresh?.value
    }

    func apply(to tls: inout Plan.TLS) {
        tls.minimumVersion = tlsMin.plan
        tls.maximumVersion = tlsMax.plan
        tls.ciphers = ciphers
        tls.cipherSuites = cipherSuites
        tls.alpn = alpn == ["none"] ? [] : alpn
        tls.serverName = serverName
        tls.certificateFile = cert
        tls.keyFile = key
        tls.resumption = !noResumption
    }
}
