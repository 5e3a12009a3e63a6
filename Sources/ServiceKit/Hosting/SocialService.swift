// SPDX-License-Identifier: Apache-2.0

package import Hummingbird
package import ServiceLifecycle

/// A service of the social network, as ``ServiceHost`` runs it: its name, its routes, and what runs in the background.
package protocol SocialService: Sendable {
    /// One lower-case word: `post`. Names its database, its pipelines and its command (`post-service`).
    static var name: String { get }
    /// The services it calls. It is not ready before it knows an instance of each.
    static var peers: [String] { get }
    /// One sentence for `--help`.
    static var abstract: String { get }

    /// Opens the database and whatever else must be there before the first request.
    ///
    /// - Throws: ``StartupError`` for what a person can put right.
    init(_ runtime: ServiceRuntime) async throws

    /// Checks the access tokens of requests; by default with the keys that the User service publishes.
    var tokens: TokenVerifier? { get }

    func addRoutes(to router: Router<ServiceContext>)

    /// Start with the service and stop after its last request, in the reverse of this order.
    var backgroundServices: [any Service] { get }
}

extension SocialService {
    package var tokens: TokenVerifier? { nil }
    package var backgroundServices: [any Service] { [] }
}
