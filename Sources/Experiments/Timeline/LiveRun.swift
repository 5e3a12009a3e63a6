// SPDX-License-Identifier: Apache-2.0

internal import Measurement

/// A run under way, as far as it is known: a record that grows by the second.
struct LiveRun: Sendable {
    private(set) var record: RunRecord
    /// Requests under way.
    private(set) var inFlight: UInt64 = 0

    init(
        variant: String, steps: [StepInfo], checks: [CheckInfo] = [], plannedNanoseconds: UInt64,
        warmupNanoseconds: UInt64
    ) {
        record = RunRecord(
            variant: variant, round: 0, startedAt: "", plannedNanoseconds: plannedNanoseconds, actualNanoseconds: 0,
            warmupNanoseconds: warmupNanoseconds, offeredRatePerSecond: 0, steps: steps, checks: checks,
            slices: [],
            accounting: Accounting(), generator: GeneratorHealth())
    }

    /// Takes in the second that has just ended, and earlier ones that have changed.
    mutating func take(second: Int, changed: [Slice], inFlight: Int, faults: [FaultWindow]) {
        // Seconds in which nothing was due and nothing ended are there, and empty.
        while record.slices.count <= second { record.slices.append(Slice(second: record.slices.count)) }
        for slice in changed where record.slices.indices.contains(slice.second) {
            record.slices[slice.second] = slice
            // Most of a slice, and no threshold looks at it: it would only take memory until the end.
            record.slices[slice.second].breakdown = []
            record.slices[slice.second].scheduleLag = LatencyHistogram()
        }
        self.inFlight = UInt64(max(0, inFlight))
        record.actualNanoseconds = UInt64(second + 1) * 1_000_000_000
        record.faults = faults
        record.phases = PhaseCutter.phases(
            faults: faults, warmup: record.warmupNanoseconds, end: record.actualNanoseconds)
    }
}
