// SPDX-License-Identifier: Apache-2.0

internal import ArgumentParser
internal import Scenarios

/// Reads the script that a command plays.
enum ScriptFile {
    /// - Parameters:
    ///   - seed: In place of the script's.
    ///   - workers: Likewise.
    /// - Throws: `CommandFailure` after all mistakes were shown on standard error.
    static func load(_ path: String, seed: UInt64?, workers: Int? = nil) throws -> Scenario {
        do {
            var scenario = try Scenario.load(path: path)
            if let seed { scenario.seed = seed }
            if let workers { scenario.workers = workers }
            return scenario
        } catch {
            Console.note(error.description)
            let count = error.faults.count
            throw CommandFailure(
                .script, count == 1 ? "1 mistake; nothing was started" : "\(count) mistakes; nothing was started")
        }
    }

    /// - Throws: `ValidationError` for a number of engine threads that can't be.
    static func check(workers: Int?) throws {
        if let workers, !Scenario.workerRange.contains(workers) {
            throw ValidationError(
                "--workers takes \(Scenario.workerRange.lowerBound) to \(Scenario.workerRange.upperBound)")
        }
    }
}
