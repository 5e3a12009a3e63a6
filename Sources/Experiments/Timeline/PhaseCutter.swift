// SPDX-License-Identifier: Apache-2.0

internal import Measurement

/// Cuts a run into baseline, fault and recovery at the measured times of its faults.
enum PhaseCutter {
    /// The phases of a run, in nanoseconds on its clock.
    ///
    /// The fault phase reaches from the first activation to the last end, pauses between several faults included. A fault
    /// that is still active at the end leaves no recovery; one that begins in the warm-up leaves no baseline.
    static func phases(faults: [FaultWindow], warmup: UInt64, end: UInt64) -> [Phase] {
        guard let first = faults.map(\.startNanoseconds).min(), first < end, warmup < end else {
            return [Phase(kind: .whole, startNanoseconds: min(warmup, end), endNanoseconds: end)]
        }
        let last = faults.map { $0.endNanoseconds ?? end }.max() ?? end
        let cuts = [warmup, max(warmup, first), min(max(warmup, last), end), end]
        let kinds: [Phase.Kind] = [.baseline, .fault, .recovery]
        return zip(kinds, zip(cuts, cuts.dropFirst())).compactMap { kind, range in
            range.0 < range.1 ? Phase(kind: kind, startNanoseconds: range.0, endNanoseconds: range.1) : nil
        }
    }
}
