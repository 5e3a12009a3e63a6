// SPDX-License-Identifier: Apache-2.0

internal import Glibc
internal import Resilience
internal import ServiceLifecycle

/// The first to hear of a shutdown: the service is not ready any more, and time runs.
///
/// Requests have ``drainTime`` to end, then they are cancelled. Work that does not listen to cancellation either is left behind:
/// the process ends anyway.
struct ShutdownGuard: Service {
    static let drainTime: Duration = .seconds(5)

    let readiness: Readiness
    let name: String

    func run() async throws {
        try await gracefulShutdown()
        readiness.stop()
        let name = name
        // Unstructured and never cancelled: it has to outlive whatever does not end.
        Task.detached {
            try? await Task.sleep(for: Self.drainTime + .seconds(1))
            StandardStreams.error("\(name)-service: gave up waiting for work that does not end")
            exit(0)
        }
    }
}

/// Closes the connections to other services after everyone who uses them has stopped.
struct ClientShutdown: Service {
    let transport: HTTPTransport

    func run() async throws {
        try? await gracefulShutdown()
        await transport.shutdown()
    }
}

/// Fetches the keys for access tokens as soon as the User service is known, so that the first user does not wait for them.
struct KeyPrefetch: Service {
    let keys: FetchedKeys
    let directory: ServiceDirectory

    func run() async throws {
        try await cancelWhenGracefulShutdown {
            var pauses = BackoffPauses(.init(base: .milliseconds(50), cap: .milliseconds(500), jitter: .equal))
            while !keys.hasKeys {
                // Only an attempt that failed is a reason to wait longer.
                if directory.knows("user") { _ = try? await keys.keys(unknownKeyID: nil) } else { pauses.reset() }
                if !keys.hasKeys { try await Task.sleep(for: pauses.next()) }
            }
        }
        try await gracefulShutdown()
    }
}
