// SPDX-License-Identifier: Apache-2.0

extension ExperimentRecord {
    /// What no run can have measured, or nil: a file that was damaged or edited must not break what computes with it.
    var impossibility: String? { runs.lazy.compactMap(\.impossibility).first }
}

extension RunRecord {
    /// No count of a run comes near it, and sums of many still fit.
    private static let mostRequests: UInt64 = 1 << 50
    /// The longest that a script may ask for, and as long again to end.
    private static let lastSecond = 2 * 10_000 * 3_600

    fileprivate var impossibility: String? {
        if !(0...1_000_000).contains(round) { return "it has a round \(round)" }
        if let slice = slices.first(where: { !(0...Self.lastSecond).contains($0.second) }) {
            return "it has a second \(slice.second)"
        }
        if let tally = slices.flatMap(\.checks).first(where: { !checks.indices.contains($0.check) }) {
            return "it counts a check \(tally.check) and names \(checks.count)"
        }
        var counts = accounting.byOutcome.map(\.value) + failureSamples.map(\.count)
        for slice in slices {
            counts += slice.ended.map(\.value)
            if let starts = slice.journeyStarts { counts.append(starts) }
            for tally in slice.checks { counts += [tally.passed, tally.failed] }
        }
        for sample in policySamples { counts += sample.counters.map(\.value) }
        if let count = counts.first(where: { $0 > Self.mostRequests }) { return "it has a count of \(count)" }
        if let station = stations.first(where: { $0.longestQueue < 0 }) {
            return "it has a queue of \(station.longestQueue)"
        }
        return nil
    }
}
