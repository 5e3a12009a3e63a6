// SPDX-License-Identifier: Apache-2.0

internal import Foundation

/// Folders, with the kernel's own reason when one can't be made: Foundation's words hide it.
package enum Folder {
    /// Why a folder can't be made.
    package struct Failure: Error, Sendable, Equatable {
        /// "No space left on device".
        package var reason: String
    }

    /// Makes a folder and those above it, as far as they are missing.
    ///
    /// - Parameter mode: Of the folder itself; those above it are made for everybody to pass.
    package static func make(_ path: String, mode: UInt32 = 0o755) throws(Failure) {
        var made = path.hasPrefix("/") ? "/" : ""
        let parts = path.split(separator: "/")
        for (index, part) in parts.enumerated() {
            made += made.isEmpty || made == "/" ? part : "/\(part)"
            if mkdir(made, mode_t(index == parts.count - 1 ? mode : 0o755)) != 0, errno != EEXIST {
                throw Failure(reason: errorText(errno))
            }
        }
        var status = stat()
        guard stat(path, &status) == 0 else { throw Failure(reason: errorText(errno)) }
        guard status.st_mode & S_IFMT == S_IFDIR else { throw Failure(reason: errorText(ENOTDIR)) }
    }
}
