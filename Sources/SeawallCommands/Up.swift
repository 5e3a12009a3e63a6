// SPDX-License-Identifier: Apache-2.0

package import ArgumentParser
internal import Experiments
internal import Foundation
internal import Scenarios

/// `seawall up`: starts the social network and keeps it until Ctrl-C.
package struct Up: AsyncParsableCommand {
    package static let configuration = CommandConfiguration(
        commandName: "up",
        abstract: "Start the social network and keep it until Ctrl-C.",
        discussion: """
            Data, certificates, logs and the file through which `seawall policies` finds the network are kept in one folder. \
            Start it again on the same folder, and everybody is still there.
            """)

    @Option(help: "Folder of the network.", completion: .directory)
    var dir = ".seawall"

    @Option(help: "First of the three HTTPS ports; admin ports are 1000 higher. 0 picks free ones.")
    var port = 8441

    @Flag(help: "Bring in 200 people with friends, posts and comments.")
    var populate = false

    @Option(help: "Seed of the people and their posts.")
    var seed: UInt64 = 42

    package init() {}

    package func validate() throws {
        guard port == 0 || (1...64_000).contains(port) else {
            throw ValidationError("--port must be 0 or between 1 and 64000")
        }
    }

    package func run() async throws {
        // Cancelled by Ctrl-C, which is how this command is meant to end; awaited right below.
        let task = Task { try await keep() }
        Interruption.install { _ in task.cancel() }
        do {
            try await task.value
        } catch let error as ExperimentError {
            throw CommandFailure(error)
        } catch is CancellationError {
            throw CommandFailure.interruption("stopped before the network was up")
        }
    }

    private func keep() async throws {
        if let other = try NetworkState.read(from: dir), other.isAlive {
            throw ExperimentError(
                .system, "a network is already running in \(dir) (process \(other.processID))",
                advice: "stop it with Ctrl-C where it runs, or choose another --dir")
        }
        let folder = URL(fileURLWithPath: dir).path
        var configuration = RunningNetwork.Configuration(
            executables: .find(), dataDirectory: "\(folder)/data", tlsDirectory: "\(folder)/tls",
            logDirectory: "\(folder)/logs", adminToken: RunningNetwork.newAdminToken())
        configuration.basePort = port
        Console.note("starting the social network …")
        let network = try await RunningNetwork.start(configuration)
        do {
            if populate { try await bringPeople(into: network, folder: folder) }
            let state = try await NetworkState(of: network)
            try state.write(to: folder)
            print(UpGreeting(state: state, dir: dir, person: populate ? firstPerson : nil).text)
            // A file or a pipe gets it now too: this command prints nothing more.
            fflush(nil)
            // Nil when Ctrl-C comes first.
            _ = await network.failure.value()
        } catch {
            await network.stop()
            throw Task.isCancelled ? CancellationError() : error
        }
        NetworkState.remove(from: folder)
        Console.note("stopping the network")
        await network.stop()
        if let failure = network.failure.current { throw failure }
    }

    private var population: Scenario.Population { Scenario.Population() }

    /// The most popular person, to sign in as.
    private var firstPerson: PopulationPlan.User? { PopulationPlan(population, seed: seed).users.first }

    /// Seeds the network, unless this folder's was seeded before.
    private func bringPeople(into network: RunningNetwork, folder: String) async throws {
        let marker = "\(folder)/data/populated"
        guard !FileManager.default.fileExists(atPath: marker) else { return }
        let display = RunDisplay(warmup: .zero, showsVariants: false)
        defer { display.finish() }
        do {
            _ = try await network.seed(population, seed: seed) { display.show(.seeding($0)) }
        } catch var error as ExperimentError {
            error.advice = "to begin anew remove \(dir)/data"
            throw error
        }
        _ = FileManager.default.createFile(atPath: marker, contents: Data("\(seed)\n".utf8))
    }
}
