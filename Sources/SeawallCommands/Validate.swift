// SPDX-License-Identifier: Apache-2.0

package import ArgumentParser
internal import Scenarios

/// `seawall validate`: reads scripts and reports every mistake in them, starting nothing.
package struct Validate: ParsableCommand {
    package static let configuration = CommandConfiguration(
        commandName: "validate",
        abstract: "Check scenario scripts without starting anything.",
        discussion: "Exit codes: 0 all scripts are right, 2 at least one is not.")

    @Argument(help: "Scenario scripts.", completion: .file(extensions: ["yaml", "yml"]))
    var scripts: [String]

    package init() {}

    package func run() throws {
        var mistakes = 0
        for script in scripts {
            do {
                let scenario = try Scenario.load(path: script)
                print("\(script): \(scenario.name) is valid")
            } catch {
                mistakes += error.faults.count
                Console.note(error.description)
            }
        }
        guard mistakes == 0 else {
            throw CommandFailure(.script, mistakes == 1 ? "1 mistake" : "\(mistakes) mistakes")
        }
    }
}
