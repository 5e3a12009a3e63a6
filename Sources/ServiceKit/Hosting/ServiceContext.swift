// SPDX-License-Identifier: Apache-2.0

package import Foundation
package import Hummingbird

/// What a handler knows besides its request.
package struct ServiceContext: RequestContext {
    package var coreContext: CoreRequestContextStorage
    /// Who may call; set by ``ServerMiddleware``.
    package var gate: Gate?

    /// The most bytes a request's body may have.
    package static let bodyLimit = 64 * 1024

    package init(source: ApplicationRequestContextSource) {
        coreContext = .init(source: source)
    }

    package var maxUploadSize: Int { Self.bodyLimit }
    package var requestDecoder: JSONDecoder { JSON.decoder }
    package var responseEncoder: JSONEncoder { JSON.encoder }

    /// A part of the path that is a parameter; percent escapes are undone.
    ///
    /// - Throws: a ``Problem``, 404, when the route has no such part or it is not valid UTF-8.
    package func path(_ name: String) throws -> String {
        guard let value = parameters.get(name)?.removingPercentEncoding, !value.isEmpty else {
            throw Problem(.notFound, detail: "There is nothing at this path.")
        }
        return value
    }
}

extension ServiceContext {
    /// The signed-in user who sent the request.
    ///
    /// - Throws: a ``Problem``: 401 for a token that is missing, expired or not ours; 503 while the keys to check it with can't
    ///   be had.
    package func caller(_ request: Request) async throws -> Caller {
        guard let gate else { throw Problem.unexpected }
        return try await gate.caller(request)
    }

    /// Demands that the request comes from another service of this network.
    ///
    /// - Throws: a ``Problem``, 401.
    package func requireService(_ request: Request) throws {
        guard let gate else { throw Problem.unexpected }
        try gate.requireService(request)
    }
}
