// SPDX-License-Identifier: Apache-2.0

internal import Foundation
internal import Synchronization

/// A folder for the services' data while an experiment runs, readable by this user only.
package struct WorkFolder: Sendable {
    let path: String
    /// Those that this process has made and not yet removed.
    private static let left = Mutex<Set<String>>([])

    /// - Throws: `ExperimentError` when it can't be made.
    init() throws(ExperimentError) {
        let random = String(UInt64.random(in: .min ... .max), radix: 36)
        path = FileManager.default.temporaryDirectory.appendingPathComponent("seawall-\(random)").path
        do { try Folder.make(path, mode: 0o700) } catch {
            throw ExperimentError(
                .system, "cannot make the folder \(path): \(error.reason)", advice: "set TMPDIR to another folder")
        }
        Self.left.withLock { [path] in _ = $0.insert(path) }
    }

    /// Copies a folder of the work folder, so that each run starts from the same data.
    func copy(_ source: String, to destination: String) throws(ExperimentError) {
        do {
            try FileManager.default.copyItem(atPath: "\(path)/\(source)", toPath: "\(path)/\(destination)")
        } catch {
            throw ExperimentError(
                .system, "cannot copy the seeded data to \(path)/\(destination): \(fileErrorText(error))",
                advice: "set TMPDIR to a folder with more space")
        }
    }

    func remove(_ folder: String) { try? FileManager.default.removeItem(atPath: "\(path)/\(folder)") }

    func remove() {
        try? FileManager.default.removeItem(atPath: path)
        Self.left.withLock { _ = $0.remove(path) }
    }

    /// Removes all that are left, for a process that ends at once. May be called from any thread, also while they are in use.
    package static func removeAll() {
        for path in left.withLock({ $0 }) { try? FileManager.default.removeItem(atPath: path) }
    }
}

/// The reason of a failed file operation, without its path.
func fileErrorText(_ error: any Error) -> String {
    let error = error as NSError
    if let cause = error.userInfo[NSUnderlyingErrorKey] as? NSError, cause.domain == NSPOSIXErrorDomain {
        return errorText(Int32(cause.code))
    }
    return error.localizedDescription
}
