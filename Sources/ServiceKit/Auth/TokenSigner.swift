// SPDX-License-Identifier: Apache-2.0

internal import Crypto
package import Foundation
internal import JWTKit

/// Signs access tokens with Ed25519 (JWT `EdDSA`, RFC 8037). Only the User service has one.
package final class TokenSigner: Sendable {
    package let lifetime: Duration
    /// Names the key in tokens and in the published key set: the start of the public key's SHA-256.
    package let keyID: String
    package let publicKey: Data
    private let keys: JWTKeyCollection

    /// - Parameters:
    ///   - privateKey: the 32 bytes of an Ed25519 private key.
    ///   - lifetime: of a token; whole seconds, at least one.
    /// - Throws: when the bytes are no key.
    package init(privateKey: Data, lifetime: Duration) async throws {
        let key = try Curve25519.Signing.PrivateKey(rawRepresentation: privateKey)
        self.lifetime = lifetime
        publicKey = key.publicKey.rawRepresentation
        keyID = SHA256.hash(data: publicKey).prefix(8).map { String(format: "%02x", $0) }.joined()
        keys = JWTKeyCollection()
        await keys.add(eddsa: EdDSA.PrivateKey(backing: key), kid: JWKIdentifier(string: keyID))
    }

    /// A new random private key.
    package static func newPrivateKey() -> Data {
        Curve25519.Signing.PrivateKey().rawRepresentation
    }

    /// A token for a user who has just proved who they are.
    package func sign(
        userID: String, name: String, session: String? = nil, at now: Date = Date()
    ) async throws -> String {
        let issued = Int(now.timeIntervalSince1970)
        let claims = AccessClaims(
            iss: AccessClaims.issuer, aud: AccessClaims.audience, sub: userID, name: name, sid: session,
            iat: issued, exp: issued + max(1, Int(lifetime.components.seconds)))
        return try await keys.sign(claims, kid: JWKIdentifier(string: keyID))
    }

    /// What other services check tokens with.
    package var publishedKeys: PublishedKeys {
        PublishedKeys(keys: [.init(keyID: keyID, publicKey: publicKey)])
    }
}
