// SPDX-License-Identifier: Apache-2.0

internal import Scenarios

/// Starts the same virtual stations anew for each play.
struct StationLab: Sendable {
    let stations: [Scenario.Station]
    let tls: Bool
    let executables: Executables
    /// Folder with a folder for each play's logs.
    let logs: String
    /// Folder for what the process reads.
    let work: String

    /// Starts the stations, and stops them after `body`.
    ///
    /// - Parameter seed: What the service times follow from.
    /// - Throws: `ExperimentError`, `CancellationError` or what `body` throws; nothing is left running.
    func withStations<Result: Sendable>(
        seed: UInt64, log: String, _ body: (RunningStations) async throws -> Result
    ) async throws -> Result {
        let running = try await RunningStations.start(
            stations, tls: tls, seed: seed, executables: executables, work: work, log: "\(logs)/\(log)")
        do {
            let result = try await body(running)
            await running.stop()
            return result
        } catch {
            await running.stop()
            throw running.failure.current ?? error
        }
    }
}
