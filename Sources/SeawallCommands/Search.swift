// SPDX-License-Identifier: Apache-2.0

package import ArgumentParser
internal import Experiments
internal import FaultInjection
internal import Foundation
internal import Measurement
internal import Reports
internal import Scenarios

/// `seawall search`: finds the highest rate at which a system meets its goals.
package struct Search: AsyncParsableCommand {
    package static let configuration = CommandConfiguration(
        commandName: "search",
        abstract: "Find the highest rate at which a system meets its goals.",
        discussion: """
            Plays the loads of a script, in their proportions, at one rate after another: doubled until the goals are missed, \
            then halfway between the highest rate that met them and the lowest that missed them. Every level is repeated, each \
            time with other arrivals, and passes when most of its repetitions do. The answer is an interval, with what the \
            repetitions say of its two ends. Rates are journeys a second over all loads.

            The faults of the script are left out; with --faults all of them are active in every level, from the middle of its \
            warm-up to its end, which gives the capacity of a variant of the policies while something is broken.

            A measurement in which the generator could not keep up is never taken for a miss: it is repeated once, and then ends \
            the search with what was shown until then. Between levels the system gets time to come back. Ctrl-C ends \
            the search, and what is known is reported.

            Exit codes: 0 a rate was found, 1 even the lowest rate missed the goals, 2 the script or a goal is wrong, 3 the \
            system could not be reached, started or kept alive or did not come back after a level, or the results could not be \
            written, 4 the generator could not keep up, 130 stopped by Ctrl-C, 143 by SIGTERM.
            """)

    @Argument(help: "Scenario script.", completion: .file(extensions: ["yaml", "yml"]))
    var scenario: String

    @Option(
        name: .customLong("slo"),
        help:
            "A goal, as in a script's thresholds: 'p99 < 100ms', 'errors < 1%'; may be repeated. Default: the script's."
    )
    var goals: [String] = []

    @Option(help: "Lowest rate, for example 50 or 50/s. Default: a quarter of the script's.")
    var from: RateArgument?

    @Option(help: "Highest rate. Default: sixteen times the script's.")
    var to: RateArgument?

    @Option(help: "How far the failing rate may lie above the passing one, 0.5% to 100%.")
    var precision = ShareArgument(0.05)

    @Option(name: .customLong("repeat"), help: "Repetitions of a level, 1 to 99.")
    var repeats = 3

    @Option(help: "Measured length of a repetition, in whole seconds.")
    var level = DurationArgument(.seconds(10))

    @Option(help: "Played before each, not measured. Default: the script's, at least 2s.")
    var warmup: DurationArgument?

    @Option(help: "The variant of the policies; needed when the script has several.")
    var variant: String?

    @Flag(help: "Measure every level with the script's faults active.")
    var faults = false

    @Option(help: "Engine threads, in place of the script's.")
    var workers: Int?

    @Option(help: "Seed of all randomness, in place of the script's.")
    var seed: UInt64?

    @Option(help: "Folder for the results (default: results/<time>-<scenario>-search).", completion: .directory)
    var out: String?

    @Flag(help: "Print one JSON object instead of text.")
    var json = false

    package init() {}

    package func validate() throws {
        guard (1...99).contains(repeats) else { throw ValidationError("--repeat takes 1 to 99") }
        guard (0.005...1).contains(precision.value) else { throw ValidationError("--precision takes 0.5% to 100%") }
        guard (Duration.seconds(1)...Duration.seconds(3600)).contains(level.value) else {
            throw ValidationError("--level takes 1s to 1h")
        }
        try ScriptFile.check(workers: workers)
        if let warmup, warmup.value > .seconds(3600) { throw ValidationError("--warmup takes at most 1h") }
    }

    package func run() async throws {
        let scenario = try ScriptFile.load(scenario, seed: seed, workers: workers)
        let folder = ResultsFolder(out ?? ResultsFolder.defaultPath(for: "\(scenario.name)-search", at: Date()))
        do {
            let plan = try SearchPlan(scenario, wishes)
            try folder.make()
            // Beside it the record of a search would not be found: a folder is one or the other.
            if RunFile.holdsRun(folder.path) {
                throw ExperimentError(
                    .results, "the folder \(folder.path) holds the record of a run",
                    advice: "choose another one with --out")
            }
            let search = SearchRun(
                plan, executables: .find(), directory: folder.path, version: SeawallCommand.version)
            let display = SearchDisplay(warmup: plan.warmup)
            display.announce(plan)
            // Cancelled by the first Ctrl-C; awaited below.
            let task = Task { try await search.run { display.show($0) } }
            Interruption.install { _ in
                task.cancel()
                display.finish()
                Console.note("stopping; what is known will be reported (Ctrl-C again ends at once)")
            }
            defer { display.finish() }
            let result = try await task.value
            display.finish()
            try report(result.record, folder)
            try judge(result)
        } catch let error as ExperimentError {
            folder.removeIfEmpty()
            throw CommandFailure(error)
        } catch is CancellationError {
            folder.removeIfEmpty()
            throw CommandFailure.interruption("stopped before anything was measured")
        }
    }

    private var wishes: SearchPlan.Wishes {
        var wishes = SearchPlan.Wishes()
        wishes.variant = variant
        wishes.goals = goals
        wishes.from = from?.perSecond
        wishes.to = to?.perSecond
        wishes.precision = precision.value
        wishes.repeats = repeats
        wishes.level = level.value
        wishes.warmup = warmup?.value
        wishes.withFaults = faults
        return wishes
    }

    private func report(_ record: SearchRecord, _ folder: ResultsFolder) throws {
        print(
            json
                ? try SearchOutput(record, folder: folder.path).json()
                : SearchTerminalReport.render(record, style: .standardOutput))
        // Before anything goes to standard error, so that the two stay in order where they end in one place.
        fflush(nil)
        do {
            try RunFile.write(record, toDirectory: folder.path)
            _ = try ReportWriter.write(record, toDirectory: folder.path)
            Console.note("results: \(folder.path)")
        } catch {
            throw CommandFailure(.system, error.message)
        }
    }

    /// Turns the answer into the exit code.
    private func judge(_ result: SearchRun.Result) throws {
        if let failure = result.failure { throw CommandFailure(failure) }
        let reason = result.record.answer.reason ?? ""
        switch result.record.answer.end {
        case .bracketed, .aboveRange: return
        case .belowRange:
            throw CommandFailure(.thresholdMissed, "even the lowest rate missed the goals; try a lower --from")
        case .invalid: throw CommandFailure(.measurement, reason)
        case .stuck, .failed: throw CommandFailure(.system, reason)
        case .interrupted: throw CommandFailure.interruption("stopped; what is known is above")
        }
    }
}
