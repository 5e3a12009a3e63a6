// SPDX-License-Identifier: Apache-2.0

package import Foundation

/// A JSON Web Key Set (RFC 7517) of Ed25519 keys (RFC 8037), as `/.well-known/jwks.json` holds it.
package struct PublishedKeys: Sendable, Equatable, Codable {
    package struct Key: Sendable, Equatable, Codable {
        package var kid: String
        package var kty: String
        package var crv: String
        package var alg: String
        package var use: String
        /// The public key, base64url without padding.
        package var x: String

        package init(keyID: String, publicKey: Data) {
            kid = keyID
            kty = "OKP"
            crv = "Ed25519"
            alg = "EdDSA"
            use = "sig"
            x = publicKey.base64EncodedString().replacing("+", with: "-").replacing("/", with: "_").replacing(
                "=", with: "")
        }
    }

    package var keys: [Key]

    package init(keys: [Key]) {
        self.keys = keys
    }
}
