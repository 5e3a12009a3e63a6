// SPDX-License-Identifier: Apache-2.0

/// What the generator knows about its own trustworthiness.
package struct GeneratorHealth: Codable, Sendable {
    package enum Verdict: String, Codable, Sendable {
        case valid = "VALID"
        case degraded = "DEGRADED"
        case invalid = "INVALID"
    }

    package var verdict: Verdict
    /// One sentence for each thing that lowered the verdict.
    package var reasons: [String]
    /// Picked up − intended over the measured time, in nanoseconds: the generator's own lateness, without waits for a
    /// connection. `Slice.scheduleLag` is sent − intended.
    package var scheduleLag: LatencyHistogram
    /// Time from an event-loop wake-up to the next wait, over the measured time.
    package var loopStalls: LatencyHistogram
    /// Response time, over the measured time, of an echo inside the generator that is measured beside the load as any request
    /// is: what an ideal server would have shown on this machine.
    package var canary: LatencyHistogram
    package var workers: Int
    /// CPU time of the generator's process over the measured time, in seconds.
    package var cpuSeconds: Double
    /// Share of the machine's CPU time stolen by the hypervisor, 0…1.
    package var steal: Double
    /// Time that the cgroup throttled this process, in seconds.
    package var throttledSeconds: Double

    package init(
        verdict: Verdict = .valid, reasons: [String] = [], scheduleLag: LatencyHistogram = .init(),
        loopStalls: LatencyHistogram = .init(), canary: LatencyHistogram = .init(), workers: Int = 1,
        cpuSeconds: Double = 0, steal: Double = 0, throttledSeconds: Double = 0
    ) {
        self.verdict = verdict
        self.reasons = reasons
        self.scheduleLag = scheduleLag
        self.loopStalls = loopStalls
        self.canary = canary
        self.workers = workers
        self.cpuSeconds = cpuSeconds
        self.steal = steal
        self.throttledSeconds = throttledSeconds
    }

    /// The most of a response time at this percentile that is the generator's and this machine's own: what the canary took, or
    /// the schedule lag where that is more. Nil when neither was measured.
    package func ownPart(_ percentile: Double) -> UInt64? {
        [canary.percentile(percentile), scheduleLag.percentile(percentile)].compactMap(\.self).max()
    }
}
