// SPDX-License-Identifier: Apache-2.0

internal import AsyncHTTPClient
package import Resilience

/// Reads and changes the policies of a network that another process keeps.
package struct NetworkControl: Sendable {
    private let state: NetworkState

    /// - Throws: `ExperimentError` when no network runs in the folder.
    package init(folder: String) throws(ExperimentError) {
        guard let state = try NetworkState.read(from: folder) else {
            throw ExperimentError(
                .system, "no network runs in \(folder)",
                advice: "start one with `seawall up`, or name its folder with --dir")
        }
        guard state.isAlive else {
            throw ExperimentError(
                .system, "the network in \(folder) is not running any more", advice: "start it again with `seawall up`")
        }
        self.state = state
    }

    /// The pipelines of all services, by name.
    package func pipelines() async throws -> [PipelineSnapshot] {
        try await withAdmins { admins in
            var pipelines: [PipelineSnapshot] = []
            for admin in admins { pipelines += try await admin.pipelines() }
            return pipelines.sorted { $0.name < $1.name }
        }
    }

    /// Changes policies; each service takes its part of the edits whole or not at all.
    ///
    /// - Parameter limit: How long the change lasts; nil for until the next one.
    /// - Throws: `ExperimentError` with every reason when a service refuses.
    package func change(_ edits: PolicyEdits, for limit: Duration? = nil) async throws {
        try await withAdmins { admins in
            for admin in admins {
                do {
                    try await admin.change(edits, for: limit)
                } catch let refusal as AdminRefusal {
                    throw ExperimentError(
                        .script,
                        "\(admin.service)-service refused the change: \(refusal.reasons.joined(separator: "; "))")
                }
            }
        }
    }

    /// Closes the breaker of a pipeline and forgets its window.
    ///
    /// - Parameter pipeline: One that there is.
    package func resetBreaker(of pipeline: String) async throws {
        try await withAdmins { admins in
            // The service of a pipeline is the one that calls, or that is called by its own name.
            let service = pipeline.prefix { $0 != " " }
            for admin in admins where admin.service == service { try await admin.resetBreaker(of: pipeline) }
        }
    }

    /// What the policies of all services do, until the task is cancelled or the network stops.
    ///
    /// - Parameter take: Called with one JSON object as text for each event, from several tasks.
    package func events(_ take: @escaping @Sendable (String) -> Void) async throws {
        try await withAdmins { admins in
            try await withThrowingTaskGroup(of: Void.self) { group in
                for admin in admins { group.addTask { try await admin.policyEvents(take) } }
                try await group.waitForAll()
            }
        }
    }

    private func withAdmins<Result>(_ body: ([AdminClient]) async throws -> Result) async throws -> Result {
        let client = HTTPClient.forConversations()
        do {
            let result = try await body(
                state.services.map {
                    AdminClient(service: $0.name, port: $0.adminPort, token: state.adminToken, client: client)
                })
            try? await client.shutdown()
            return result
        } catch {
            try? await client.shutdown()
            throw error
        }
    }
}
