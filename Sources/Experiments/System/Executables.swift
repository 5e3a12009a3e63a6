// SPDX-License-Identifier: Apache-2.0

internal import Foundation

/// Where the programs are that Seawall starts.
package struct Executables: Sendable {
    /// Environment variable that names the folder with the executables.
    package static let variable = "SEAWALL_BIN_DIR"

    package var directory: String

    package init(directory: String) { self.directory = directory }

    /// The folder in `SEAWALL_BIN_DIR`, else the one of the running program.
    package static func find(environment: [String: String]? = nil) -> Executables {
        let environment = environment ?? ProcessInfo.processInfo.environment
        if let directory = environment[variable], !directory.isEmpty { return Executables(directory: directory) }
        let running =
            (try? FileManager.default.destinationOfSymbolicLink(atPath: "/proc/self/exe")) ?? CommandLine.arguments[0]
        return Executables(directory: (running as NSString).deletingLastPathComponent)
    }

    /// Path of an executable.
    ///
    /// - Throws: `ExperimentError` that names what is missing and how to get it.
    package func path(of name: String) throws(ExperimentError) -> String {
        let path = "\(directory)/\(name)"
        guard FileManager.default.isExecutableFile(atPath: path) else {
            throw ExperimentError(
                .system, "cannot find the program \(name) in \(directory)",
                advice: "run `make build`, or set \(Self.variable) to the folder that holds it")
        }
        return path
    }
}
