// SPDX-License-Identifier: Apache-2.0

internal import Glibc

/// Whole lines to stdout and stderr, past C's buffers: complete when the call returns, and safe from any thread.
enum StandardStreams {
    static func output(_ line: String) { write(line + "\n", to: 1) }
    static func error(_ line: String) { write(line + "\n", to: 2) }

    private static func write(_ text: String, to descriptor: Int32) {
        var rest = Array(text.utf8)[...]
        while !rest.isEmpty {
            let count = rest.withUnsafeBytes { Glibc.write(descriptor, $0.baseAddress, $0.count) }
            if count < 0, errno == EINTR { continue }
            // Nobody reads any more: nothing to be done.
            guard count > 0 else { return }
            rest = rest.dropFirst(count)
        }
    }
}
