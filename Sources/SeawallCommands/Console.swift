// SPDX-License-Identifier: Apache-2.0

internal import Foundation

/// Where commands write for people.
enum Console {
    /// Writes a message to standard error, with the name of the program before it.
    static func error(_ message: String) {
        note("seawall: \(message)")
    }

    /// Writes text to standard error as it is, behind all that was printed before it.
    static func note(_ text: String) {
        // Standard output is buffered when it is no terminal: without this the two would arrive out of order in one file.
        fflush(nil)
        // A reader that has gone away must not take the results with it.
        try? FileHandle.standardError.write(contentsOf: Data("\(text)\n".utf8))
    }
}
