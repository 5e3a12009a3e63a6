// SPDX-License-Identifier: Apache-2.0

/// What a script may say about the built-in social network.
package enum SocialNetwork {
    package static let services = ["user", "post", "comment"]

    /// Calls between the services, each through the caller's pipeline of this name.
    package static let pipelines = ["post -> user", "post -> comment", "comment -> post", "comment -> user"]

    /// Tables of the population and their columns, for `${random.TABLE.COLUMN}`.
    package static let tables = ["users": ["id", "name", "token"], "posts": ["id", "author"]]
}

extension Scenario {
    /// The caller's name of the load generator on an edge.
    package static let loadName = "load"

    /// An edge as scripts write it.
    package static func edgeName(from caller: String, to callee: String) -> String { "\(caller) -> \(callee)" }
}

extension Scenario.System {
    /// Names of the targets that steps send requests to.
    package var targetNames: [String] {
        switch self {
        case .social: SocialNetwork.services
        case .targets(let targets): targets.map(\.name)
        case .stations(let stations, _): stations.map(\.name)
        }
    }

    /// The word for it in scripts.
    package var word: String {
        switch self {
        case .social: "social"
        case .targets: "targets"
        case .stations: "stations"
        }
    }

    /// Edges that a fault can stand on: the calls between the services, and the load to each of them.
    package var edgeNames: [String] {
        guard self == .social else { return [] }
        return SocialNetwork.pipelines + targetNames.map { Scenario.edgeName(from: Scenario.loadName, to: $0) }
    }

    /// Names of the pipelines that policies can be set for.
    package var pipelineNames: [String] { self == .social ? SocialNetwork.pipelines + serverPipelineNames : [] }

    /// Names of those of them that requests to a service go through: the services' own.
    package var serverPipelineNames: [String] { self == .social ? SocialNetwork.services : [] }
}
