// SPDX-License-Identifier: Apache-2.0

internal import CLinux
internal import Foundation
internal import Synchronization

/// A program that runs beside this one and never outlives it.
///
/// Its standard error goes to a log file, its standard output is read for lines. Ctrl-C in the terminal does not reach it,
/// and it is always reaped. Safe to use from any thread.
package final class ChildProcess: Sendable {
    /// How a process ended.
    package enum Exit: Sendable, Equatable, CustomStringConvertible {
        case code(Int32)
        case signal(Int32)

        package var description: String {
            switch self {
            case .code(let code): "exited with code \(code)"
            case .signal(let number): "was killed by signal \(number)"
            }
        }
    }

    /// What people call it: "comment-service".
    package let name: String
    package let processID: Int32
    /// The file with what it wrote to standard error.
    package let logFile: String
    /// Set when the process has ended and is reaped.
    package let exit = OneShot<Exit>()
    /// The first line that it wrote to standard output; nil when it closed it without one.
    package let firstLine = OneShot<String?>()

    private let pidfd: Int32

    /// Starts the program at `path`.
    ///
    /// - Parameter environment: Added to the environment of this process.
    /// - Throws: `ExperimentError` when the log file can't be made or the program can't be started.
    package static func start(
        name: String, path: String, arguments: [String], environment: [String: String] = [:], logFile: String
    ) async throws -> ChildProcess {
        let log = open(logFile, O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0o644)
        guard log >= 0 else {
            throw ExperimentError(
                .results, "cannot write \(logFile): \(errorText(errno))", advice: "choose another --out")
        }
        defer { close(log) }
        var ends: [Int32] = [0, 0]
        guard pipe(&ends) == 0 else {
            throw ExperimentError(.system, "cannot start \(name): \(errorText(errno))")
        }
        // Only this side: the child's end must block, as programs expect.
        _ = fcntl(ends[0], F_SETFL, O_NONBLOCK)
        for end in ends { _ = fcntl(end, F_SETFD, FD_CLOEXEC) }
        defer { close(ends[1]) }
        do {
            let merged = ProcessInfo.processInfo.environment.merging(environment) { $1 }
            let process = try await ProcessLauncher.start(
                path: path, arguments: arguments, environment: merged, standardOutput: ends[1], standardError: log)
            return ChildProcess(name: name, processID: process, logFile: logFile, output: ends[0])
        } catch let failure as ProcessLauncher.Failure {
            close(ends[0])
            throw ExperimentError(
                .system, "cannot start \(name) (\(path)): \(errorText(failure.errno))", advice: "run `make build`")
        }
    }

    private init(name: String, processID: Int32, logFile: String, output: Int32) {
        self.name = name
        self.processID = processID
        self.logFile = logFile
        pidfd = seawall_pidfd_open(processID)
        // Owned by the process that it watches: the thread ends when that does.
        let thread = Thread { [self] in watch(output) }
        thread.name = "seawall-\(name)"
        thread.start()
    }

    deinit { if pidfd >= 0 { close(pidfd) } }

    /// Sends a signal, unless the process has ended.
    package func send(signal: Int32) {
        guard pidfd >= 0 else {
            // A kernel without pidfd. The id is this process's until it is reaped, and `exit` is set right after that.
            if exit.current == nil { _ = kill(processID, signal) }
            return
        }
        // By descriptor, so that a process id that the kernel has given away again is never hit.
        _ = seawall_pidfd_send_signal(pidfd, signal)
    }

    /// Asks the process to end (SIGTERM), and kills it (SIGKILL) when it has not ended within `grace`.
    ///
    /// Also works on a stopped process. Returns when it is reaped, even in a cancelled task.
    package func stop(grace: Duration) async {
        // A task of its own, awaited here, because a cancelled one could not wait.
        await Task {
            send(signal: SIGTERM)
            send(signal: SIGCONT)
            if await exit.value(within: grace) == nil {
                send(signal: SIGKILL)
                _ = await exit.value()
            }
        }.value
    }

    /// Last lines of the log, for messages about a process that died.
    package func lastLogLines(_ count: Int = 5) -> [String] {
        guard let data = FileManager.default.contents(atPath: logFile) else { return [] }
        let lines = String(decoding: data.suffix(16_384), as: UTF8.self).split(separator: "\n")
        return lines.suffix(count).map(String.init)
    }

    private func watch(_ output: Int32) {
        var lines = LineReader()
        var watched = [
            pollfd(fd: output, events: Int16(POLLIN), revents: 0), pollfd(fd: pidfd, events: Int16(POLLIN), revents: 0),
        ]
        // Without a pidfd (a kernel before 5.3) the end of the output stands for the end of the process.
        while poll(&watched, 2, -1) >= 0 || errno == EINTR {
            if watched[0].revents != 0, !lines.read(from: output, into: firstLine) {
                watched[0].fd = -1
                if pidfd < 0 { break }
            }
            if watched[1].revents != 0 { break }
        }
        _ = lines.read(from: output, into: firstLine)
        close(output)
        var status: Int32 = 0
        while waitpid(processID, &status, 0) < 0, errno == EINTR {}
        firstLine.set(nil)
        exit.set(status & 0x7f == 0 ? .code((status >> 8) & 0xff) : .signal(status & 0x7f))
    }
}

/// Finds the first line in what a descriptor delivers and drops the rest.
private struct LineReader {
    private var pending: [UInt8] = []
    private var found = false

    /// Reads what is there; false at the end of the stream.
    mutating func read(from descriptor: Int32, into line: OneShot<String?>) -> Bool {
        var buffer = [UInt8](repeating: 0, count: 4096)
        while true {
            let count = Foundation.read(descriptor, &buffer, buffer.count)
            if count == 0 { return false }
            if count < 0 { return errno == EAGAIN || errno == EINTR }
            guard !found else { continue }
            pending += buffer[..<count]
            if let end = pending.firstIndex(of: UInt8(ascii: "\n")) {
                line.set(String(decoding: pending[..<end], as: UTF8.self))
                found = true
                pending = []
            } else if pending.count > 65_536 {
                found = true
                pending = []
            }
        }
    }
}

/// The C library's words for an errno.
func errorText(_ number: Int32) -> String { String(cString: strerror(number)) }
