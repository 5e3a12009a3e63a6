// SPDX-License-Identifier: Apache-2.0

internal import FaultInjection
internal import Foundation
package import Resilience

extension AdminClient {
    /// The pipelines of the service.
    package func pipelines() async throws -> [PipelineSnapshot] {
        try await read("/policies", as: [PipelineSnapshot].self)
    }

    /// Changes the policies of the service's own pipelines; edits of other services' pipelines are left out.
    ///
    /// - Parameter limit: How long the change lasts; nil for until the next one.
    /// - Throws: `AdminRefusal` when the service finds the change invalid; it has changed nothing then.
    package func change(_ edits: PolicyEdits, for limit: Duration? = nil) async throws {
        let own = edits.concerning(service)
        guard !own.isEmpty else { return }
        let suffix = limit.map { "?for=\(DurationText.format($0))" } ?? ""
        try await write(.patch, "/policies\(suffix)", own)
    }

    /// Closes the breaker of one of the service's pipelines.
    package func resetBreaker(of pipeline: String) async throws {
        let name = pipeline.addingPercentEncoding(withAllowedCharacters: .alphanumerics) ?? pipeline
        try await post("/policies/\(name)/circuit-breaker/reset")
    }

    /// The events of the service's pipelines: the last notable ones, then each as it happens.
    ///
    /// - Parameter take: Called with each line of JSON, without its end.
    package func policyEvents(_ take: @Sendable (String) -> Void) async throws {
        try await readLines("/policies/events", take)
    }
}

extension PolicyEdits {
    /// The edits of a service's own pipelines, of calls that it makes and of requests that come in, and those of `all`.
    package func concerning(_ service: String) -> PolicyEdits {
        let own = entries.entries.filter { entry in
            entry.key == Self.everything || entry.key.hasPrefix("\(service) ->") || entry.key == service
        }
        // Safe because a part of valid edits is valid: entries are checked one by one.
        return (try? PolicyEdits(.map(ConfigurationMap(own)))) ?? PolicyEdits()
    }
}
