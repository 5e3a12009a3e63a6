// SPDX-License-Identifier: Apache-2.0

internal import Glibc
internal import Measurement

/// The most that was seen in use of what the kernel gives in limited numbers.
struct LimitWatch {
    private(set) var fileDescriptors: GeneratorHealth.Usage
    private(set) var localPorts: GeneratorHealth.Usage

    /// - Parameter addresses: Addresses of the targets: each can have a connection from every local port.
    init(addresses: Int) {
        var limit = rlimit()
        let isKnown = getrlimit(__rlimit_resource_t(RLIMIT_NOFILE.rawValue), &limit) == 0
        fileDescriptors = .init(most: 0, limit: isKnown ? Int(clamping: limit.rlim_cur) : 0)
        localPorts = .init(most: 0, limit: EphemeralPorts().available * max(1, addresses))
    }

    /// Reads what is in use now. For once a second: it goes through the process's descriptors.
    mutating func look() {
        fileDescriptors.most = max(fileDescriptors.most, Self.openDescriptors())
        localPorts.most = max(localPorts.most, Self.portsInUse(ProcFile.read("/proc/net/sockstat")))
    }

    private static func openDescriptors() -> Int {
        guard let folder = opendir("/proc/self/fd") else { return 0 }
        defer { closedir(folder) }
        // Not counted: ".", ".." and the folder's own descriptor.
        var count = -3
        while readdir(folder) != nil { count += 1 }
        return max(0, count)
    }

    /// From the text of /proc/net/sockstat, whose line `TCP: inuse 5 orphan 0 tw 2 alloc 9 mem 1` counts the connections that exist
    /// (of IPv4 alone: those of IPv6 stand in a file of their own), and those whose ports are kept for a while.
    static func portsInUse(_ text: String) -> Int {
        for line in text.split(separator: "\n") where line.hasPrefix("TCP:") {
            let words = line.split(separator: " ")
            return zip(words, words.dropFirst()).reduce(0) { sum, pair in
                ["inuse", "orphan", "tw"].contains(pair.0) ? sum + (Int(pair.1) ?? 0) : sum
            }
        }
        return 0
    }
}
