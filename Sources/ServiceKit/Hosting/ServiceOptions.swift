// SPDX-License-Identifier: Apache-2.0

package import ArgumentParser
internal import FaultInjection

/// The options that every service has.
package struct ServiceOptions: ParsableArguments {
    @Option(help: ArgumentHelp("Directory of the service's database; made if need be.", valueName: "dir"))
    package var data: String

    @Option(
        help: ArgumentHelp(
            "Directory of the development CA, shared by all services; made if need be.", valueName: "dir"))
    package var tls: String

    @Option(help: "Address to listen on.")
    package var host = "127.0.0.1"

    @Option(help: "Port for HTTPS; 0 takes a free one.")
    package var port = 0

    @Option(help: "Port for administration, on 127.0.0.1; 0 takes a free one.")
    package var adminPort = 0

    @Option(
        name: .customLong("peer"),
        help: ArgumentHelp(
            "Where another service answers, like user=https://127.0.0.1:8443; may be repeated.", valueName: "name=url"))
    package var peers: [Peer] = []

    @Option(help: "What hashing a password costs: bench or owasp.")
    package var kdf = PasswordCostName.bench

    @Option(help: "How long an access token is valid, like 15m.")
    package var tokenLifetime = PositiveDuration(.seconds(15 * 60))

    @Option(help: ArgumentHelp("JSON file with the policies to start with.", valueName: "file"))
    package var policies: String?

    @Option(help: "How much is logged to stderr: trace, debug, info, notice, warning, error or critical.")
    package var logLevel = LogLevelName.warning

    package init() {}

    package func validate() throws {
        for (name, port) in [("--port", port), ("--admin-port", adminPort)] where !(0...65_535).contains(port) {
            throw ValidationError("\(name) is \(port); a port lies between 0 and 65535")
        }
        for (name, path) in [("--data", data), ("--tls", tls)] where path.isEmpty {
            throw ValidationError("\(name) is empty; name a directory")
        }
    }
}

/// `user=https://127.0.0.1:8443`.
package struct Peer: ExpressibleByArgument, Sendable {
    package var name: String
    package var address: ServiceAddress

    package init?(argument: String) {
        let parts = argument.split(separator: "=", maxSplits: 1)
        guard parts.count == 2, let address = ServiceAddress(String(parts[1])) else { return nil }
        name = String(parts[0])
        self.address = address
    }
}

/// A duration above zero, like `250ms` or `15m`.
package struct PositiveDuration: ExpressibleByArgument, Sendable {
    package var value: Duration

    package init(_ value: Duration) { self.value = value }

    package init?(argument: String) {
        guard let value = try? DurationText.parse(argument), value > .zero else { return nil }
        self.value = value
    }

    package var defaultValueDescription: String { DurationText.format(value) }
}

/// The names of ``PasswordHasher/Cost``.
package enum PasswordCostName: String, ExpressibleByArgument, CaseIterable, Sendable {
    case bench, owasp

    package var cost: PasswordHasher.Cost { self == .bench ? .bench : .owasp }
}

/// The names of swift-log's levels.
package enum LogLevelName: String, ExpressibleByArgument, CaseIterable, Sendable {
    case trace, debug, info, notice, warning, error, critical
}
