// SPDX-License-Identifier: Apache-2.0

internal import Foundation
internal import JWTKit

/// What an access token says (RFC 7519). Times are whole seconds since 1970.
struct AccessClaims: JWTPayload {
    var iss: String
    var aud: String
    var sub: String
    var name: String
    /// The sign-in it belongs to.
    var sid: String?
    var iat: Int
    var exp: Int

    static let issuer = "seawall-user-service"
    static let audience = "seawall"

    /// Nothing: ``TokenVerifier`` checks the claims against its own clock.
    func verify(using algorithm: some JWTAlgorithm) async throws {}
}
