// SPDX-License-Identifier: Apache-2.0

import NIOPosix
import Testing

@testable import ServiceKit

@Suite("Password hashes")
struct PasswordHasherTests {
    private func hasher(_ cost: PasswordHasher.Cost = .bench) -> PasswordHasher {
        PasswordHasher(cost: cost, threads: .singleton)
    }

    @Test("the right password matches and others don't")
    func matches() async throws {
        let stored = try await hasher().hash("correct horse")
        #expect(stored.hasPrefix("$scrypt$ln=10,r=8,p=1$"))
        #expect(try await hasher().verify("correct horse", against: stored))
        #expect(try await !hasher().verify("correct horsf", against: stored))
        #expect(try await !hasher().verify("", against: stored))
    }

    @Test("two hashes of one password differ")
    func salted() async throws {
        #expect(try await hasher().hash("correct horse") != hasher().hash("correct horse"))
    }

    @Test("a hash is checked with the cost it was made with")
    func costTravels() async throws {
        let stored = try await hasher(.bench).hash("correct horse")
        #expect(try await hasher(.owasp).verify("correct horse", against: stored))
    }

    @Test(
        "what is no hash matches nothing",
        arguments: [
            "", "secret", "$scrypt$", "$scrypt$ln=99,r=8,p=1$AAAA$AAAA", "$scrypt$ln=10,r=8,p=1$AAAA$",
            "$scrypt$ln=10,r=8,p=1$***$***", "$argon2id$ln=10,r=8,p=1$AAAA$AAAA", "$scrypt$ln=,r=8,p=1$AAAA$AAAA",
        ])
    func garbage(stored: String) async throws {
        #expect(try await !hasher().verify("secret", against: stored))
    }
}
