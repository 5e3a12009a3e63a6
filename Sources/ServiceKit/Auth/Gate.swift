// SPDX-License-Identifier: Apache-2.0

internal import HTTPTypes
internal import Hummingbird

/// Decides who may call.
package struct Gate: Sendable {
    package let tokens: TokenVerifier
    package let secret: ServiceSecret

    package init(tokens: TokenVerifier, secret: ServiceSecret) {
        self.tokens = tokens
        self.secret = secret
    }

    /// The user whom the bearer token names.
    ///
    /// - Throws: a ``Problem``, 401, or 503 while tokens can't be checked.
    func caller(_ request: Request) async throws -> Caller {
        guard let field = request.headers[.authorization] else {
            throw Problem.unauthorized("Sign in and send Authorization: Bearer <access token>.")
        }
        guard let token = Self.bearer(field) else {
            throw Problem.unauthorized("Authorization must be: Bearer <access token>.", type: "invalid-token")
        }
        return try await tokens.verify(token)
    }

    func requireService(_ request: Request) throws {
        guard let sent = request.headers[.serviceSecret], secret.matches(sent) else {
            throw Problem.unauthorized("Only services of this network may call this.")
        }
    }

    /// The token of `Bearer <token>`; the scheme's case does not matter (RFC 9110, 11.1).
    static func bearer(_ field: String) -> String? {
        let parts = field.split(separator: " ", omittingEmptySubsequences: true)
        guard parts.count == 2, parts[0].lowercased() == "bearer" else { return nil }
        return String(parts[1])
    }
}
