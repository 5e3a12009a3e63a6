// SPDX-License-Identifier: Apache-2.0

internal import AsyncHTTPClient
internal import Foundation
internal import LoadGenerator
internal import Measurement
internal import Scenarios
internal import Stations

/// Virtual stations as a system under test: one process, which does not outlive this one. Always end with `stop()`.
final class RunningStations: Sendable {
    /// Set when the process ended that nobody asked to end.
    let failure = OneShot<ExperimentError>()
    private let process: ServiceProcess
    private let stations: [Scenario.Station]
    private let rootsFile: String?
    private let client: HTTPClient
    private let admin: AdminClient
    private let isStopping = OneShot<Bool>()

    /// Starts the process and waits until it listens.
    ///
    /// - Parameters:
    ///   - work: Folder for the description of the stations and for the development CA.
    ///   - log: Folder for the log.
    /// - Throws: `ExperimentError` or `CancellationError`; nothing is left running then.
    static func start(
        _ stations: [Scenario.Station], tls: Bool, seed: UInt64, executables: Executables, work: String, log: String
    ) async throws -> RunningStations {
        let file = "\(work)/stations.json"
        let description = Dictionary(uniqueKeysWithValues: stations.map { ($0.name, $0.options) })
        do {
            try Folder.make(log)
            try JSONEncoder().encode(description).write(to: URL(fileURLWithPath: file))
        } catch {
            throw ExperimentError(
                .results, "cannot write the files of the stations: \(networkErrorText(error))",
                advice: "choose another folder")
        }
        let token = RunningNetwork.newAdminToken()
        var arguments = ["--stations", file, "--port", "0", "--admin-port", "0", "--seed", "\(seed)"]
        if tls { arguments += ["--tls", "\(work)/tls"] }
        let process = try await ServiceProcess.start(
            name: "station-service", path: executables.path(of: "station-service"), arguments: arguments,
            environment: ["SEAWALL_ADMIN_TOKEN": token], logFile: "\(log)/station-service.log")
        return RunningStations(process, stations, rootsFile: tls ? "\(work)/tls/ca.pem" : nil, token: token)
    }

    private init(_ process: ServiceProcess, _ stations: [Scenario.Station], rootsFile: String?, token: String) {
        self.process = process
        self.stations = stations
        self.rootsFile = rootsFile
        client = HTTPClient.forConversations()
        admin = AdminClient(service: "station", port: process.adminPort ?? 0, token: token, client: client)
        // Ends with the process.
        Task { [failure, isStopping] in
            guard let exit = await process.process.exit.value(), isStopping.current == nil else { return }
            failure.set(
                ExperimentError(
                    .system, "station-service \(exit) while it was needed",
                    advice: "its log is \(process.process.logFile)", evidence: process.process.lastLogLines()))
        }
    }

    /// Where the load generator reaches each station.
    var targets: [Plan.Target] {
        stations.map { station in
            Plan.Target(
                name: station.name, host: "127.0.0.1", port: process.ports[station.name] ?? process.port,
                tls: rootsFile.map { .init(rootsFile: $0) })
        }
    }

    /// Replaces the control of every station.
    func set(_ controls: [String: StationControl]) async throws {
        do {
            try await admin.write(.put, "/controls", controls)
        } catch let refusal as AdminRefusal {
            throw ExperimentError(
                .system, "station-service refused a fault: \(refusal.reasons.joined(separator: "; "))")
        }
    }

    /// Begins to count anew.
    func resetStatistics() async throws { try await admin.delete("/stations") }

    /// What each station has counted since then, in the order of the script.
    func records() async throws -> [StationRecord] {
        let records = try await admin.read("/stations", as: [StationRecord].self)
        return stations.compactMap { station in records.first { $0.name == station.name } }
    }

    /// Stops the process and waits until it is reaped.
    func stop() async {
        isStopping.set(true)
        await process.process.stop(grace: .seconds(8))
        try? await client.shutdown()
    }
}
