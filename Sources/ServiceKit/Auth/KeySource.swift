// SPDX-License-Identifier: Apache-2.0

internal import JWTKit

/// Where a ``TokenVerifier`` has its keys from.
package protocol KeySource: Sendable {
    /// The keys that are valid now.
    ///
    /// - Parameter unknownKeyID: a key that the last answer did not have and a token names; a source that fetches keys may
    ///   fetch again.
    /// - Throws: when keys can't be had.
    func keys(unknownKeyID: String?) async throws -> PublishedKeys
}

/// Keys that are known from the start: the User service's own, or those of a test.
package struct KnownKeys: KeySource {
    package let known: PublishedKeys

    package init(_ known: PublishedKeys) {
        self.known = known
    }

    package func keys(unknownKeyID: String?) async throws -> PublishedKeys { known }
}
