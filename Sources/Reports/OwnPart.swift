// SPDX-License-Identifier: Apache-2.0

internal import Measurement

/// How much of a run's tail is the generator's and the machine's own, in words.
struct OwnPart {
    /// The most of a response time that is not the system's.
    let nanoseconds: UInt64
    /// "of the p99 response time of 12.3 ms: schedule lag 90 µs, canary 210 µs, longest loop stall 1.2 ms"
    let words: String

    /// Of the highest percentile that both the run and the canary have samples for; nil when nothing was measured.
    init?(_ summary: RunSummary) {
        let health = summary.run.generator
        let all = summary.run.responseTime()
        let samples = Swift.min(all.count, health.canary.isEmpty ? all.count : health.canary.count)
        let percent = [99.9, 99, 90, 50].first { samples >= Latency.samplesNeeded(for: $0) }
        guard let percent, let own = health.ownPart(percent), let response = all.percentile(percent) else { return nil }
        nanoseconds = own
        let parts = [
            ("schedule lag", health.scheduleLag.percentile(percent)), ("canary", health.canary.percentile(percent)),
            ("longest loop stall", health.loopStalls.max),
        ]
        let name = percent == 99.9 ? "p99.9" : "p\(Int(percent))"
        words =
            "of the \(name) response time of \(Format.duration(response)): "
            + parts.compactMap { part in part.1.map { "\(part.0) \(Format.duration($0))" } }.joined(separator: ", ")
    }
}
