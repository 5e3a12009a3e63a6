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
            ProcFile.read("/proc/stat").split(separator: "\n").first?.split(separator: " ").compactMap { Double($0) }
            ?? []
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
        throttled(groups: ProcFile.read("/proc/self/cgroup")) { ProcFile.read($0) }
    }

    /// From the text of /proc/self/cgroup: lines `number:controllers:path`, where version 2 has no controllers and version 1 has
    /// one line for `cpu`, perhaps with others. A limit of a group above throttles this process, too, and is counted there: the
    /// most of all groups on the way counts.
    static func throttled(groups: String, read: (String) -> String) -> Double {
        for line in groups.split(separator: "\n") {
            let parts = line.split(separator: ":", maxSplits: 2, omittingEmptySubsequences: false)
            guard parts.count == 3 else { continue }
            let controllers = parts[1].split(separator: ",")
            let (folders, key, scale): ([String], String, Double) =
                controllers.isEmpty
                ? ([""], "throttled_usec", 1e6)
                : controllers.contains("cpu") ? (["/\(parts[1])", "/cpu"], "throttled_time", 1e9) : ([], "", 1)
            for folder in folders {
                let times = groupsAbove(parts[2]).compactMap { group -> Double? in
                    time(of: key, in: read("/sys/fs/cgroup\(folder)\(group)/cpu.stat"))
                }
                if let most = times.max() { return most / scale }
            }
        }
        return 0
    }

    /// A group's path and those of the groups that it lies in: "/a/b", "/a" and "".
    private static func groupsAbove(_ path: Substring) -> [String] {
        let names = path.split(separator: "/")
        return (0...names.count).reversed().map { names.prefix($0).reduce("") { "\($0)/\($1)" } }
    }

    private static func time(of key: String, in statistics: String) -> Double? {
        for entry in statistics.split(separator: "\n") {
            let words = entry.split(separator: " ")
            if words.count == 2, words[0] == key { return Double(words[1]) }
        }
        return nil
    }
}
