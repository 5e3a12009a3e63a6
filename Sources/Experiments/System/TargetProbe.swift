// SPDX-License-Identifier: Apache-2.0

internal import Foundation
internal import LoadGenerator
internal import Measurement
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
        // One request of the generator itself: what it can reach with these very settings is what counts.
        let get = Plan.Request(label: "GET /", target: 0, method: "GET", path: .literal("/"))
        var once = Plan.Source(
            name: "probe", arrivals: .uniform, rate: .closed(users: 1), duration: patience, journeys: [(0, 1)])
        once.iterations = 1
        once.gracefulStop = patience
        let plan = Plan(
            seed: 0, targets: [try planTarget(target)],
            journeys: [Plan.Journey(name: "probe", steps: [.request(get)])], sources: [once])
        let result: LoadResult
        do {
            result = try await LoadEngine(plan).run()
        } catch {
            throw unreachable(target, error.message)
        }
        try Task.checkCancellation()
        if result.accounting.completed == 0 {
            throw unreachable(target, result.failureSamples.first?.message ?? "no answer within \(patience)")
        }
    }

    private static let patience = Duration.seconds(5)

    private static func unreachable(_ target: Scenario.Target, _ message: String) -> ExperimentError {
        // The generator's messages begin with the target, which stands here already.
        var reason = Substring(message)
        let beginnings = [
            (try? planTarget(target).place).map { $0 + ": " }, "target \(target.name): ", "can't connect: ",
        ]
        for beginning in beginnings.compactMap(\.self) where reason.hasPrefix(beginning) {
            reason = reason.dropFirst(beginning.count)
        }
        return ExperimentError(
            .system, "target \(target.name) (\(target.url)) can't be reached: \(reason)",
            advice: advice(for: String(reason)))
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
            tls: scheme == "https" ? target.planTLS : nil)
    }

    private static func advice(for reason: String) -> String {
        reason.contains("certificate")
            ? "name the file with its CA in the scenario (`roots:`), or switch verification off (`verify: false`)"
            : "start it, or correct its address in the scenario"
    }
}
