// SPDX-License-Identifier: Apache-2.0

internal import Glibc

extension ServiceSecret {
    /// The token of the admin port: the one in `SEAWALL_ADMIN_TOKEN`, else a new one, which is written to stderr.
    static func ofAdminPort(service: String) -> ServiceSecret {
        if let value = getenv("SEAWALL_ADMIN_TOKEN").map({ String(cString: $0) }), !value.isEmpty {
            return ServiceSecret(value: value)
        }
        let token = ServiceSecret.random()
        StandardStreams.error("\(service)-service: the admin token is \(token.value)")
        return token
    }
}
