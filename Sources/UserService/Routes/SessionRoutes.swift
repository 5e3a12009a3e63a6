// SPDX-License-Identifier: Apache-2.0

internal import Crypto
internal import Foundation
internal import Hummingbird
internal import ServiceKit

/// Sign-in and sign-out.
///
/// A sign-in gives a short-lived access token, which every service checks by itself, and a refresh token, which only works
/// here and only once: each use gives the next one. One that is used twice has been copied, and ends the sign-in.
struct SessionRoutes: Sendable {
    let store: UserStore
    let hasher: PasswordHasher
    let signer: TokenSigner

    /// How long a refresh token is good: 30 days.
    static let refreshLifetimeMilliseconds: Int64 = 30 * 86_400_000

    func add(to router: Router<ServiceContext>) {
        router.post("/v1/sessions") { request, _ in try await signIn(request) }
        router.post("/v1/sessions/refresh") { request, _ in try await refresh(request) }
        router.delete("/v1/sessions/current") { request, context in try await signOut(request, context) }
    }

    private struct Credentials: Decodable {
        var username: String
        var password: String
    }

    private struct RefreshRequest: Decodable {
        var refreshToken: String
    }

    private struct Tokens: Encodable {
        var accessToken: String
        var refreshToken: String
        var tokenType = "Bearer"
        /// Seconds.
        var expiresIn: Int
        var userId: String
    }

    private func signIn(_ request: Request) async throws -> Response {
        let sent = try await request.json(Credentials.self)
        guard sent.password.utf8.count <= 512, let found = try await store.credentials(username: sent.username) else {
            // As slow as a wrong password, and the same answer: nobody learns who has an account.
            try await hasher.verifyNothing()
            throw Self.wrongCredentials
        }
        guard try await hasher.verify(sent.password, against: found.passwordHash) else { throw Self.wrongCredentials }
        let refreshToken = RefreshToken.random()
        let session = try await store.addSession(
            digest: refreshToken.digest, user: found.user.id, expiresAt: store.now() + Self.refreshLifetimeMilliseconds)
        return try await tokens(for: found.user, session: session, refreshToken)
    }

    private func refresh(_ request: Request) async throws -> Response {
        let sent = try await request.json(RefreshRequest.self)
        let next = RefreshToken.random()
        let outcome = try await store.replaceRefreshToken(
            digest: RefreshToken(text: sent.refreshToken).digest, by: next.digest,
            expiresAt: store.now() + Self.refreshLifetimeMilliseconds)
        switch outcome {
        case .renewed(let user, let session): return try await tokens(for: user, session: session, next)
        case .unknown:
            throw Problem.unauthorized("The refresh token is not valid; sign in again.", type: "invalid-refresh-token")
        case .stolen:
            throw Problem.unauthorized(
                "The refresh token was used before. The sign-in has been ended; sign in again.",
                type: "refresh-token-reused")
        }
    }

    private func signOut(_ request: Request, _ context: ServiceContext) async throws -> Response {
        let caller = try await context.caller(request)
        if let session = caller.session.flatMap({ RecordID($0) }) { try await store.endSession(session) }
        return .noContent
    }

    private static let wrongCredentials = Problem.unauthorized(
        "The username or the password is wrong.", type: "wrong-credentials")

    private func tokens(for user: User, session: RecordID, _ refreshToken: RefreshToken) async throws -> Response {
        let access = try await signer.sign(
            userID: user.id.description, name: user.displayName, session: session.description)
        return try .json(
            Tokens(
                accessToken: access, refreshToken: refreshToken.text,
                expiresIn: Int(signer.lifetime.components.seconds),
                userId: user.id.description),
            status: .created, headers: [.cacheControl: "no-store"])
    }
}

/// An opaque refresh token: 32 random bytes, of which only the digest is kept.
struct RefreshToken: Sendable {
    let text: String

    static func random() -> RefreshToken {
        let bytes = SymmetricKey(size: .bits256).withUnsafeBytes { Data($0) }
        return RefreshToken(text: bytes.base64EncodedString().replacing("+", with: "-").replacing("/", with: "_"))
    }

    var digest: Data { Data(SHA256.hash(data: Data(text.utf8))) }
}
