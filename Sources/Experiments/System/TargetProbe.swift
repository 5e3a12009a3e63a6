// SPDX-License-Identifier: Apache-2.0

internal import AsyncHTTPClient
internal import Foundation
internal import LoadGenerator
internal import NIOCore
internal import Scenarios

/// Looks whether a server is there before load is sent to it.
enum TargetProbe {
    /// Any HTTP answer will do.
    ///
    /// - Throws: `ExperimentError` that says what keeps the target from being reached, or `CancellationError`.
    static func check(_ target: Scenario.Target) async throws {
        if let roots = target.rootsFile, !FileManager.default.isReadableFile(atPath: roots) {
            throw ExperimentError(
                .system, "target \(target.name): the file with its roots can't be read: \(roots)",
                advice: "correct the path in the scenario")
        }
        let client = HTTPClient.forConversations(rootsFile: target.rootsFile, verify: target.verify)
        do {
            _ = try await client.execute(HTTPClientRequest(url: target.url), timeout: .seconds(5))
            try? await client.shutdown()
        } catch {
            try? await client.shutdown()
            if Task.isCancelled { throw CancellationError() }
            let reason = networkErrorText(error)
            throw ExperimentError(
                .system, "target \(target.name) (\(target.url)) can't be reached: \(reason)",
                advice: advice(for: reason))
        }
    }

    /// The target as the load generator takes it.
    static func planTarget(_ target: Scenario.Target) throws(ExperimentError) -> Plan.Target {
        guard let parts = URLComponents(string: target.url), let host = parts.host, !host.isEmpty,
            let scheme = parts.scheme, scheme == "https" || scheme == "http"
        else {
            throw ExperimentError(.script, "target \(target.name): '\(target.url)' is not a URL like https://host:port")
        }
        return Plan.Target(
            name: target.name, host: host.trimmingCharacters(in: CharacterSet(charactersIn: "[]")),
            port: parts.port ?? (scheme == "https" ? 443 : 80),
            tls: scheme == "https" ? .init(rootsFile: target.rootsFile, verify: target.verify) : nil)
    }

    private static func advice(for reason: String) -> String {
        reason.contains("certificate")
            ? "name the file with its CA in the scenario (`roots:`), or switch verification off (`verify: false`)"
            : "start it, or correct its address in the scenario"
    }
}
