// SPDX-License-Identifier: Apache-2.0

import Foundation
import Testing

@testable import Experiments

@Suite("A child process", .timeLimit(.minutes(1)))
struct ChildProcessTests {
    private let log = FileManager.default.temporaryDirectory.appendingPathComponent("child-\(UUID()).log").path

    private func shell(_ script: String, environment: [String: String] = [:]) async throws -> ChildProcess {
        try await ChildProcess.start(
            name: "shell", path: "/bin/sh", arguments: ["-c", script], environment: environment, logFile: log)
    }

    @Test("gives its first line, keeps its standard error and tells its exit code")
    func output() async throws {
        let process = try await shell(
            "echo $GREETING; echo second; echo trouble >&2; exit 3", environment: ["GREETING": "hello"])
        #expect(await process.firstLine.value() == "hello")
        #expect(await process.exit.value() == .code(3))
        #expect(process.lastLogLines() == ["trouble"])
    }

    @Test("that ends without a line says so instead of keeping anybody waiting")
    func silence() async throws {
        let process = try await shell("exit 0")
        #expect(await process.firstLine.value() == .some(.none))
        #expect(await process.exit.value() == .code(0))
    }

    @Test("is ended by SIGTERM, or killed when it does not listen", arguments: [true, false])
    func stop(listens: Bool) async throws {
        let process = try await shell(
            listens ? "echo up; exec sleep 60" : "trap '' TERM; echo up; while :; do sleep 1; done")
        _ = await process.firstLine.value()
        await process.stop(grace: .milliseconds(listens ? 20_000 : 200))
        #expect(process.exit.current == (listens ? .signal(SIGTERM) : .signal(SIGKILL)))
        #expect(kill(process.processID, 0) == -1, "the process is reaped")
    }

    @Test("that is paused is stopped all the same")
    func stopPaused() async throws {
        let process = try await shell("echo up; exec sleep 60")
        _ = await process.firstLine.value()
        process.send(signal: SIGSTOP)
        await process.stop(grace: .seconds(20))
        #expect(process.exit.current == .signal(SIGTERM))
    }

    @Test("is stopped and reaped from a cancelled task too")
    func stopCancelled() async throws {
        let process = try await shell("echo up; exec sleep 60")
        _ = await process.firstLine.value()
        let task = Task {
            while !Task.isCancelled { await Task.yield() }
            await process.stop(grace: .seconds(20))
        }
        task.cancel()
        await task.value
        #expect(process.exit.current == .signal(SIGTERM))
    }

    @Test("inherits no descriptor, no ignored signal and no process group")
    func inheritsNothing() async throws {
        signal(SIGPIPE, SIG_IGN)
        let process = try await shell(
            "echo $(ls /proc/self/fd | wc -l) $(grep SigIgn /proc/self/status | tr -d '[:space:]') $(cut -d' ' -f5 /proc/$$/stat)"
        )
        let line = try #require(await process.firstLine.value() ?? nil)
        _ = await process.exit.value()
        let fields = line.split(separator: " ")
        // ls itself holds one more than 0, 1 and 2: the directory that it lists.
        #expect(fields[0] == "4")
        // The C library keeps the signals from 32 on to itself.
        let ignored = try #require(UInt64(fields[1].split(separator: ":")[1], radix: 16))
        #expect(ignored & 0x7fff_ffff == 0)
        #expect(fields[2] == "\(process.processID)")
    }

    @Test("that can't be started is refused with what to do")
    func missingProgram() async {
        await #expect(
            throws: ExperimentError(
                .system, "cannot start ghost (/nonexistent/ghost): No such file or directory",
                advice: "run `make build`")
        ) {
            _ = try await ChildProcess.start(name: "ghost", path: "/nonexistent/ghost", arguments: [], logFile: log)
        }
    }

    @Test("whose log can't be written is refused with what to do")
    func unwritableLog() async {
        await #expect(
            throws: ExperimentError(
                .results, "cannot write /proc/nope.log: No such file or directory", advice: "choose another --out")
        ) {
            _ = try await ChildProcess.start(name: "sh", path: "/bin/sh", arguments: [], logFile: "/proc/nope.log")
        }
    }
}

@Suite("A one-shot value", .timeLimit(.minutes(1)))
struct OneShotTests {
    @Test("reaches those who wait before and after it is set, and keeps its first value")
    func sets() async {
        let value = OneShot<Int>()
        async let early = value.value()
        value.set(1)
        value.set(2)
        #expect(await early == 1)
        #expect(await value.value() == 1)
        #expect(await value.value(within: .seconds(60)) == 1)
    }

    @Test("lets go of those whose time is up or who are cancelled")
    func givesUp() async {
        let value = OneShot<Int>()
        #expect(await value.value(within: .milliseconds(1)) == nil)
        let task = Task { await value.value() }
        task.cancel()
        #expect(await task.value == nil)
    }
}
