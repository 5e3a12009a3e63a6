// SPDX-License-Identifier: Apache-2.0

/// Why a command ends without success: what the person who typed it should read, and the exit code for scripts.
package struct CommandFailure: Error, Equatable, CustomStringConvertible {
    /// What each exit code of `seawall` means. Wrong usage of the command line itself ends with 64, as ArgumentParser does.
    package enum Code: Int32, Sendable {
        /// A threshold of the script was missed.
        case thresholdMissed = 1
        /// The script is wrong.
        case script = 2
        /// The system could not be reached, started or kept alive, or the results could not be written.
        case system = 3
        /// The measurement is invalid.
        case measurement = 4
        /// Stopped because its terminal went away (SIGHUP), after what was measured has been reported.
        case hungUp = 129
        /// Stopped by Ctrl-C, after what was measured has been reported.
        case interrupted = 130
        /// Stopped by SIGTERM, after what was measured has been reported.
        case terminated = 143
    }

    package var code: Code
    /// Whole lines for standard error; empty when the command has said everything already.
    package var message: String

    package init(_ code: Code, _ message: String = "") {
        self.code = code
        self.message = message
    }

    package var description: String { message }
}
