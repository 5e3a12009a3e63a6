// SPDX-License-Identifier: Apache-2.0

internal import Glibc

/// Small files that hold secrets or must never be seen half written.
package enum PrivateFile {
    /// Makes the directory with all above it, for the owner only, and proves that files can be written there.
    ///
    /// - Parameters:
    ///   - purpose: for the message, "data directory".
    ///   - option: which names another one, "--data".
    /// - Throws: ``StartupError``.
    package static func makeDirectory(_ path: String, purpose: String, option: String) throws {
        func fail(_ errorNumber: Int32) -> StartupError {
            StartupError(
                "the \(purpose) \(path) cannot be used: \(String(cString: strerror(errorNumber))); "
                    + "make it writable or name another one with \(option)")
        }
        var made = path.hasPrefix("/") ? "/" : ""
        for part in path.split(separator: "/") {
            made += (made.isEmpty || made.hasSuffix("/") ? "" : "/") + part
            if mkdir(made, 0o700) != 0, errno != EEXIST { throw fail(errno) }
        }
        let descriptor = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC)
        guard descriptor >= 0 else { throw fail(errno) }
        close(descriptor)
        guard access(path, W_OK | X_OK) == 0 else { throw fail(errno) }
    }

    /// Writes a file as a whole: a reader sees the old text or the new one, never a part.
    ///
    /// - Throws: ``StartupError``.
    package static func write(_ text: String, to path: String, mode: UInt32 = 0o600) throws {
        let temporary = "\(path).\(getpid()).new"
        func fail() -> StartupError {
            let reason = String(cString: strerror(errno))
            unlink(temporary)
            return StartupError("cannot write \(path): \(reason)")
        }
        unlink(temporary)
        let descriptor = open(temporary, O_CREAT | O_EXCL | O_WRONLY | O_CLOEXEC, mode)
        guard descriptor >= 0 else { throw fail() }
        defer { close(descriptor) }
        var rest = Array(text.utf8)[...]
        while !rest.isEmpty {
            let count = rest.withUnsafeBytes { Glibc.write(descriptor, $0.baseAddress, $0.count) }
            if count < 0, errno == EINTR { continue }
            guard count > 0 else { throw fail() }
            rest = rest.dropFirst(count)
        }
        guard fsync(descriptor) == 0, rename(temporary, path) == 0 else { throw fail() }
    }

    /// The text of a file; nil when there is none.
    ///
    /// - Throws: ``StartupError`` when it is there and can't be read, or is not UTF-8.
    package static func read(_ path: String) throws -> String? {
        let descriptor = open(path, O_RDONLY | O_CLOEXEC)
        guard descriptor >= 0 else {
            if errno == ENOENT { return nil }
            throw StartupError("cannot read \(path): \(String(cString: strerror(errno)))")
        }
        defer { close(descriptor) }
        var bytes: [UInt8] = []
        var chunk = [UInt8](repeating: 0, count: 16 * 1024)
        while true {
            let count = chunk.withUnsafeMutableBytes { Glibc.read(descriptor, $0.baseAddress, $0.count) }
            if count < 0, errno == EINTR { continue }
            guard count >= 0 else { throw StartupError("cannot read \(path): \(String(cString: strerror(errno)))") }
            if count == 0 { break }
            bytes += chunk[..<count]
        }
        guard let text = String(validating: bytes, as: UTF8.self) else {
            throw StartupError("\(path) is not a text file")
        }
        return text
    }
}
