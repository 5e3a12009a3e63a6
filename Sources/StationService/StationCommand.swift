// SPDX-License-Identifier: Apache-2.0

package import ArgumentParser
internal import Foundation
internal import ServiceKit
internal import ServiceLifecycle
internal import Stations

/// The command `station-service --stations FILE.json …`.
package struct StationCommand: AsyncParsableCommand {
    package static let configuration = CommandConfiguration(
        commandName: "station-service",
        abstract: "Virtual service stations: queues with known mathematics, the ground truth for measurements.",
        discussion: """
            Each station has a port of its own; the port of the process serves all of them, as /NAME/anything. The file \
            maps names to stations: {"db": {"slots": 1, "service": "exp(5ms)", "queue": "fifo"}}. Service times sleep.

            Writes one line of JSON to stdout once it listens, all else to stderr. Ends with 0 after SIGTERM or SIGINT, \
            with 1 when it cannot start. SEAWALL_ADMIN_TOKEN is the token of the admin port; without it one is written to \
            stderr. On the admin port, GET /stations shows what was counted, DELETE /stations begins anew, and PUT /controls \
            freezes, slows or fails stations: {"db": {"freeze": true}, "web": {"error": {"status": 503, "rate": 0.5}}}.
            """)

    @Option(help: ArgumentHelp("JSON file with the stations.", valueName: "file"))
    package var stations: String

    @Option(
        help: ArgumentHelp(
            "Directory of the development CA, made if need be; without it the stations speak plain HTTP.",
            valueName: "dir"))
    package var tls: String?

    @Option(help: "Address to listen on.")
    package var host = "127.0.0.1"

    @Option(help: "Port of all stations; 0 takes a free one.")
    package var port = 0

    @Option(help: "Port for administration, on 127.0.0.1; 0 takes a free one.")
    package var adminPort = 0

    @Option(help: "What the service times follow from.")
    package var seed: UInt64 = 1

    package init() {}

    package func validate() throws {
        for (name, port) in [("--port", port), ("--admin-port", adminPort)] where !(0...65_535).contains(port) {
            throw ValidationError("\(name) is \(port); a port lies between 0 and 65535")
        }
    }

    package func run() async throws {
        try await ProcessHost.main(name: "station") {
            let stations = try StationFile.read(stations)
            let authority = try tls.map { try DevelopmentCA(directory: $0) }
            let server = try await StationServer.start(
                stations, seed: seed, host: host, port: port,
                tls: try authority?.makeLeaf(service: "station", hosts: [host]).serverConfiguration())
            return ProcessHost(
                name: "station", adminPort: adminPort, port: server.port, ports: server.stationPorts,
                service: StationLife(server: server), adminRoutes: StationRoutes(server: server).add)
        }
    }
}

/// The whole of the executable.
package enum StationProcess {
    /// Reads the command line, serves, and ends the process.
    package static func main() async {
        await StationCommand.main()
    }
}

/// The server's part in an orderly end.
private struct StationLife: Service {
    let server: StationServer

    func run() async throws {
        try? await gracefulShutdown()
        await server.stop()
    }
}

/// The file of `--stations`.
enum StationFile {
    /// - Throws: ``StartupError`` that says what is wrong and where.
    static func read(_ path: String) throws -> [String: StationOptions] {
        guard let data = FileManager.default.contents(atPath: path) else {
            throw StartupError("the file \(path) with the stations can't be read; name another one with --stations")
        }
        do {
            let stations = try JSONDecoder().decode([String: StationOptions].self, from: data)
            guard (1...StationOptions.mostStations).contains(stations.count) else {
                throw StartupError(
                    "\(path) has \(stations.count) stations; it takes 1 to \(StationOptions.mostStations)")
            }
            for name in stations.keys.sorted() where !isName(name) {
                throw StartupError(
                    "\(path): '\(name.prefix(80))' can't name a station; use letters, digits, '-', '_' and '.'")
            }
            return stations
        } catch let error as DecodingError {
            throw StartupError("\(path): \(words(of: error))")
        }
    }

    /// What can stand in a path, a label and a line of JSON as it is.
    private static func isName(_ name: String) -> Bool {
        (1...64).contains(name.utf8.count)
            && name.utf8.allSatisfy { byte in
                (48...57).contains(byte) || (65...90).contains(byte) || (97...122).contains(byte)
                    || "-_.".utf8.contains(byte)
            }
    }

    private static func words(of error: DecodingError) -> String {
        let context: DecodingError.Context
        switch error {
        case .dataCorrupted(let found), .keyNotFound(_, let found), .typeMismatch(_, let found),
            .valueNotFound(_, let found):
            context = found
        @unknown default: return "the file can't be read"
        }
        let place = context.codingPath.map(\.stringValue).joined(separator: ".")
        return place.isEmpty ? "this is no JSON object of stations" : "\(place): \(context.debugDescription)"
    }
}
