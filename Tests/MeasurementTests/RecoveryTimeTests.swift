// SPDX-License-Identifier: Apache-2.0

import Measurement
import Testing

@Suite("time to recover")
struct RecoveryTimeTests {
    private static let second: UInt64 = 1_000_000_000

    /// 5 s of baseline at 10 ms, 3 s of fault at 800 ms, then one response time a second; nil fails every request of it.
    private static func run(recovery: [UInt64?]) -> RunRecord {
        let times = [UInt64?](repeating: 10_000_000, count: 5) + [UInt64?](repeating: 800_000_000, count: 3) + recovery
        let slices = times.enumerated().map { second, time in
            var histogram = LatencyHistogram()
            histogram.record(time ?? 1_000_000, count: 100)
            let sample = Sample(
                step: 0, outcome: time == nil ? .connection : .ok, responseTime: histogram, serviceTime: histogram)
            return Slice(second: second, samples: [sample])
        }
        let end = UInt64(times.count) * second
        return RunRecord(
            variant: "", round: 0, startedAt: "", plannedNanoseconds: end, actualNanoseconds: end, warmupNanoseconds: 0,
            offeredRatePerSecond: 100, steps: [StepInfo(journey: "j", index: 0, label: "GET /", target: "web")],
            slices: slices, accounting: Accounting(), generator: GeneratorHealth(),
            phases: [
                Phase(kind: .baseline, startNanoseconds: 0, endNanoseconds: 5 * second),
                Phase(kind: .fault, startNanoseconds: 5 * second, endNanoseconds: 8 * second),
                Phase(kind: .recovery, startNanoseconds: 8 * second, endNanoseconds: end),
            ])
    }

    private static let slow: UInt64 = 600_000_000
    private static let good: UInt64 = 11_000_000

    @Test(
        "a run has recovered at the first good second that two more follow",
        arguments: [
            ([good, good, good, good], .recovered(0)),
            ([slow, slow, good, good, good], .recovered(2_000_000_000)),
            ([slow, good, slow, good, good, good], .recovered(3_000_000_000)),
            ([nil, nil, good, good, good], .recovered(2_000_000_000)),
            ([slow, slow, slow], .never(3_000_000_000)),
            ([nil, nil], .never(2_000_000_000)),
        ] as [([UInt64?], RecoveryTime.Result)])
    func recovers(recovery: [UInt64?], expected: RecoveryTime.Result) {
        #expect(RecoveryTime.measure(Self.run(recovery: recovery)) == expected)
    }

    @Test("without a baseline or a time after the fault there is nothing to say")
    func unknown() {
        var run = Self.run(recovery: [Self.good])
        run.phases.removeFirst()
        #expect(RecoveryTime.measure(run) == .unknown)
        #expect(RecoveryTime.measure(Self.run(recovery: [])) == .unknown)
    }
}
