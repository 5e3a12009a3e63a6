// SPDX-License-Identifier: Apache-2.0

internal import Glibc

/// Keeps other processes out while a shared directory is changed: `flock` on a file in it.
///
/// The kernel lets go when the process ends, however it ends.
enum FileLock {
    /// Runs `body` while this process alone holds the lock; waits for it if need be. Blocks the thread.
    ///
    /// - Throws: ``StartupError`` when the file can't be made or locked, and what `body` throws.
    static func withLock<Value>(at path: String, _ body: () throws -> Value) throws -> Value {
        let descriptor = open(path, O_CREAT | O_RDWR | O_CLOEXEC, 0o600)
        guard descriptor >= 0 else { throw StartupError("cannot create the lock file \(path): \(Self.reason())") }
        defer { close(descriptor) }
        while flock(descriptor, LOCK_EX) != 0 {
            guard errno == EINTR else { throw StartupError("cannot lock \(path): \(Self.reason())") }
        }
        return try body()
    }

    private static func reason() -> String { String(cString: strerror(errno)) }
}
