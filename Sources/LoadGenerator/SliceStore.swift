// SPDX-License-Identifier: Apache-2.0

internal import CLinux
internal import Glibc

/// Where the collector puts away the seconds that are long past: a file without a name, which is gone with the process whatever
/// ends it. In memory stays where each piece of a second lies, so a run takes as much memory after an hour as after a minute.
///
/// The file is made when there is something to put away, so a short run has none. Not thread-safe: the collector's thread reads
/// and writes.
final class SliceStore {
    /// TMPDIR, or where larger temporary files belong; on many systems /tmp is memory itself.
    static var usualFolders: [String] { getenv("TMPDIR").map { [String(cString: $0)] } ?? ["/var/tmp", "/tmp"] }

    /// The most that a file of this process may hold. To write beyond it is a signal, which would end the process.
    static var usualSizeLimit: Int {
        var limit = rlimit()
        return getrlimit(__rlimit_resource_t(RLIMIT_FSIZE.rawValue), &limit) == 0 ? Int(clamping: limit.rlim_cur) : .max
    }

    private let folders: [String]
    private let sizeLimit: Int
    /// −1 until there is a file.
    private(set) var descriptor: CInt = -1
    private var end = 0
    /// Where the pieces of each second lie in the file.
    private var places: [[Range<Int>]] = []
    /// Why nothing more can be put away, in words; nil while it can.
    private(set) var fault: String?
    /// Seconds of which a piece could not be read back, and why the first could not, in words.
    private(set) var lostSeconds: Set<Int> = []
    private(set) var loss = ""

    init(folders: [String] = SliceStore.usualFolders, sizeLimit: Int = SliceStore.usualSizeLimit) {
        self.folders = folders
        self.sizeLimit = sizeLimit
    }

    deinit { if descriptor >= 0 { close(descriptor) } }

    /// Puts a piece of a second away; false when that is not possible, and after that never again.
    func append(_ bytes: [UInt8], to second: Int) -> Bool {
        guard fault == nil, makeFile() else { return false }
        guard bytes.count <= sizeLimit - end else {
            fault = "writing a temporary file: \(errorText(EFBIG))"
            return false
        }
        var written = 0
        while written < bytes.count {
            let count = bytes.withUnsafeBytes {
                pwrite(descriptor, $0.baseAddress! + written, $0.count - written, off_t(end + written))
                // safe because there are bytes left, so there is a base
            }
            if count < 0, errno == EINTR { continue }
            guard count > 0 else {
                fault = "writing a temporary file: \(errorText(errno))"
                return false
            }
            written += count
        }
        while places.count <= second { places.append([]) }
        places[second].append(end..<end + bytes.count)
        end += bytes.count
        return true
    }

    /// The pieces of a second in the order in which they were put away, without those that can't be read.
    func pieces(of second: Int) -> [[UInt8]] {
        guard places.indices.contains(second) else { return [] }
        return places[second].compactMap { place in
            let piece = read(place)
            if piece == nil {
                lose(second, "reading a temporary file: \(errno == 0 ? "it ends early" : errorText(errno))")
            }
            return piece
        }
    }

    /// Notes that a piece of a second is missing or is not what was put away.
    func lose(_ second: Int, _ reason: String) {
        if lostSeconds.isEmpty { loss = reason }
        lostSeconds.insert(second)
    }

    private func makeFile() -> Bool {
        if descriptor >= 0 { return true }
        errno = ENOENT
        for folder in folders where descriptor < 0 { descriptor = seawall_open_nameless(folder) }
        if descriptor < 0 {
            fault = "making a temporary file in \(folders.joined(separator: " or ")): \(errorText(errno))"
        }
        return descriptor >= 0
    }

    /// Nil with errno set when reading fails, and errno 0 when the file ends before the place does.
    private func read(_ place: Range<Int>) -> [UInt8]? {
        let bytes = [UInt8](unsafeUninitializedCapacity: place.count) { buffer, filled in
            while filled < place.count {
                errno = 0
                let count = pread(
                    descriptor, buffer.baseAddress! + filled, place.count - filled, off_t(place.lowerBound + filled))
                // safe because there are bytes left, so there is a base
                if count < 0, errno == EINTR { continue }
                guard count > 0 else { return }
                filled += count
            }
        }
        return bytes.count == place.count ? bytes : nil
    }
}
