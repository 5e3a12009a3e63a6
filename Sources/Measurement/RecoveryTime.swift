// SPDX-License-Identifier: Apache-2.0

/// How long a run takes to get back to its baseline after the fault.
///
/// A second is *good* when at least 99 % as large a share of its requests succeed as in the baseline, and the p95 of its
/// successes is at most 1.5 times the baseline's plus 10 ms. The run has recovered at the start of the first good second
/// that is followed by two more good ones (or by the end of the run): a single lucky second between bad ones is no recovery.
package enum RecoveryTime {
    package enum Result: Sendable, Equatable {
        /// Nanoseconds from the end of the fault; 0 when the first second after it was good.
        case recovered(UInt64)
        /// Not before the end of the run, this many nanoseconds after the fault.
        case never(UInt64)
        /// There is no baseline or no recovery phase to look at.
        case unknown
    }

    /// Pure function of the record; the phases must have been cut.
    package static func measure(_ run: RunRecord) -> Result {
        guard let baseline = run.phase(.baseline), let recovery = run.phase(.recovery),
            let usualSuccess = run.successRatio(in: baseline),
            let usualTail = run.responseTime(SampleFilter(outcomes: [.ok], phase: baseline)).percentile(95)
        else { return .unknown }
        let limit = Double(usualTail) * 1.5 + 10_000_000
        let seconds = run.slices(in: recovery).filter { $0.intended() > 0 }
        let good = seconds.map { slice -> Bool in
            let success = Double(slice.intended(outcomes: [.ok])) / Double(slice.intended())
            let tail = slice.responseTime(outcomes: [.ok]).percentile(95).map { Double($0) } ?? .infinity
            return success >= usualSuccess * 0.99 && tail <= limit
        }
        for index in good.indices where good[index...].prefix(3).allSatisfy(\.self) {
            let start = seconds[index].startNanoseconds
            return .recovered(start > recovery.startNanoseconds ? start - recovery.startNanoseconds : 0)
        }
        return seconds.isEmpty ? .unknown : .never(recovery.endNanoseconds - recovery.startNanoseconds)
    }
}
