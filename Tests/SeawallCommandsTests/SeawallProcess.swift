// SPDX-License-Identifier: Apache-2.0

import Experiments
import Foundation
import TestSupport

/// The real `seawall` executable, run as a person would, in a folder of its own.
///
/// Every process that it starts inherits a marker in its environment, so that one left behind is found.
final class SeawallProcess: Sendable {
    let folder: TemporaryFolder
    private let process: Process
    private let marker = "seawall-test-\(UUID())"

    /// - Parameters:
    ///   - script: Written to `scenario.yaml` in the folder.
    ///   - prefix: A command that runs the rest, for example `unshare -m sh -c …`.
    init(_ arguments: [String], script: String? = nil, environment: [String: String] = [:], prefix: [String] = [])
        throws
    {
        folder = try TemporaryFolder()
        if let script { try script.write(toFile: "\(folder.path)/scenario.yaml", atomically: true, encoding: .utf8) }
        let command = prefix + ["\(Executables.find().directory)/seawall"] + arguments
        process = Process()
        process.executableURL = URL(fileURLWithPath: "/usr/bin/env")
        process.arguments = command
        process.currentDirectoryURL = URL(fileURLWithPath: folder.path)
        process.environment = ProcessInfo.processInfo.environment
            .merging(["SEAWALL_TEST_MARKER": marker, "TMPDIR": folder.path]) { $1 }
            .merging(environment) { $1 }
        for name in ["stdout", "stderr"] {
            _ = FileManager.default.createFile(atPath: "\(folder.path)/\(name)", contents: nil)
        }
        process.standardInput = FileHandle.nullDevice
        process.standardOutput = try FileHandle(forWritingTo: URL(fileURLWithPath: "\(folder.path)/stdout"))
        process.standardError = try FileHandle(forWritingTo: URL(fileURLWithPath: "\(folder.path)/stderr"))
        try process.run()
    }

    var output: String { text("stdout") }
    var errors: String { text("stderr") }
    var processID: Int32 { process.processIdentifier }
    var isRunning: Bool { process.isRunning }

    func text(_ file: String) -> String {
        (try? String(contentsOfFile: "\(folder.path)/\(file)", encoding: .utf8)) ?? ""
    }

    func send(_ signal: Int32) { kill(process.processIdentifier, signal) }

    /// Waits until it has ended; the exit code, or 128 + signal.
    func exitCode() async -> Int32 {
        while process.isRunning { try? await Task.sleep(for: .milliseconds(20)) }
        return process.terminationReason == .exit ? process.terminationStatus : 128 + process.terminationStatus
    }

    /// Waits until standard error has this text; false when the process ends without.
    func says(_ text: String) async -> Bool {
        while !errors.contains(text) {
            if !process.isRunning { return errors.contains(text) }
            try? await Task.sleep(for: .milliseconds(20))
        }
        return true
    }

    /// Process ids of everything that it started and that is still there, itself left out.
    func descendants() -> [Int32] {
        let entries = (try? FileManager.default.contentsOfDirectory(atPath: "/proc")) ?? []
        return entries.compactMap { Int32($0) }.filter { id in
            guard id != process.processIdentifier,
                let data = FileManager.default.contents(atPath: "/proc/\(id)/environ")
            else {
                return false
            }
            return String(decoding: data, as: UTF8.self).contains(marker)
        }
    }

    /// Process id of a child by the name of its executable.
    func child(_ name: String) -> Int32? {
        descendants().first { id in
            let target = try? FileManager.default.destinationOfSymbolicLink(atPath: "/proc/\(id)/exe")
            return target?.hasSuffix("/\(name)") ?? false
        }
    }

    /// Ends whatever a failed test left.
    deinit {
        if process.isRunning { process.terminate() }
        for id in descendants() { kill(id, SIGKILL) }
    }

    /// Runs a command again, a few times, as long as the machine is too busy for its measurements to be valid.
    static func whenValid(_ arguments: [String], script: String) async throws -> SeawallProcess {
        var last: SeawallProcess
        var attempts = 0
        repeat {
            last = try SeawallProcess(arguments, script: script)
            attempts += 1
        } while await last.exitCode() == 4 && attempts < 4
        return last
    }
}
