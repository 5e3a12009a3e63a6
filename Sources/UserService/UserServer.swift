// SPDX-License-Identifier: Apache-2.0

package import Hummingbird
internal import Logging
internal import NIOPosix
package import ServiceKit
package import ServiceLifecycle

/// The User Service: who there is, how they sign in, and who is whose friend. It calls no other service.
package struct UserServer: SocialService {
    package static let name = "user"
    package static let peers: [String] = []
    package static let abstract = "Users, sign-in and friends of Seawall's social network."

    private let store: UserStore
    private let signer: TokenSigner
    private let hasher: PasswordHasher
    /// Checks tokens with the key that signs them: no call to itself.
    package let tokens: TokenVerifier?

    package init(_ runtime: ServiceRuntime) async throws {
        let database = try ServiceDatabase.open(
            in: runtime.dataDirectory, name: Self.name, migrations: UserDatabase.migrations)
        store = try UserStore(database: database)
        signer = try await SigningKeyFile.signer(
            in: runtime.dataDirectory, lifetime: runtime.settings.tokenLifetime)
        tokens = TokenVerifier(keys: KnownKeys(signer.publishedKeys))
        // Two at once: more would only take each other's processor, and with the `owasp` cost each takes 128 MiB.
        let threads = NIOThreadPool(numberOfThreads: 2)
        threads.start()
        hasher = PasswordHasher(cost: runtime.settings.passwordCost, threads: threads)
    }

    package func addRoutes(to router: Router<ServiceContext>) {
        let signer = signer
        router.get("/.well-known/jwks.json") { _, _ in
            try Response.json(signer.publishedKeys, headers: [.cacheControl: "max-age=60"])
        }
        UserRoutes(store: store, hasher: hasher).add(to: router)
        SessionRoutes(store: store, hasher: hasher, signer: signer).add(to: router)
        FriendRoutes(store: store).add(to: router)
        InternalRoutes(store: store).add(to: router)
    }

    package var backgroundServices: [any Service] { [HousekeepingService(store: store)] }
}
