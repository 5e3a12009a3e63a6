// SPDX-License-Identifier: Apache-2.0

internal import Foundation
internal import ServiceKit

/// The key that access tokens are signed with. It is kept in the data directory, so that tokens outlive the process.
enum SigningKeyFile {
    /// A signer with the key of the directory, which is made when there is none.
    ///
    /// - Throws: `StartupError`.
    static func signer(in directory: String, lifetime: Duration) async throws -> TokenSigner {
        let path = directory + "/signing-key"
        let key: Data
        if let text = try PrivateFile.read(path) {
            guard let bytes = Data(base64Encoded: text.trimmingCharacters(in: .whitespacesAndNewlines)) else {
                throw unreadable(path)
            }
            key = bytes
        } else {
            key = TokenSigner.newPrivateKey()
            try PrivateFile.write(key.base64EncodedString() + "\n", to: path)
        }
        do {
            return try await TokenSigner(privateKey: key, lifetime: lifetime)
        } catch {
            throw unreadable(path)
        }
    }

    private static func unreadable(_ path: String) -> StartupError {
        StartupError("\(path) is not a signing key; remove it to have a new one made (everyone has to sign in again)")
    }
}
