// SPDX-License-Identifier: Apache-2.0

/// A service of the social network.
package enum ServiceName: String, Sendable, CaseIterable, Codable {
    case user, post, comment

    /// Name of its executable.
    package var executable: String { "\(rawValue)-service" }
}

/// A caller and a callee; the caller `load` is the load generator.
package struct Edge: Sendable, Hashable, CustomStringConvertible {
    package var from: String
    package var to: String

    package init(from: String, to: String) {
        self.from = from
        self.to = to
    }

    package var description: String { "\(from) -> \(to)" }
}
