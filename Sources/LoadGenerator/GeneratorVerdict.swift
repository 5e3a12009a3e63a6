// SPDX-License-Identifier: Apache-2.0

internal import Glibc
internal import Measurement

/// Decides whether a run can be believed, from what the generator saw of itself.
///
/// The limits: the generator's own lateness (picked up − intended) at p99 makes a run doubtful above 1 ms (Lancet and mutated use
/// the same order) and worthless when it is also more than a quarter of the p99 response time it was to measure, above 10 ms.
/// An echo inside the generator that takes more than a third of the p99 response time, and above 1 ms, says that much of the tail
/// would be there with any server: doubtful (field measurements with null services use the same factor of three).
/// Steal above 1 % is doubtful, above 10 % worthless; so is throttling by a cgroup over the same shares of the time.
struct GeneratorVerdict {
    private static let millisecond: UInt64 = 1_000_000

    private(set) var verdict = GeneratorHealth.Verdict.valid
    private(set) var reasons: [String] = []

    init(
        lag: LatencyHistogram, canary: LatencyHistogram, responseTime: LatencyHistogram, steal: Double,
        throttledSeconds: Double, seconds: Double,
        accounting: Accounting, failures: [FailureKey: UInt64]
    ) {
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
        if steal > 0.01 {
            lower(
                to: steal > 0.1 ? .invalid : .degraded,
                "other virtual machines took \(Self.percent(steal)) of this machine's CPU time")
        }
        let throttled = seconds > 0 ? throttledSeconds / seconds : 0
        if throttled > 0.01 {
            lower(
                to: throttled > 0.1 ? .invalid : .degraded,
                "the CPU limit of the cgroup kept the generator from running for \(Self.percent(throttled)) of the time"
            )
        }
        let refused = failures.reduce(UInt64(0)) { $1.key.cause == .tooManyInFlight ? $0 + $1.value : $0 }
        if refused > 0 {
            lower(
                to: .degraded,
                "\(refused) requests were not started because too many were in flight; lower the rate"
            )
        }
        let local = failures.filter { Self.isLocal($0.key.cause) }
        if let worst = local.max(by: { $0.value < $1.value }) {
            let total = local.values.reduce(0, +)
            let words = if case .connect(let code) = worst.key.cause { errorText(code) } else { "" }
            lower(
                to: .invalid,
                "\(total) requests failed in the generator itself: \(words); "
                    + "use fewer new connections, or allow more ports or file descriptors")
        }
        if !accounting.isBalanced {
            lower(
                to: .invalid,
                "the accounts don't balance: \(accounting.scheduled) requests scheduled, "
                    + "\(accounting.byOutcome.values.reduce(0, +)) accounted for; this is a bug in Seawall")
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
