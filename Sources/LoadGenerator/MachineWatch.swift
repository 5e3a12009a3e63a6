// SPDX-License-Identifier: Apache-2.0

internal import CLinux
internal import Glibc

/// Readings of what the machine does to the generator: CPU time, steal, throttling.
struct MachineWatch {
    /// CPU time of this process, in seconds.
    let cpuSeconds: Double
    /// Jiffies of all processors, in all states, and those taken by the hypervisor.
    private let allJiffies: Double
    private let stolenJiffies: Double
    /// Time that the cgroup kept this process from running, in seconds.
    let throttledSeconds: Double

    /// Reads the counters now. What can't be read counts as zero.
    init() {
        var usage = rusage()
        getrusage(RUSAGE_SELF.rawValue, &usage)
        cpuSeconds = Self.seconds(usage.ru_utime) + Self.seconds(usage.ru_stime)
        let jiffies =
            Self.read("/proc/stat").split(separator: "\n").first?.split(separator: " ").compactMap { Double($0) } ?? []
        // user nice system idle iowait irq softirq steal; guest time is part of user.
        allJiffies = jiffies.prefix(8).reduce(0, +)
        stolenJiffies = jiffies.count > 7 ? jiffies[7] : 0
        throttledSeconds = Self.throttled()
    }

    /// Share of the machine's CPU time that was stolen since an earlier reading, 0…1.
    func steal(since earlier: MachineWatch) -> Double {
        let all = allJiffies - earlier.allJiffies
        return all > 0 ? (stolenJiffies - earlier.stolenJiffies) / all : 0
    }

    private static func seconds(_ time: timeval) -> Double { Double(time.tv_sec) + Double(time.tv_usec) / 1e6 }

    private static func throttled() -> Double {
        // cgroup v2: "0::/path" in /proc/self/cgroup.
        let line = read("/proc/self/cgroup").split(separator: "\n").first { $0.hasPrefix("0::") }
        guard let line else { return 0 }
        for entry in read("/sys/fs/cgroup\(line.dropFirst(3))/cpu.stat").split(separator: "\n") {
            let words = entry.split(separator: " ")
            if words.count == 2, words[0] == "throttled_usec" { return (Double(words[1]) ?? 0) / 1e6 }
        }
        return 0
    }

    private static func read(_ path: String) -> String {
        let descriptor = open(path, O_RDONLY | O_CLOEXEC)
        guard descriptor >= 0 else { return "" }
        defer { close(descriptor) }
        var bytes = [UInt8](repeating: 0, count: 16_384)
        let count = Glibc.read(descriptor, &bytes, bytes.count)
        return count > 0 ? String(decoding: bytes[..<count], as: UTF8.self) : ""
    }
}
