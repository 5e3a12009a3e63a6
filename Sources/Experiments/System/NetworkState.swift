// SPDX-License-Identifier: Apache-2.0

internal import Foundation

/// What other commands need to know of a running network: a file that `seawall up` writes and takes away again.
///
/// It holds the admin token and is readable by this user only.
package struct NetworkState: Codable, Sendable, Equatable {
    package struct Service: Codable, Sendable, Equatable {
        package var name: String
        package var url: String
        package var adminPort: Int
        package var processID: Int32
    }

    /// Name of the file in the network's folder.
    package static let fileName = "network.json"

    /// The process that keeps the network.
    package var processID: Int32
    package var adminToken: String
    /// PEM file of the CA.
    package var rootsFile: String
    package var services: [Service]

    /// The state of a running network.
    package init(of network: RunningNetwork) async throws(ExperimentError) {
        processID = getpid()
        adminToken = network.configuration.adminToken
        rootsFile = network.rootsFile
        services = []
        let processes = await network.processIDs
        for service in ServiceName.allCases {
            services.append(
                Service(
                    name: service.rawValue, url: "https://localhost:\(await network.port(of: service) ?? 0)",
                    adminPort: try await network.admin(of: service).port, processID: processes[service] ?? 0))
        }
    }

    /// Whether the process that wrote the file is still there.
    ///
    /// Its own id does not count: in a container the next process often gets the id of one that was killed.
    package var isAlive: Bool { processID != getpid() && (kill(processID, 0) == 0 || errno == EPERM) }

    /// Writes the file into a folder, readable by this user only.
    package func write(to folder: String) throws(ExperimentError) {
        let path = "\(folder)/\(Self.fileName)"
        let encoder = JSONEncoder()
        encoder.outputFormatting = [.prettyPrinted, .sortedKeys, .withoutEscapingSlashes]
        guard let data = try? encoder.encode(self) else { return }
        unlink(path)
        let descriptor = open(path, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0o600)
        guard descriptor >= 0 else {
            throw ExperimentError(.results, "cannot write \(path): \(errorText(errno))", advice: "choose another --dir")
        }
        defer { close(descriptor) }
        let written = data.withUnsafeBytes { Foundation.write(descriptor, $0.baseAddress, $0.count) }
        if written != data.count {
            let reason = errorText(written < 0 ? errno : ENOSPC)
            throw ExperimentError(.results, "cannot write \(path): \(reason)", advice: "choose another --dir")
        }
    }

    /// Reads the file of a folder; nil when there is none.
    ///
    /// - Throws: `ExperimentError` when the file is there and makes no sense.
    package static func read(from folder: String) throws(ExperimentError) -> NetworkState? {
        let path = "\(folder)/\(fileName)"
        guard FileManager.default.fileExists(atPath: path) else { return nil }
        guard let data = FileManager.default.contents(atPath: path) else {
            throw ExperimentError(.system, "cannot read \(path): \(errorText(errno))")
        }
        do {
            return try JSONDecoder().decode(NetworkState.self, from: data)
        } catch {
            throw ExperimentError(
                .system, "\(path) is not the state of a running network", advice: "remove it, then run `seawall up`")
        }
    }

    /// Takes the file away.
    package static func remove(from folder: String) { unlink("\(folder)/\(fileName)") }
}
