// SPDX-License-Identifier: Apache-2.0

import Foundation
import ServiceKit
import TestSupport
import Testing

/// The real executable as a process of its own.
///
/// Unchecked: its properties never change, and its `Process` is used by one test at a time.
final class ServiceProcess: @unchecked Sendable {
    struct Announcement: Decodable {
        var event: String
        var service: String
        var port: Int
        var adminPort: Int
        var pid: Int32
    }

    static let adminToken = "test-token"

    let announcement: Announcement
    let folder: TemporaryFolder
    private let process: Process

    /// Starts it and waits until it listens.
    init(folder: TemporaryFolder) throws {
        self.folder = folder
        let (process, output, error) = Self.make(arguments: Self.directories(folder))
        self.process = process
        try process.run()
        // One line: it ends with the line break, or with the process.
        var line = Data()
        while !line.contains(UInt8(ascii: "\n")) {
            let chunk = output.fileHandleForReading.availableData
            if chunk.isEmpty { break }
            line += chunk
        }
        guard let announcement = try? JSONDecoder().decode(Announcement.self, from: line) else {
            process.terminate()
            let reason = String(decoding: error.fileHandleForReading.readDataToEndOfFile(), as: UTF8.self)
            throw Failure(reason: "it did not announce itself: \(reason)")
        }
        self.announcement = announcement
    }

    struct Failure: Error {
        var reason: String
    }

    /// Sends SIGTERM and waits for the end.
    func stop() async -> Int32 {
        process.terminate()
        return await ended()
    }

    /// Sends SIGTERM and returns at once.
    func terminate() { process.terminate() }

    func ended() async -> Int32 {
        await withCheckedContinuation { continuation in
            DispatchQueue.global().async {
                self.process.waitUntilExit()
                continuation.resume(returning: self.process.terminationStatus)
            }
        }
    }

    deinit {
        if process.isRunning { process.terminate() }
    }

    /// Runs it to its end, for starts that must fail.
    static func output(arguments: [String]) async throws -> (status: Int32, error: String) {
        let (process, _, error) = make(arguments: arguments)
        try process.run()
        let text = String(decoding: error.fileHandleForReading.readDataToEndOfFile(), as: UTF8.self)
        process.waitUntilExit()
        return (process.terminationStatus, text)
    }

    static func directories(_ folder: TemporaryFolder) -> [String] {
        ["--data", folder.path + "/data", "--tls", folder.path + "/tls"]
    }

    private static func make(arguments: [String]) -> (Process, output: Pipe, error: Pipe) {
        let process = Process()
        // Built beside the tests.
        let products = URL(fileURLWithPath: CommandLine.arguments[0]).resolvingSymlinksInPath()
            .deletingLastPathComponent()
        process.executableURL = products.appendingPathComponent("user-service")
        process.arguments = arguments
        process.environment = ["SEAWALL_ADMIN_TOKEN": adminToken]
        let (output, error) = (Pipe(), Pipe())
        process.standardOutput = output
        process.standardError = error
        process.standardInput = FileHandle.nullDevice
        return (process, output, error)
    }
}
