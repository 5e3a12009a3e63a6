// SPDX-License-Identifier: Apache-2.0

internal import Measurement

/// What the generator itself took and suffered over the measured time, in words, the same ones in every report.
struct GeneratorText {
    /// "3.20 s CPU": what stands out.
    let cpu: String
    /// "on 1 worker, 18.8 % of a core; busy 21.3 % of the time; steal 0 %; throttled 0 s; loop stalls p99 1.20 ms, longest 4.01 ms;
    /// 64 of 20,000 file descriptors; 71 of 28,232 local ports".
    let words: String

    init(_ summary: RunSummary) {
        let health = summary.run.generator
        cpu = Self.seconds(health.cpuSeconds) + " CPU"
        var parts = ["on " + Format.count(UInt64(Swift.max(0, health.workers)), "worker")]
        let measured = Double(summary.measuredNanoseconds) / 1e9
        if measured > 0 { parts[0] += ", \(Format.percent(health.cpuSeconds / measured)) of a core" }
        if let share = health.busyShare { parts.append("busy \(Format.percent(share)) of the time") }
        parts.append("steal \(Format.percent(health.steal))")
        parts.append("throttled \(Self.seconds(health.throttledSeconds))")
        if !health.loopStalls.isEmpty {
            parts.append(
                "loop stalls p99 \(Format.duration(Latency.percentile(99, of: health.loopStalls))), "
                    + "longest \(Format.duration(health.loopStalls.max))")
        }
        if let used = health.fileDescriptors { parts.append(Self.used(used, "file descriptors")) }
        if let used = health.localPorts { parts.append(Self.used(used, "local ports")) }
        words = parts.joined(separator: "; ")
    }

    private static func used(_ usage: GeneratorHealth.Usage, _ things: String) -> String {
        let (most, limit) = (UInt64(Swift.max(0, usage.most)), UInt64(Swift.max(0, usage.limit)))
        return "\(Format.count(most)) of \(Format.count(limit)) \(things)"
    }

    private static func seconds(_ seconds: Double) -> String {
        seconds > 0 ? Format.significant(Swift.min(seconds, 1e12)) + " s" : "0 s"
    }
}

extension MarkdownReport {
    /// A line for each run that was played.
    static func generators(_ summaries: [RunSummary]) -> [String] {
        let lines = summaries.map { summary in
            let text = GeneratorText(summary)
            return "- generator, \(escape(summary.run.variant)): " + escape("\(text.cpu) \(text.words)")
        }
        return lines.isEmpty ? [] : lines + [""]
    }
}
