// SPDX-License-Identifier: Apache-2.0

internal import AsyncHTTPClient
package import Resilience
package import Scenarios

extension RunningNetwork {
    /// A secret for the admin ports of one network: 128 random bits.
    package static func newAdminToken() -> String {
        var random = SystemRandomNumberGenerator()
        return [random.next(), random.next()].map { String($0 as UInt64, radix: 36) }.joined()
    }

    /// Changes the policies of every pipeline that the edits name.
    ///
    /// - Parameter origin: What the edits belong to, for the message when a service refuses them.
    package nonisolated func apply(_ edits: PolicyEdits, of origin: String) async throws {
        for service in ServiceName.allCases {
            do {
                try await admin(of: service).change(edits)
            } catch let refusal as AdminRefusal {
                throw ExperimentError(
                    .script,
                    "\(service.executable) refused the policies of \(origin): \(refusal.reasons.joined(separator: "; "))"
                )
            }
        }
        await remember(edits)
    }

    /// Brings a population into the network through its public API.
    package nonisolated func seed(
        _ population: Scenario.Population, seed: UInt64,
        progress: @escaping @Sendable (PopulationSeeder.Progress) -> Void
    ) async throws -> SeededPopulation {
        guard let user = await port(of: .user), let post = await port(of: .post), let comment = await port(of: .comment)
        else { throw ExperimentError(.system, "the social network is not running") }
        let client = HTTPClient.forConversations(rootsFile: rootsFile)
        do {
            let seeder = PopulationSeeder(client: client, user: user, post: post, comment: comment)
            let result = try await seeder.seed(PopulationPlan(population, seed: seed), seed: seed, progress: progress)
            try? await client.shutdown()
            return result
        } catch {
            try? await client.shutdown()
            throw failure.current ?? error
        }
    }
}
