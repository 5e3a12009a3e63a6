// SPDX-License-Identifier: Apache-2.0

internal import Glibc

/// What the kernel knows about this process, under the names that Prometheus' own libraries use.
package enum ProcessMetrics {
    /// Lines of the exposition, read at this moment.
    package static func exposition() -> String {
        var usage = rusage()
        // RUSAGE_SELF with a valid pointer does not fail.
        getrusage(__rusage_who_t(RUSAGE_SELF.rawValue), &usage)
        let seconds =
            Double(usage.ru_utime.tv_sec + usage.ru_stime.tv_sec) + Double(
                usage.ru_utime.tv_usec + usage.ru_stime.tv_usec) / 1e6
        var text =
            "# TYPE process_cpu_seconds_total counter\nprocess_cpu_seconds_total \(PrometheusText.number(seconds))\n"
        if let pages = residentPages() {
            let bytes = pages * sysconf(Int32(_SC_PAGESIZE))
            text += "# TYPE process_resident_memory_bytes gauge\nprocess_resident_memory_bytes \(bytes)\n"
        }
        return text
    }

    private static func residentPages() -> Int? {
        guard let text = try? PrivateFile.read("/proc/self/statm") else { return nil }
        let fields = text.split(separator: " ")
        return fields.count > 1 ? Int(fields[1]) : nil
    }
}
