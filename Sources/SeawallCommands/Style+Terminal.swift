// SPDX-License-Identifier: Apache-2.0

internal import Foundation
internal import Reports

extension Style {
    /// The style for what goes to standard output now.
    static var standardOutput: Style { style(of: STDOUT_FILENO) }

    /// The style for what goes to standard error now.
    static var standardError: Style { style(of: STDERR_FILENO) }

    private static func style(of descriptor: Int32) -> Style {
        var size = winsize()
        let isTerminal = isatty(descriptor) == 1
        let columns = isTerminal && ioctl(descriptor, UInt(TIOCGWINSZ), &size) == 0 ? Int(size.ws_col) : nil
        return detect(isTerminal: isTerminal, columns: columns, environment: ProcessInfo.processInfo.environment)
    }
}
