// SPDX-License-Identifier: Apache-2.0

internal import Foundation

/// A service or the fault proxy after it has said where it listens.
struct ServiceProcess: Sendable {
    let process: ChildProcess
    let port: Int
    /// Nil for the fault proxy, whose port is the control port.
    let adminPort: Int?
    /// Further listeners by name.
    let ports: [String: Int]

    /// The line that a service writes when it listens.
    private struct Listening: Decodable {
        var event: String
        var port: Int
        var adminPort: Int?
        var ports: [String: Int]?
    }

    /// Starts a program and waits until it listens.
    ///
    /// - Throws: `ExperimentError` with the end of its log when it ends or stays silent; it is stopped then.
    static func start(
        name: String, path: String, arguments: [String], environment: [String: String], logFile: String,
        limit: Duration = .seconds(30)
    ) async throws -> ServiceProcess {
        let process = try await ChildProcess.start(
            name: name, path: path, arguments: arguments, environment: environment, logFile: logFile)
        let line = await process.firstLine.value(within: limit)
        if let text = line ?? nil, let listening = try? JSONDecoder().decode(Listening.self, from: Data(text.utf8)),
            listening.event == "listening"
        {
            return ServiceProcess(
                process: process, port: listening.port, adminPort: listening.adminPort, ports: listening.ports ?? [:])
        }
        if Task.isCancelled {
            await process.stop(grace: .zero)
            throw CancellationError()
        }
        // A process that closed its output is about to end by itself, and how it ended tells more than being killed.
        let exit = line == .some(.none) ? await process.exit.value(within: .seconds(2)) : process.exit.current
        await process.stop(grace: .zero)
        let what =
            if let exit { "\(name) did not start: it \(exit)" } else if let text = line ?? nil {
                "\(name) did not start: its first line of output is not the expected announcement: \(text.prefix(120))"
            } else { "\(name) did not start: it said nothing for \(limit)" }
        throw ExperimentError(
            .system, what, advice: "its log is \(logFile)", evidence: process.lastLogLines())
    }
}
