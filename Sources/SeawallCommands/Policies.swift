// SPDX-License-Identifier: Apache-2.0

package import ArgumentParser
internal import Experiments
internal import Glibc
internal import Reports
internal import Resilience

/// `seawall policies`: shows and changes the policies of a running network.
package struct Policies: AsyncParsableCommand {
    package static let configuration = CommandConfiguration(
        commandName: "policies",
        abstract: "Show or change the resilience policies of a running network.",
        usage: """
            seawall policies [--dir <dir>]
            seawall policies set <pipeline> <change> ... [--for <duration>] [--dir <dir>]
            seawall policies reset <pipeline> [--dir <dir>]
            seawall policies events [--dir <dir>]
            """,
        discussion: """
            Without arguments it shows every pipeline. `set` changes policies from the next call on:

              seawall policies set 'post -> comment' circuit-breaker=disabled
              seawall policies set 'post -> comment' attempt-timeout=250ms retry.attempts=3 retry.budget=10%
              seawall policies set post load-shedder=64
              seawall policies set all shadow --for 60s

            A pipeline's name or `all`, then the mode of all its policies, or changes of the form policy=mode, policy=value \
            or policy.option=value. A change that is wrong is refused whole. Breakers keep their windows, budgets their balance. \
            With --for the change ends by itself. Calls go through the pipeline of their edge (post -> comment), the requests \
            that come in to a service through its own (post).

            `reset` closes a circuit breaker and forgets its window. `events` shows what has happened last and then what \
            happens, a JSON object a line, until it is interrupted.
            """)

    @Option(help: "Folder of the network that `seawall up` keeps.", completion: .directory)
    var dir = ".seawall"

    @Option(name: .customLong("for"), help: ArgumentHelp("How long a change lasts, like 60s.", valueName: "duration"))
    var limit: DurationArgument?

    @Argument(
        help: ArgumentHelp(
            "Nothing, or: set <pipeline> <change> ..., reset <pipeline>, events", valueName: "words"))
    var words: [String] = []

    package init() {}

    package func validate() throws {
        switch words.first {
        case nil, "events": break
        case "reset":
            guard words.count == 2 else {
                throw ValidationError("`reset` needs a pipeline, for example: reset 'post -> comment'")
            }
        case "set":
            guard words.count > 2 else {
                throw ValidationError(
                    "`set` needs a pipeline and at least one change, for example: set 'post -> comment' retry=disabled")
            }
        case .some(let first):
            throw ValidationError(
                "'\(first)' is not known here; write nothing to see the policies, or: set <pipeline> <change> ..., "
                    + "reset <pipeline>, events")
        }
        if words.first == "events", words.count > 1 { throw ValidationError("`events` takes no further words") }
        if limit != nil, words.first != "set" { throw ValidationError("--for belongs to `set`") }
        if let limit = limit?.value, limit < .milliseconds(1) || limit > .seconds(86_400) {
            throw ValidationError("--for takes a duration from 1ms to 24h")
        }
    }

    package func run() async throws {
        do {
            let control = try NetworkControl(folder: dir)
            switch words.first {
            case nil: show(try await control.pipelines())
            case "events":
                try await control.events { line in
                    print(line)
                    // Also into a pipe, at once.
                    fflush(nil)
                }
            case "reset": try await reset(words[1], control)
            default: try await set(words[1], Array(words[2...]), control)
            }
        } catch let error as ExperimentError {
            throw CommandFailure(error)
        } catch let faults as ConfigurationFaults {
            throw CommandFailure(.script, faults.description)
        }
    }

    private func set(_ pipeline: String, _ changes: [String], _ control: NetworkControl) async throws {
        let edits = try PolicyArguments.edits(pipeline: pipeline, changes: changes)
        if pipeline != PolicyEdits.everything { try await requireKnown(pipeline, control) }
        try await control.change(edits, for: limit?.value)
        show(try await control.pipelines().filter { pipeline == PolicyEdits.everything || $0.name == pipeline })
    }

    private func reset(_ pipeline: String, _ control: NetworkControl) async throws {
        try await requireKnown(pipeline, control)
        try await control.resetBreaker(of: pipeline)
        show(try await control.pipelines().filter { $0.name == pipeline })
    }

    private func requireKnown(_ pipeline: String, _ control: NetworkControl) async throws {
        let known = try await control.pipelines().map(\.name)
        guard known.contains(pipeline) else {
            throw CommandFailure(
                .script, "there is no pipeline '\(pipeline)'\n  the network has: \(known.joined(separator: ", "))")
        }
    }

    private func show(_ pipelines: [PipelineSnapshot]) {
        print(PolicyListing(pipelines: pipelines).text(style: .standardOutput))
    }
}
