// SPDX-License-Identifier: Apache-2.0

package import ArgumentParser
internal import Experiments
internal import Foundation
internal import Measurement
internal import Reports
internal import Scenarios

/// `seawall run`: plays a scenario under its variants and reports what happened.
package struct Run: AsyncParsableCommand {
    package static let configuration = CommandConfiguration(
        commandName: "run",
        abstract: "Play a scenario script and report what happened.",
        discussion: """
            Starts the system, seeds it, plays the load and the faults under each variant and stops everything again. \
            Ctrl-C ends the load, and what was measured is still reported; a second Ctrl-C ends at once.

            Exit codes: 0 passed, 1 a threshold was missed, 2 the script is wrong, 3 the system could not be reached, \
            started or kept alive, or the results could not be written, 4 the measurement is invalid, 130 stopped by Ctrl-C, 143 by SIGTERM.
            """)

    @Argument(help: "Scenario script.", completion: .file(extensions: ["yaml", "yml"]))
    var scenario: String

    @Option(name: .customLong("variant"), help: "Play this variant only; may be repeated.")
    var variants: [String] = []

    @Option(help: "Folder for the results (default: results/<time>-<scenario>).", completion: .directory)
    var out: String?

    @Option(help: "Seed of all randomness, in place of the script's.")
    var seed: UInt64?

    @Option(help: "Engine threads, in place of the script's.")
    var workers: Int?

    package init() {}

    package func validate() throws { try ScriptFile.check(workers: workers) }

    package func run() async throws {
        let scenario = try ScriptFile.load(scenario, seed: seed, workers: workers)
        let folder = ResultsFolder(out ?? ResultsFolder.defaultPath(for: scenario.name, at: Date()))
        do {
            let experiment = try Experiment(
                scenario: scenario, variants: variants, executables: .find(), directory: folder.path,
                version: SeawallCommand.version)
            try folder.make()
            let display = RunDisplay(
                warmup: scenario.measuredFrom, showsVariants: scenario.variants.count > 1)
            // Cancelled by the first Ctrl-C; awaited below.
            let task = Task { try await experiment.run { display.show($0) } }
            Interruption.install { _ in
                // First, because the rest may wait for a terminal that does not take more text.
                task.cancel()
                display.finish()
                Console.note("stopping; what was measured will be reported (Ctrl-C again ends at once)")
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

    /// Prints the tables and writes the files. The tables come first: they are there even if nothing can be written.
    private func report(_ record: ExperimentRecord, _ folder: ResultsFolder) throws {
        print(TerminalReport.render(record, style: .standardOutput))
        // Before anything goes to standard error, so that the two stay in order where they end in one place.
        fflush(nil)
        do {
            try RunFile.write(record, toDirectory: folder.path)
            _ = try ReportWriter.write(record, toDirectory: folder.path)
            Console.note("results: \(folder.path)")
        } catch {
            var message = error.message
            let spare = "\(FileManager.default.temporaryDirectory.path)/seawall-results-\(getpid())"
            if (try? RunFile.write(record, toDirectory: spare)) != nil {
                message += "\nthe record was kept in \(spare)/\(RunFile.name); `seawall report \(spare)` draws it"
            }
            throw CommandFailure(.system, message)
        }
    }

    /// Turns what was measured into the exit code: what kept the experiment from its end counts before what it found.
    private func judge(_ result: Experiment.Result) throws {
        if let failure = result.failure { throw CommandFailure(failure) }
        if result.wasStopped {
            throw CommandFailure.interruption("stopped; what was measured is above")
        }
        let invalid = result.record.runs.filter { $0.generator.verdict == .invalid || !$0.accounting.isBalanced }
        if !invalid.isEmpty {
            let reasons = invalid.flatMap { $0.generator.reasons }
            throw CommandFailure(
                .measurement,
                "the measurement is invalid: \(reasons.isEmpty ? "its accounts do not balance" : reasons.joined(separator: "; "))"
            )
        }
        if let verdict = ThresholdVerdict(result.record) {
            throw CommandFailure(.thresholdMissed, verdict.text)
        }
    }
}
