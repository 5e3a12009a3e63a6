// SPDX-License-Identifier: Apache-2.0

internal import Glibc
internal import Measurement

/// What the generator saw of itself over the measured time.
struct GeneratorObservation {
    /// Picked up − intended.
    var lag = LatencyHistogram()
    var canary = LatencyHistogram()
    /// See ``GeneratorHealth/loopStalls``.
    var stalls = LatencyHistogram()
    /// Of all requests, whatever their outcome.
    var responseTime = LatencyHistogram()
    var steal = 0.0
    var throttledSeconds = 0.0
    /// Length of the measured time.
    var seconds = 0.0
    var busyShare = 0.0
    var arrivals = GeneratorHealth.ArrivalCount()
    var fileDescriptors = GeneratorHealth.Usage(most: 0, limit: 0)
    var localPorts = GeneratorHealth.Usage(most: 0, limit: 0)
    var accounting = Accounting()
    var failures: [FailureKey: UInt64] = [:]
    /// Seconds that were put away and could not be read back, and why, in words.
    var lostSeconds = 0
    var loss = ""
}

/// Decides whether a run can be believed, from what the generator saw of itself.
///
/// The limits: the generator's own lateness (picked up − intended) at p99 makes a run doubtful above 1 ms (Lancet and mutated use
/// the same order) and worthless when it is also more than a quarter of the p99 response time it was to measure, above 10 ms.
/// An echo inside the generator that takes more than a third of the p99 response time, and above 1 ms, says that much of the tail
/// would be there with any server: doubtful (field measurements with null services use the same factor of three).
/// Steal above 1 % is doubtful, above 10 % worthless; so is throttling by a cgroup over the same shares of the time.
///
/// A rate that was missed by more than 1 %, and by more than the cut at the end explains, is another load than the one asked
/// for: worthless. A loop that stood still for more than
/// 100 ms at a stretch is doubtful however rarely that happened, because the highest response times are its own (Hyperfoil's
/// limit); so is a worker that was busy for more than 80 % of the time: not of its CPU time, because a loop polls before each
/// deadline when it has nothing else to do. Within 10 % of the limit of file descriptors or local ports, errors are near.
struct GeneratorVerdict {
    private static let millisecond: UInt64 = 1_000_000
    private static let longStall = 100 * millisecond
    private static let mostBusy = 0.8
    private static let mostUsed = 0.9
    /// Arrivals that any cut may find just come due: in a short run they are more than 1 %.
    private static let edge = 2

    private(set) var verdict = GeneratorHealth.Verdict.valid
    private(set) var reasons: [String] = []

    init(_ seen: GeneratorObservation) {
        if seen.lostSeconds > 0 {
            lower(
                to: .invalid,
                "requests of \(seen.lostSeconds) seconds are missing, which could not be read back from a temporary file: "
                    + seen.loss)
        }
        judgeTimes(seen)
        judgeMachine(seen)
        judgeLoad(seen)
        if !seen.accounting.isBalanced {
            lower(
                to: .invalid,
                "the accounts don't balance: \(seen.accounting.scheduled) requests scheduled, "
                    + "\(seen.accounting.byOutcome.values.reduce(0, +)) accounted for; this is a bug in Seawall")
        }
    }

    /// Lateness, echoes, stalls.
    private mutating func judgeTimes(_ seen: GeneratorObservation) {
        let (lag, canary, responseTime) = (seen.lag, seen.canary, seen.responseTime)
        if let p99 = lag.percentile(99), p99 > Self.millisecond {
            let share = Double(p99) / Double(max(1, responseTime.percentile(99) ?? 1))
            let worthless = p99 > 10 * Self.millisecond && share > 0.25
            lower(
                to: worthless ? .invalid : .degraded,
                "the generator was late: 1 % of the requests were taken up more than \(Self.milliseconds(p99)) after their time"
                    + (worthless ? ", \(Int((share * 100).rounded())) % of the p99 response time" : ""))
        }
        // A p99 takes about a hundred samples to mean more than the highest one.
        if canary.count >= 100, let echo = canary.percentile(99), echo > Self.millisecond,
            let p99 = responseTime.percentile(99), echo > p99 / 3
        {
            lower(
                to: .degraded,
                "an echo inside the generator took \(Self.milliseconds(echo)) at p99, where the p99 response time is "
                    + "\(Self.milliseconds(p99)): much of the tail is this machine's own")
        }
        if let longest = seen.stalls.max, longest > Self.longStall {
            let times = seen.stalls.count - seen.stalls.count(atOrBelow: Self.longStall)
            lower(
                to: .degraded,
                "the generator stood still for \(Self.milliseconds(longest)) at a stretch (\(times) times for more than "
                    + "\(Self.milliseconds(Self.longStall))): the longest response times are its own")
        }
    }

