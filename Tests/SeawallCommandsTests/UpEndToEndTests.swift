// SPDX-License-Identifier: Apache-2.0

import Experiments
import Foundation
import TestSupport
import Testing

@testable import SeawallCommands

@Suite("seawall up with the real services", .timeLimit(.minutes(3)))
struct UpEndToEndTests {
    /// Runs `seawall` in the folder of the one that keeps the network.
    private func seawall(_ arguments: [String], beside network: SeawallProcess) async throws -> (
        code: Int32, output: String, errors: String
    ) {
        let command = try SeawallProcess(arguments + ["--dir", "\(network.folder.path)/net"])
        return (await command.exitCode(), command.output, command.errors)
    }

    @Test("keeps a network whose policies can be read and changed, until Ctrl-C ends it with 0")
    func keeps() async throws {
        let network = try SeawallProcess(["up", "--dir", "net", "--port", "0"])
        let stateFile = "\(network.folder.path)/net/\(NetworkState.fileName)"
        while network.isRunning, !network.output.contains("Try:") { try await Task.sleep(for: .milliseconds(20)) }
        #expect(network.output.hasPrefix("The social network is up. Ctrl-C stops it.\n"), "\(network.errors)")
        let attributes = try FileManager.default.attributesOfItem(atPath: stateFile)
        #expect(attributes[.posixPermissions] as? Int == 0o600, "it holds the admin token")

        let shown = try await seawall(["policies"], beside: network)
        #expect(shown.code == 0, "\(shown.errors)")
        #expect(shown.output.contains(#/post -> comment  0 calls\n  fallback +disabled\n/#), "\(shown.output)")

        let changed = try await seawall(
            ["policies", "set", "post -> comment", "attempt-timeout=250ms", "retry.attempts=4"], beside: network)
        #expect(changed.code == 0, "\(changed.errors)")
        #expect(changed.output.contains(#/attempt-timeout +enforced/#), "\(changed.output)")
        #expect(changed.output.contains("attempts 4"), "\(changed.output)")
        #expect(!changed.output.contains("post -> user"), "only what was changed is shown")

        // The service's own pipeline, for a time, as those see it who listen.
        let events = try SeawallProcess(["policies", "events", "--dir", "\(network.folder.path)/net"])
        while events.isRunning, !events.output.contains("attempts") { try await Task.sleep(for: .milliseconds(20)) }
        let short = try await seawall(["policies", "set", "post", "load-shedder=0", "--for", "200ms"], beside: network)
        #expect(short.code == 0 && short.output.contains(#/load-shedder +enforced/#), "\(short.errors)")
        while events.isRunning, !events.output.contains("expired") { try await Task.sleep(for: .milliseconds(20)) }
        events.send(SIGINT)
        _ = await events.exitCode()
        #expect(try await seawall(["policies"], beside: network).output.contains(#/load-shedder +disabled/#))
        let reset = try await seawall(["policies", "reset", "post -> comment"], beside: network)
        #expect(reset.code == 0 && reset.output.contains("circuit-breaker"), "\(reset.errors)")
        #expect(try await seawall(["policies", "reset", "post -> coment"], beside: network).code == 2)

        let unknown = try await seawall(["policies", "set", "post -> coment", "disabled"], beside: network)
        #expect(unknown.code == 2)
        #expect(unknown.errors.hasPrefix("seawall: there is no pipeline 'post -> coment'\n  the network has: "))
        let wrong = try await seawall(["policies", "set", "post -> comment", "retry.attempts=many"], beside: network)
        #expect(wrong.code == 2)
        #expect(wrong.errors.hasPrefix("seawall: post -> comment: retry: attempts: "), "\(wrong.errors)")

        let second = try await seawall(["up", "--port", "0"], beside: network)
        #expect(second.code == 3)
        #expect(second.errors.contains("a network is already running in"), "\(second.errors)")

        network.send(SIGINT)
        #expect(await network.exitCode() == 0, "\(network.errors)")
        #expect(network.descendants().isEmpty)
        #expect(!FileManager.default.fileExists(atPath: stateFile))
        #expect(try await seawall(["policies"], beside: network).code == 3)
    }

    @Test("asked twice it ends at once and leaves no process")
    func twice() async throws {
        let network = try SeawallProcess(["up", "--dir", "net", "--port", "0"])
        while network.isRunning, !network.output.contains("Try:") { try await Task.sleep(for: .milliseconds(20)) }
        #expect(network.descendants().count == 3)
        // Two different signals, since two equal ones may arrive as one; either may be the second.
        network.send(SIGINT)
        network.send(SIGTERM)
        #expect([130, 143].contains(await network.exitCode()))
        #expect(network.errors.hasSuffix("stopped at once\n"))
        while !network.descendants().isEmpty { try await Task.sleep(for: .milliseconds(20)) }
    }
}
