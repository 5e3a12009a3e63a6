// SPDX-License-Identifier: Apache-2.0

import Crypto
import Foundation
import HTTPTypes
import Synchronization
import Testing

@testable import ServiceKit

@Suite("Access tokens")
struct TokenVerifierTests {
    private static let privateKey = TokenSigner.newPrivateKey()
    private static let start = Date(timeIntervalSince1970: 1_800_000_000)

    private static func signer(_ key: Data = privateKey) async throws -> TokenSigner {
        try await TokenSigner(privateKey: key, lifetime: .seconds(900))
    }

    /// A token made by hand, so that it can be wrong in any way.
    private static func forge(
        alg: String = "EdDSA", kid: String? = nil, claims: [String: Any] = [:],
        sign: (Data) throws -> Data = {
            try Curve25519.Signing.PrivateKey(rawRepresentation: privateKey).signature(for: $0)
        }
    ) async throws -> String {
        func encode(_ data: Data) -> String {
            data.base64EncodedString().replacing("+", with: "-").replacing("/", with: "_").replacing("=", with: "")
        }
        let ours = try await signer().keyID
        let header: [String: Any] = ["alg": alg, "typ": "JWT", "kid": kid ?? ours]
        let standard: [String: Any] = [
            "iss": AccessClaims.issuer, "aud": AccessClaims.audience, "sub": "u1", "name": "Ada",
            "iat": Int(start.timeIntervalSince1970), "exp": Int(start.timeIntervalSince1970) + 900,
        ]
        let head = encode(try JSONSerialization.data(withJSONObject: header))
        let body = encode(try JSONSerialization.data(withJSONObject: standard.merging(claims) { _, new in new }))
        return "\(head).\(body).\(encode(try sign(Data("\(head).\(body)".utf8))))"
    }

    private static func verifier(at now: Date = start) async throws -> TokenVerifier {
        TokenVerifier(keys: KnownKeys(try await signer().publishedKeys), now: { now })
    }

    @Test("a signed token names its user, also the second time")
    func valid() async throws {
        let token = try await Self.signer().sign(userID: "u1", name: "Ada", session: "s1", at: Self.start)
        let verifier = try await Self.verifier()
        let expected = Caller(id: "u1", name: "Ada", token: token, session: "s1")
        #expect(try await verifier.verify(token) == expected)
        #expect(try await verifier.verify(token) == expected)
    }

    @Test("a token made by hand passes when nothing is wrong with it")
    func control() async throws {
        #expect(try await Self.verifier().verify(try await Self.forge()).id == "u1")
    }

    @Test("a remembered token expires all the same")
    func expiry() async throws {
        let now = Mutex(Self.start)
        let verifier = TokenVerifier(
            keys: KnownKeys(try await Self.signer().publishedKeys), now: { now.withLock { $0 } })
        let token = try await Self.signer().sign(userID: "u1", name: "Ada", at: Self.start)
        _ = try await verifier.verify(token)
        now.withLock { $0 += 901 }
        let problem = await #expect(throws: Problem.self) { try await verifier.verify(token) }
        #expect(problem?.type == "token-expired")
    }

    @Test("what is not ours is refused with 401", arguments: 0..<13)
    func refused(_ number: Int) async throws {
        let publicKey = try await Self.signer().publicKey
        let token: String
        switch number {
        case 0: token = try await Self.forge(alg: "none", sign: { _ in Data() })
        case 1: token = try await Self.forge(alg: "NONE")
        // The public key as an HMAC secret: the classic confusion of algorithms.
        case 2:
            token = try await Self.forge(
                alg: "HS256",
                sign: { Data(HMAC<SHA256>.authenticationCode(for: $0, using: SymmetricKey(data: publicKey))) })
        // Another key under our key's name.
        case 3: token = try await Self.forge(sign: { try Curve25519.Signing.PrivateKey().signature(for: $0) })
        case 4: token = try await Self.forge(kid: "unknown")
        case 5: token = try await Self.forge(claims: ["iss": "somebody"])
        case 6: token = try await Self.forge(claims: ["aud": "another network"])
        case 7: token = try await Self.forge(claims: ["exp": Int(Self.start.timeIntervalSince1970) - 1])
        case 8: token = try await Self.forge(claims: ["iat": Int(Self.start.timeIntervalSince1970) + 3600])
        case 9: token = try await Self.forge(claims: ["sub": 7])
        case 10: token = String(repeating: "a", count: 100_000)
        case 11: token = "a.b"
        default: token = try await Self.forge().split(separator: ".").dropLast().joined(separator: ".") + "."
        }
        let verifier = try await Self.verifier()
        let problem = await #expect(throws: Problem.self) { try await verifier.verify(token) }
        #expect(problem?.status == .unauthorized)
        #expect(problem?.headers[.wwwAuthenticate] != nil)
    }

    @Test("without keys the answer is 503: the token may be good")
    func noKeys() async throws {
        struct Down: Error {}
        let verifier = TokenVerifier(keys: FetchedKeys { throw Down() })
        let token = try await Self.forge()
        let problem = await #expect(throws: Problem.self) { try await verifier.verify(token) }
        #expect(problem?.status == .serviceUnavailable)
    }

    @Test("a new signing key is fetched once, and made-up key ids don't cause a storm")
    func rotation() async throws {
        let newKey = TokenSigner.newPrivateKey()
        let (old, new) = (try await Self.signer(), try await Self.signer(newKey))
        let fetches = Mutex(0)
        let time = Mutex<UInt64>(0)
        let source = FetchedKeys(minimumInterval: .seconds(5), now: { time.withLock { $0 } }) {
            fetches.withLock { $0 += 1 }
            return fetches.withLock { $0 } == 1 ? old.publishedKeys : new.publishedKeys
        }
        let verifier = TokenVerifier(keys: source, now: { Self.start })
        _ = try await verifier.verify(try await old.sign(userID: "u1", name: "Ada", at: Self.start))
        #expect(fetches.withLock { $0 } == 1)

        let fresh = try await new.sign(userID: "u1", name: "Ada", at: Self.start)
        await #expect(throws: Problem.self) { try await verifier.verify(fresh) }
        #expect(fetches.withLock { $0 } == 1, "the last fetch was a moment ago")

        time.withLock { $0 += 6_000_000_000 }
        #expect(try await verifier.verify(fresh).id == "u1")
        #expect(fetches.withLock { $0 } == 2)
        for number in 0..<50 {
            let made = try await Self.forge(kid: "made-up-\(number)")
            await #expect(throws: Problem.self) { try await verifier.verify(made) }
        }
        #expect(fetches.withLock { $0 } == 2)
    }

    @Test("those who need keys at the same time share one fetch")
    func singleFlight() async throws {
        let fetches = Mutex(0)
        let signer = try await Self.signer()
        let source = FetchedKeys {
            fetches.withLock { $0 += 1 }
            // Long enough for the others to arrive; if they don't, the count is right all the same.
            try await Task.sleep(for: .milliseconds(20))
            return signer.publishedKeys
        }
        try await withThrowingTaskGroup(of: PublishedKeys.self) { group in
            for _ in 0..<20 { group.addTask { try await source.keys(unknownKeyID: nil) } }
            for try await keys in group { #expect(keys == signer.publishedKeys) }
        }
        #expect(fetches.withLock { $0 } == 1)
    }
}
