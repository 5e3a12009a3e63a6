// SPDX-License-Identifier: Apache-2.0

package import Foundation
internal import HTTPTypes
internal import JWTKit
internal import Synchronization

/// Checks access tokens: signature, algorithm, issuer, audience and time. No call leaves the process while the key is known.
///
/// Who passed once is remembered until the token expires, so that a user's next request costs a look-up and not a signature
/// check. Safe from any thread.
package final class TokenVerifier: Sendable {
    private struct Remembered {
        var caller: Caller
        var expires: Double
    }

    /// Two generations: when the young one is full it becomes the old one. What is used moves to the young one.
    private struct Memory {
        var young: [String: Remembered] = [:]
        var old: [String: Remembered] = [:]
        var keys: Keys?

        mutating func find(_ token: String) -> Remembered? {
            if let found = young[token] { return found }
            guard let found = old[token] else { return nil }
            store(found, for: token)
            return found
        }

        mutating func store(_ found: Remembered, for token: String) {
            if young.count >= TokenVerifier.generationSize {
                old = young
                young = [:]
            }
            young[token] = found
        }
    }

    private struct Keys {
        var ids: Set<String>
        var published: PublishedKeys
        var collection: JWTKeyCollection
    }

    /// Tokens per generation; a token with its claims is about half a kilobyte.
    private static let generationSize = 8192
    /// Longer ones are not ours. Bounds what a stranger makes us decode.
    private static let longestToken = 4096

    private let memory = Mutex(Memory())
    private let source: any KeySource
    private let now: @Sendable () -> Date

    package init(keys source: any KeySource, now: @escaping @Sendable () -> Date = { Date() }) {
        self.source = source
        self.now = now
    }

    /// Who the token names.
    ///
    /// - Throws: a ``Problem``: 401 when it is expired (`token-expired`) or not one of ours (`invalid-token`), 503 when the keys
    ///   to check it with can't be had.
    package func verify(_ token: String) async throws -> Caller {
        let time = now().timeIntervalSince1970
        if let known = memory.withLock({ $0.find(token) }) {
            guard time < known.expires else { throw Self.expired }
            return known.caller
        }
        let claims = try await check(token)
        guard claims.iss == AccessClaims.issuer, claims.aud == AccessClaims.audience else { throw Self.invalid }
        guard time < Double(claims.exp) else { throw Self.expired }
        // A token of the future is a forgery or a broken clock; half a minute apart is neither.
        guard Double(claims.iat) < time + 30 else { throw Self.invalid }
        let caller = Caller(id: claims.sub, name: claims.name, token: token, session: claims.sid)
        memory.withLock { $0.store(Remembered(caller: caller, expires: Double(claims.exp)), for: token) }
        return caller
    }

    private static let invalid = Problem.unauthorized("The access token is not valid here.", type: "invalid-token")
    private static let expired = Problem.unauthorized(
        "The access token has expired; sign in again or refresh it.", type: "token-expired")

    private func check(_ token: String) async throws -> AccessClaims {
        guard token.utf8.count <= Self.longestToken,
            let header = try? DefaultJWTParser().parse(Array(token.utf8), as: AccessClaims.self).header,
            // The only algorithm there is: neither "none" nor a public key used as an HMAC secret gets further (RFC 8725, 3.1).
            header.alg == "EdDSA", let keyID = header.kid
        else { throw Self.invalid }
        let keys = try await keys(having: keyID)
        // Without this check an unknown key id would be tried with the first key.
        guard keys.ids.contains(keyID) else { throw Self.invalid }
        do {
            return try await keys.collection.verify(token, as: AccessClaims.self)
        } catch {
            throw Self.invalid
        }
    }

    private func keys(having keyID: String) async throws -> Keys {
        let known = memory.withLock { $0.keys }
        if let known, known.ids.contains(keyID) { return known }
        let published: PublishedKeys
        do {
            published = try await source.keys(unknownKeyID: known == nil ? nil : keyID)
        } catch {
            throw Problem(
                .serviceUnavailable, type: "keys-unavailable", detail: "Access tokens can't be checked at the moment.",
                headers: [.retryAfter: "1"])
        }
        if let known, known.published == published { return known }
        let collection = JWTKeyCollection()
        var ids: Set<String> = []
        for key in published.keys where key.kty == "OKP" && key.crv == "Ed25519" {
            guard let publicKey = try? EdDSA.PublicKey(x: key.x, curve: .ed25519) else { continue }
            await collection.add(eddsa: publicKey, kid: JWKIdentifier(string: key.kid))
            ids.insert(key.kid)
        }
        let keys = Keys(ids: ids, published: published, collection: collection)
        memory.withLock { $0.keys = keys }
        return keys
    }
}
