// SPDX-License-Identifier: Apache-2.0

internal import Experiments
internal import Foundation

/// The folder of one run's results.
struct ResultsFolder: Sendable {
    let path: String

    init(_ path: String) { self.path = path }

    /// `results/20260301-154500-quickstart`, in UTC, in the current folder.
    static func defaultPath(for scenario: String, at date: Date) -> String {
        let formatter = DateFormatter()
        formatter.locale = Locale(identifier: "en_US_POSIX")
        formatter.timeZone = TimeZone(identifier: "UTC")
        formatter.dateFormat = "yyyyMMdd-HHmmss"
        let name = scenario.map { $0.isLetter || $0.isNumber || $0 == "-" || $0 == "_" ? $0 : "-" }
        return "results/\(formatter.string(from: date))-\(String(name))"
    }

    /// Makes the folder, and makes sure that files can be written into it before any load is played.
    ///
    /// - Throws: `ExperimentError` with the reason and what to do.
    func make() throws(ExperimentError) {
        do { try Folder.make(path) } catch { throw unwritable(error.reason) }
        let probe = "\(path)/.writable"
        let descriptor = open(probe, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0o600)
        guard descriptor >= 0 else { throw unwritable(String(cString: strerror(errno))) }
        // Long enough to need a block of its own: a full file system accepts empty files.
        let block = [UInt8](repeating: 0x20, count: 65_536)
        let written = write(descriptor, block, block.count)
        let reason = errno
        close(descriptor)
        unlink(probe)
        if written != block.count { throw unwritable(String(cString: strerror(written < 0 ? reason : ENOSPC))) }
    }

    /// Takes back folders in which nothing was left.
    func removeIfEmpty() {
        let inside = FileManager.default.enumerator(atPath: path)?.allObjects as? [String] ?? []
        // The deepest first. rmdir only ever removes a folder that is empty.
        for name in inside.sorted(by: { $0.count > $1.count }) { rmdir("\(path)/\(name)") }
        rmdir(path)
        if path.hasPrefix("results/") { rmdir("results") }
    }

    private func unwritable(_ reason: String) -> ExperimentError {
        ExperimentError(
            .results, "cannot write results into \(path): \(reason)",
            advice: "free some space or choose another folder with --out")
    }
}
