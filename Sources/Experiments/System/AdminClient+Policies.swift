// SPDX-License-Identifier: Apache-2.0

package import Resilience

extension AdminClient {
    /// The pipelines of the service.
    package func pipelines() async throws -> [PipelineSnapshot] {
        try await read("/policies", as: [PipelineSnapshot].self)
    }

    /// Changes the policies of the service's own pipelines; edits of other services' pipelines are left out.
    ///
    /// - Throws: `AdminRefusal` when the service finds the change invalid; it has changed nothing then.
    package func change(_ edits: PolicyEdits) async throws {
        let own = edits.concerning(caller: service)
        guard !own.isEmpty else { return }
        try await write(.patch, "/policies", own)
    }
}

extension PolicyEdits {
    /// The edits of pipelines whose caller is this service, and those of `all`.
    package func concerning(caller: String) -> PolicyEdits {
        let own = entries.entries.filter { entry in
            entry.key == Self.everything || entry.key.hasPrefix("\(caller) ->") || entry.key == caller
        }
        // Safe because a part of valid edits is valid: entries are checked one by one.
        return (try? PolicyEdits(.map(ConfigurationMap(own)))) ?? PolicyEdits()
    }
}
