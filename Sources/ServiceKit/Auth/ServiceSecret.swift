// SPDX-License-Identifier: Apache-2.0

internal import Crypto
internal import Foundation

/// What the services of one network share, so that they know each other where no user stands behind a call.
///
/// It lies beside the development CA's key, readable by the owner only.
package struct ServiceSecret: Sendable {
    package let value: String

    package init(value: String) {
        self.value = value
    }

    /// 32 random bytes, in hexadecimal.
    package static func random() -> ServiceSecret {
        ServiceSecret(
            value: SymmetricKey(size: .bits256).withUnsafeBytes { $0.map { String(format: "%02x", $0) }.joined() })
    }

    /// Compares without telling by the time it takes how much is right.
    package func matches(_ other: String) -> Bool {
        // Codes of equal length are compared in constant time, whatever the lengths of what was sent.
        let key = SymmetricKey(size: .bits256)
        let code = HMAC<SHA256>.authenticationCode(for: Data(value.utf8), using: key)
        return HMAC<SHA256>.isValidAuthenticationCode(code, authenticating: Data(other.utf8), using: key)
    }
}
