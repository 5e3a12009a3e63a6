// SPDX-License-Identifier: Apache-2.0

import Experiments
import Foundation
import TestSupport

/// A real `station-service` process with one station of known capacity, `web`.
///
/// It is ended when the last reference goes.
final class StationUnderTest: Sendable {
    /// Where the station answers everything.
    let url: String
    private let process: Process
    private let folder: TemporaryFolder

    struct NotStarted: Error { var output: String }

    /// - Parameter options: JSON of the station, for example `{"slots": 1, "service": "20ms", "queue": "fifo"}`.
    init(_ options: String) async throws {
        folder = try TemporaryFolder()
        let file = "\(folder.path)/stations.json"
        let output = "\(folder.path)/stdout"
        try "{\"web\": \(options)}".write(toFile: file, atomically: true, encoding: .utf8)
        _ = FileManager.default.createFile(atPath: output, contents: nil)
        process = Process()
        process.executableURL = URL(fileURLWithPath: "\(Executables.find().directory)/station-service")
        process.arguments = ["--stations", file]
        process.standardInput = FileHandle.nullDevice
        process.standardOutput = try FileHandle(forWritingTo: URL(fileURLWithPath: output))
        process.standardError = FileHandle.nullDevice
        try process.run()
        struct Listening: Decodable { var ports: [String: Int] }
        while true {
            let text = try String(contentsOfFile: output, encoding: .utf8)
            if text.hasSuffix("\n"),
                let line = try? JSONDecoder().decode(Listening.self, from: Data(text.utf8)),
                let port = line.ports["web"]
            {
                url = "http://127.0.0.1:\(port)"
                return
            }
            guard process.isRunning else { throw NotStarted(output: text) }
            try await Task.sleep(for: .milliseconds(20))
        }
    }

    deinit { process.terminate() }
}
