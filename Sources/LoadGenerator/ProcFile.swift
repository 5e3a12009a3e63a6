// SPDX-License-Identifier: Apache-2.0

internal import Glibc

/// Small files of the kernel, which say nothing of their size.
enum ProcFile {
    /// The first 16 KiB of a file; empty when it can't be read.
    static func read(_ path: String) -> String {
        let descriptor = open(path, O_RDONLY | O_CLOEXEC)
        guard descriptor >= 0 else { return "" }
        defer { close(descriptor) }
        var bytes = [UInt8](repeating: 0, count: 16_384)
        let count = Glibc.read(descriptor, &bytes, bytes.count)
        return count > 0 ? String(decoding: bytes[..<count], as: UTF8.self) : ""
    }
}
