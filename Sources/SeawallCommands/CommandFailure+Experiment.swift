// SPDX-License-Identifier: Apache-2.0

internal import Experiments

extension CommandFailure {
    /// The failure of an experiment: its message, the evidence, and what to do, each on lines of its own.
    init(_ error: ExperimentError) {
        let code: Code =
            switch error.code {
            case .script: .script
            case .system, .results: .system
            }
        var lines = [error.message]
        lines += error.evidence.map { "  | \($0)" }
        if let advice = error.advice { lines.append("  \(advice)") }
        self.init(code, lines.joined(separator: "\n"))
    }

    /// Ended by a signal, with the exit code that shells expect of it.
    static func interruption(_ message: String) -> CommandFailure {
        CommandFailure(Interruption.signal.flatMap { Code(rawValue: 128 + $0) } ?? .interrupted, message)
    }
}
