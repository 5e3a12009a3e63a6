// SPDX-License-Identifier: Apache-2.0

package import ArgumentParser
internal import Experiments
internal import Reports
internal import Resilience

/// `seawall policies`: shows and changes the policies of a running network.
package struct Policies: AsyncParsableCommand {
    package static let configuration = CommandConfiguration(
        commandName: "policies",
        abstract: "Show or change the resilience policies of a running network.",
        usage: """
            seawall policies [--dir <dir>]
            seawall policies set <pipeline> <change> ... [--dir <dir>]
            """,
        discussion: """
            Without arguments it shows every pipeline. `set` changes policies from the next call on:

              seawall policies set 'post -> comment' circuit-breaker=disabled
              seawall policies set 'post -> comment' attempt-timeout=250ms retry.attempts=3 retry.budget=10%
              seawall policies set all shadow

            A pipeline's name or `all`, then the mode of all its policies, or changes of the form policy=mode, policy=value \
            or policy.option=value. A change that is wrong is refused whole. Breakers keep their windows, budgets their balance.
            """)

    @Option(help: "Folder of the network that `seawall up` keeps.", completion: .directory)
    var dir = ".seawall"

    @Argument(help: ArgumentHelp("Nothing, or: set <pipeline> <change> ...", valueName: "words"))
    var words: [String] = []

    package init() {}

    package func validate() throws {
        if let first = words.first, first != "set" {
            throw ValidationError(
                "'\(first)' is not known here; write nothing to see the policies, or: set <pipeline> <change> ...")
        }
        if words.count == 1 || words.count == 2 {
            throw ValidationError(
                "`set` needs a pipeline and at least one change, for example: set 'post -> comment' retry=disabled")
        }
    }

    package func run() async throws {
        do {
            let control = try NetworkControl(folder: dir)
            if words.isEmpty {
                show(try await control.pipelines())
            } else {
                try await set(words[1], Array(words[2...]), control)
            }
        } catch let error as ExperimentError {
            throw CommandFailure(error)
        } catch let faults as ConfigurationFaults {
            throw CommandFailure(.script, faults.description)
        }
    }

    private func set(_ pipeline: String, _ changes: [String], _ control: NetworkControl) async throws {
        let edits = try PolicyArguments.edits(pipeline: pipeline, changes: changes)
        let known = try await control.pipelines().map(\.name)
        guard pipeline == PolicyEdits.everything || known.contains(pipeline) else {
            throw CommandFailure(
                .script, "there is no pipeline '\(pipeline)'\n  the network has: \(known.joined(separator: ", "))")
        }
        try await control.change(edits)
        show(try await control.pipelines().filter { pipeline == PolicyEdits.everything || $0.name == pipeline })
    }

    private func show(_ pipelines: [PipelineSnapshot]) {
        print(PolicyListing(pipelines: pipelines).text(style: .standardOutput))
    }
}
