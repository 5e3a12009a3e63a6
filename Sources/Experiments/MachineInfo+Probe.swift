// SPDX-License-Identifier: Apache-2.0

internal import Foundation
package import Measurement

extension MachineInfo {
    /// The machine that this process runs on. What can't be read is "unknown" or 0.
    package static func probe() -> MachineInfo {
        var names = utsname()
        uname(&names)
        let kernel = withUnsafeBytes(of: &names.release) { bytes in
            String(decoding: bytes.prefix { $0 != 0 }, as: UTF8.self)
        }
        return MachineInfo(
            cpuModel: value(of: "model name", in: "/proc/cpuinfo", separator: ":") ?? "unknown",
            cores: ProcessInfo.processInfo.activeProcessorCount, memoryBytes: ProcessInfo.processInfo.physicalMemory,
            kernel: kernel,
            operatingSystem: value(of: "PRETTY_NAME", in: "/etc/os-release", separator: "=") ?? "unknown",
            clockSource: text("/sys/devices/system/clocksource/clocksource0/current_clocksource")?
                .trimmingCharacters(in: .whitespacesAndNewlines) ?? "unknown")
    }

    private static func value(of key: String, in path: String, separator: Character) -> String? {
        for line in (text(path) ?? "").split(separator: "\n") {
            let parts = line.split(separator: separator, maxSplits: 1)
            if parts.count == 2, parts[0].trimmingCharacters(in: .whitespaces) == key {
                return parts[1].trimmingCharacters(in: CharacterSet(charactersIn: "\" \t"))
            }
        }
        return nil
    }

    private static func text(_ path: String) -> String? {
        FileManager.default.contents(atPath: path).map { String(decoding: $0, as: UTF8.self) }
    }
}
