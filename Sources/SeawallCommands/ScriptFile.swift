// SPDX-License-Identifier: Apache-2.0

internal import Scenarios

/// Reads the script that a command plays.
enum ScriptFile {
    /// - Parameter seed: In place of the script's.
    /// - Throws: `CommandFailure` after all mistakes were shown on standard error.
    static func load(_ path: String, seed: UInt64?) throws -> Scenario {
        do {
            var scenario = try Scenario.load(path: path)
            if let seed { scenario.seed = seed }
            return scenario
        } catch {
            Console.note(error.description)
            let count = error.faults.count
            throw CommandFailure(
                .script, count == 1 ? "1 mistake; nothing was started" : "\(count) mistakes; nothing was started")
        }
    }
}
