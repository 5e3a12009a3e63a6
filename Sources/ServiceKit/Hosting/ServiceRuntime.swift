// SPDX-License-Identifier: Apache-2.0

package import Logging

/// What a service is given to work with.
package struct ServiceRuntime: Sendable {
    /// Of the service: `post`.
    package var name: String
    /// The service's own directory. Its database lies there.
    package var dataDirectory: String
    /// For calls to other services.
    package var client: ResilientClient
    /// Checks access tokens. The User service replaces it by one with its own keys: see ``SocialService/tokens``.
    package var tokens: TokenVerifier
    package var secret: ServiceSecret
    package var settings: ServiceSettings
    package var logger: Logger

    package init(
        name: String, dataDirectory: String, client: ResilientClient, tokens: TokenVerifier, secret: ServiceSecret,
        settings: ServiceSettings = ServiceSettings(), logger: Logger
    ) {
        self.name = name
        self.dataDirectory = dataDirectory
        self.client = client
        self.tokens = tokens
        self.secret = secret
        self.settings = settings
        self.logger = logger
    }
}

/// What can be set about a service's work.
package struct ServiceSettings: Sendable {
    /// What hashing a password costs.
    package var passwordCost: PasswordHasher.Cost
    /// How long an access token is valid.
    package var tokenLifetime: Duration

    package init(passwordCost: PasswordHasher.Cost = .bench, tokenLifetime: Duration = .seconds(15 * 60)) {
        self.passwordCost = passwordCost
        self.tokenLifetime = tokenLifetime
    }
}
