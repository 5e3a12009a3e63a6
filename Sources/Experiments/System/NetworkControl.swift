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
    /// - Throws: `ExperimentError` with every reason when a service refuses.
    package func change(_ edits: PolicyEdits) async throws {
        try await withAdmins { admins in
            for admin in admins {
                do {
                    try await admin.change(edits)
                } catch let refusal as AdminRefusal {
                    throw ExperimentError(
                        .script,
                        "\(admin.service)-service refused the change: \(refusal.reasons.joined(separator: "; "))")
                }
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
