// SPDX-License-Identifier: Apache-2.0

/// Why a service can't start: one line that says what, where, and what to do.
package struct StartupError: Error, Sendable, Equatable, CustomStringConvertible {
    package let message: String

    package init(_ message: String) {
        self.message = message
    }

    package var description: String { message }
}