    /// What others took of the machine, and what the generator left of it.
    private mutating func judgeMachine(_ seen: GeneratorObservation) {
        let steal = seen.steal
        if steal > 0.01 {
            lower(
                to: steal > 0.1 ? .invalid : .degraded,
                "other virtual machines took \(Self.percent(steal)) of this machine's CPU time")
        }
        let throttled = seen.seconds > 0 ? seen.throttledSeconds / seen.seconds : 0
        if throttled > 0.01 {
            lower(
                to: throttled > 0.1 ? .invalid : .degraded,
                "the CPU limit of the cgroup kept the generator from running for \(Self.percent(throttled)) of the time"
            )
        }
        if seen.busyShare > Self.mostBusy {
            lower(
                to: .degraded,
                "a worker was busy for \(Self.percent(seen.busyShare)) of the time: the throughput may be the generator's own limit; "
                    + "use more workers or a lower rate")
        }
        if seen.fileDescriptors.share > Self.mostUsed {
            lower(
                to: .degraded,
                "\(seen.fileDescriptors.most) of \(seen.fileDescriptors.limit) file descriptors were in use")
        }
        if seen.localPorts.share > Self.mostUsed {
            lower(
                to: .degraded,
                "\(seen.localPorts.most) of \(seen.localPorts.limit) local ports were in use")
        }
    }

    /// Whether the load was the one asked for.
    private mutating func judgeLoad(_ seen: GeneratorObservation) {
        let arrivals = seen.arrivals
        let missed = arrivals.due > 0 ? Double(arrivals.missed) / Double(arrivals.due) : 0
        if missed > 0.01, arrivals.missed > Self.edge {
            lower(
                to: .invalid,
                "the rate was not reached: \(arrivals.missed) of \(arrivals.due) arrivals, \(Self.percent(missed)), were not taken up "
                    + "before the end of the load")
        }
        if arrivals.heldBack > 0 {
            lower(
                to: .degraded,
                "\(arrivals.heldBack) requests waited because too many were in flight; their wait is in the response time, but the "
                    + "target saw another load; raise `max-in-flight` or lower the rate")
        }
        let local = seen.failures.filter { Self.isLocal($0.key.cause) }
        if let worst = local.max(by: { $0.value < $1.value }) {
            let total = local.values.reduce(0, +)
            let words = if case .connect(let code) = worst.key.cause { errorText(code) } else { "" }
            lower(
                to: .invalid,
                "\(total) requests failed in the generator itself: \(words); "
                    + "use fewer new connections, or allow more ports or file descriptors")
        }
    }

    private mutating func lower(to verdict: GeneratorHealth.Verdict, _ reason: String) {
        if self.verdict != .invalid { self.verdict = verdict }
        reasons.append(reason)
    }

    /// Errors of this machine rather than of the target.
    private static func isLocal(_ cause: FailureKey.Cause) -> Bool {
        guard case .connect(let code) = cause else { return false }
        return [EADDRNOTAVAIL, EMFILE, ENFILE, ENOBUFS, ENOMEM].contains(code)
    }

    private static func milliseconds(_ nanoseconds: UInt64) -> String {
        let tenths = (nanoseconds + 50_000) / 100_000
        return "\(tenths / 10).\(tenths % 10) ms"
    }

    private static func percent(_ share: Double) -> String {
        let tenths = Int((share * 1000).rounded())
        return "\(tenths / 10).\(tenths % 10) %"
    }
}
