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
    /// Stretches of the measured time in which an event loop looked at nothing: from each wake-up to the next wait, and how much
    /// later than asked for a wake-up came where that was more than 1 ms.
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
    /// Share of the measured time in which the busiest worker's loop was not waiting, 0…1; nil in older records.
    package var busyShare: Double?
    /// Arrivals of open loads over the whole run: those that came due, and those of them that were not taken up in the load's time.
    /// Nil in older records.
    package var arrivals: ArrivalCount?
    /// Most file descriptors of the process that were seen open, and its limit; nil in older records.
    package var fileDescriptors: Usage?
    /// Most local TCP ports that were seen in use on this machine, those included that the kernel keeps for a while after their
    /// connection, and how many it has to give to each address; nil in older records.
    package var localPorts: Usage?

    /// What was used of something limited.
    package struct Usage: Codable, Sendable, Equatable {
        package var most: Int
        package var limit: Int

        package init(most: Int, limit: Int) {
            self.most = most
            self.limit = limit
        }

        /// 0…1 and beyond; 0 without a limit.
        package var share: Double { limit > 0 ? Double(most) / Double(limit) : 0 }
    }

    /// How many arrivals there were.
    package struct ArrivalCount: Codable, Sendable, Equatable {
        package var due: UInt64
        package var missed: UInt64
        /// Requests that waited for others to end because of the limit of requests in flight.
        package var heldBack: UInt64

        package init(due: UInt64 = 0, missed: UInt64 = 0, heldBack: UInt64 = 0) {
            self.due = due
            self.missed = missed
            self.heldBack = heldBack
        }
    }

    package init(
        verdict: Verdict = .valid, reasons: [String] = [], scheduleLag: LatencyHistogram = .init(),
        loopStalls: LatencyHistogram = .init(), canary: LatencyHistogram = .init(), workers: Int = 1,
        cpuSeconds: Double = 0, steal: Double = 0, throttledSeconds: Double = 0, busyShare: Double? = nil,
        arrivals: ArrivalCount? = nil, fileDescriptors: Usage? = nil, localPorts: Usage? = nil
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
        self.busyShare = busyShare
        self.arrivals = arrivals
        self.fileDescriptors = fileDescriptors
        self.localPorts = localPorts
    }

    /// The most of a response time at this percentile that is the generator's and this machine's own: what the canary took, or
    /// the schedule lag where that is more. Nil when neither was measured.
    package func ownPart(_ percentile: Double) -> UInt64? {
        [canary.percentile(percentile), scheduleLag.percentile(percentile)].compactMap(\.self).max()
    }
}
