// SPDX-License-Identifier: Apache-2.0

internal import FaultInjection
internal import Foundation
internal import Hummingbird
internal import Resilience

extension AdminRoutes {
    /// Applies edits as a whole or not at all, and shows what the policies are then. With `?for=60s` they end by themselves.
    func changePolicies(_ request: Request) async throws -> Response {
        let limit = try Self.limit(request.uri.queryParameters.get("for"))
        let body = try await request.jsonBody(contentTypes: ["application/json", "application/merge-patch+json"])
        let tree = try JSON.decode(ConfigurationValue.self, from: body)
        do {
            try PolicyChanges.apply(
                tree, to: state.registry, for: limit, pipelines: state.pipelines, server: state.server)
        } catch {
            throw Problem.validation(error.faults.map { .init(pointer: $0.pointer, detail: $0.withoutPath) })
        }
        return try .json(state.registry.snapshots())
    }

    private static func limit(_ text: String?) throws(Problem) -> Duration? {
        guard let text else { return nil }
        let limit: Duration
        do {
            limit = try DurationText.parse(text)
        } catch {
            throw Problem.invalid("?for", "'\(text.prefix(60))' is not a duration: \(error).")
        }
        guard limit >= .milliseconds(1), limit <= .seconds(86_400) else {
            throw Problem.invalid("?for", "A change may last from 1ms to 24h.")
        }
        return limit
    }
}

/// Changes of policies by those who run a service: at start-up from a file, later over the admin port.
enum PolicyChanges {
    /// Applies edits as a whole or not at all.
    ///
    /// - Parameters:
    ///   - limit: how long they last; nil for until they are changed again.
    ///   - pipelines: those that there are. An edit for another one is a slip, not a wish.
    ///   - server: the one of them that requests go through: what is for calls to others stays off there.
    /// - Throws: everything that is wrong.
    static func apply(
        _ tree: ConfigurationValue, to registry: ResilienceRegistry, for limit: Duration? = nil, pipelines: [String],
        server: String
    ) throws(ConfigurationFaults) {
        let edits = try PolicyEdits(tree)
        let allowed = pipelines + [PolicyEdits.everything]
        let unknown = edits.pipelineNames.filter { !pipelines.contains($0) }
        let faults =
            unknown.map {
                ConfigurationFault(
                    path: [$0], message: "this service has no such pipeline", allowed: allowed,
                    nearest: NearestName.find($0, in: allowed))
            } + edits.faults(ofServers: [server])
        if !faults.isEmpty { throw ConfigurationFaults(faults) }
        let spared = edits.sparing(servers: [server])
        if let limit { try registry.apply(spared, for: limit) } else { try registry.apply(spared) }
    }

    /// Applies the edits of a JSON file.
    ///
    /// - Throws: ``StartupError`` with all that is wrong.
    static func apply(
        file: String, to registry: ResilienceRegistry, pipelines: [String], server: String
    ) throws(StartupError) {
        let tree: ConfigurationValue
        do {
            guard let text = try PrivateFile.read(file) else {
                throw StartupError("the policies file \(file) is not there; name another one with --policies")
            }
            tree = try JSON.decoder.decode(ConfigurationValue.self, from: Data(text.utf8))
        } catch let error as StartupError {
            throw error
        } catch {
            throw StartupError("the policies file \(file) is not well-formed JSON")
        }
        do {
            try apply(tree, to: registry, pipelines: pipelines, server: server)
        } catch {
            throw StartupError(
                "the policies file \(file) cannot be used: " + error.faults.map(\.description).joined(separator: "; "))
        }
    }
}

extension ConfigurationFault {
    /// The place as a JSON pointer (RFC 6901).
    fileprivate var pointer: String {
        path.map { "/" + $0.replacing("~", with: "~0").replacing("/", with: "~1") }.joined()
    }

    fileprivate var withoutPath: String {
        ConfigurationFault(path: [], message: message, allowed: allowed, nearest: nearest).description
    }
}
