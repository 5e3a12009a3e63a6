// SPDX-License-Identifier: Apache-2.0

internal import Foundation

/// Where commands write for people.
enum Console {
    /// Writes a message to standard error, with the name of the program before it.
    static func error(_ message: String) {
        FileHandle.standardError.write(Data("seawall: \(message)\n".utf8))
    }

    /// Writes text to standard error as it is.
    static func note(_ text: String) {
        FileHandle.standardError.write(Data("\(text)\n".utf8))
    }
}
