// SPDX-License-Identifier: Apache-2.0

internal import Crypto
internal import CryptoExtras
internal import Foundation
package import NIOPosix

/// Hashes passwords with scrypt (RFC 7914), away from the event loops.
///
/// A hash carries its own parameters, so that the cost can change without locking anyone out:
/// `$scrypt$ln=17,r=8,p=1$<salt>$<hash>`, the last two in base64.
package struct PasswordHasher: Sendable {
    /// How much a hash costs: 2^`logN` rounds over 128 · 8 · 2^`logN` bytes.
    package struct Cost: Sendable, Equatable {
        package let name: String
        package let logN: Int

        /// For benchmarks: 1 MiB and a few milliseconds. No protection for passwords that matter.
        package static let bench = Cost(name: "bench", logN: 10)
        /// What the OWASP Password Storage Cheat Sheet asks of scrypt: N = 2^17, r = 8, p = 1; 128 MiB and some 300 ms.
        package static let owasp = Cost(name: "owasp", logN: 17)

    }

    package let cost: Cost
    private let threads: NIOThreadPool
    private static let blockSize = 8
    private static let hashLength = 32

    /// - Parameter threads: where hashes are computed; its size bounds how many at once, and so the memory they take.
    package init(cost: Cost, threads: NIOThreadPool) {
        self.cost = cost
        self.threads = threads
    }

    /// The hash to store for a password.
    ///
    /// - Parameter password: not empty; ``isAcceptable(_:)`` tells.
    /// - Throws: when the machine has no memory for it.
    package func hash(_ password: String) async throws -> String {
        precondition(Self.isAcceptable(password), "an empty password has no hash")
        let salt = SymmetricKey(size: .bits128).withUnsafeBytes { Data($0) }
        let logN = cost.logN
        let key = try await threads.runIfActive { try Self.derive(password, salt: salt, logN: logN) }
        return "$scrypt$ln=\(logN),r=\(Self.blockSize),p=1$\(salt.base64EncodedString())$\(key.base64EncodedString())"
    }

    /// Whether `stored` is the hash of `password`. A stored text that is no hash matches nothing.
    package func verify(_ password: String, against stored: String) async throws -> Bool {
        guard Self.isAcceptable(password), let (logN, salt, expected) = Self.parse(stored) else { return false }
        let key = try await threads.runIfActive { try Self.derive(password, salt: salt, logN: logN) }
        // Constant time for equal lengths, which they have.
        return key.count == expected.count && zip(key, expected).reduce(UInt8(0)) { $0 | ($1.0 ^ $1.1) } == 0
    }

    /// Takes as long as a check that fails: an unknown name must not be told from a wrong password by the clock.
    package func verifyNothing() async throws {
        _ = try await hash("nobody")
    }

    /// Whether a password can be hashed: scrypt here takes no empty one.
    package static func isAcceptable(_ password: String) -> Bool { !password.isEmpty }

    private static func derive(_ password: String, salt: Data, logN: Int) throws -> Data {
        let key = try KDF.Scrypt.deriveKey(
            from: Data(password.utf8), salt: salt, outputByteCount: hashLength, rounds: 1 << logN, blockSize: blockSize,
            parallelism: 1)
        return key.withUnsafeBytes { Data($0) }
    }

    private static func parse(_ stored: String) -> (logN: Int, salt: Data, hash: Data)? {
        let parts = stored.split(separator: "$")
        guard parts.count == 4, parts[0] == "scrypt", parts[1].hasPrefix("ln="), parts[1].hasSuffix(",r=8,p=1"),
            let logN = Int(parts[1].dropFirst(3).prefix { $0 != "," }), (1...20).contains(logN),
            let salt = Data(base64Encoded: String(parts[2])), let hash = Data(base64Encoded: String(parts[3])),
            hash.count == hashLength
        else { return nil }
        return (logN, salt, hash)
    }
}
