// SPDX-License-Identifier: Apache-2.0

/// Why an experiment could not be carried out, in words for the person who started it.
///
/// `description` is one line: what failed and where; `advice` says what to do about it.
package struct ExperimentError: Error, Sendable, Equatable, CustomStringConvertible {
    /// What kind of failure it is; each kind has one exit code.
    package enum Code: Sendable, Equatable {
        /// The script asks for something that can't be done.
        case script
        /// The system under test could not be reached, started or kept alive.
        case system
        /// The results could not be written.
        case results
    }

    package var code: Code
    package var message: String
    package var advice: String?
    /// Lines of a log that show the cause, oldest first.
    package var evidence: [String]

    package init(_ code: Code, _ message: String, advice: String? = nil, evidence: [String] = []) {
        self.code = code
        self.message = message
        self.advice = advice
        self.evidence = evidence
    }

    package var description: String { message }
}
