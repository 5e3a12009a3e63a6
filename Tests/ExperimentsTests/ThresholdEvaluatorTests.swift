// SPDX-License-Identifier: Apache-2.0

import Measurement
import Scenarios
import Testing

@testable import Experiments

private let second: UInt64 = 1_000_000_000
private let millisecond: UInt64 = 1_000_000

@Suite("A threshold")
struct ThresholdEvaluatorTests {
    /// Ten seconds with 100 requests each at 10 ms; in the fault, seconds 4 and 5, 90 at 500 ms and 10 time-outs at 2 s.
    private func run() -> RunRecord {
        let slices = (0..<10).map { number -> Slice in
            var slice = Slice(second: number)
            func sample(_ outcome: Outcome, _ time: UInt64, _ count: UInt64) {
                var times = LatencyHistogram()
                times.record(time, count: count)
                slice.samples.append(Sample(step: 0, outcome: outcome, responseTime: times, serviceTime: times))
            }
            if (4..<6).contains(number) {
                sample(.ok, 500 * millisecond, 90)
                sample(.timeout, 2 * second, 10)
            } else {
                sample(.ok, 10 * millisecond, 100)
            }
            return slice
        }
        return RunRecord(
            variant: "default", round: 0, startedAt: "", plannedNanoseconds: 10 * second,
            actualNanoseconds: 10 * second,
            warmupNanoseconds: 0, offeredRatePerSecond: 100,
            steps: [StepInfo(journey: "read", index: 0, label: "GET /", target: "web")], slices: slices,
            accounting: Accounting(), generator: GeneratorHealth(),
            phases: PhaseCutter.phases(
                faults: [FaultWindow(label: "", on: "", startNanoseconds: 4 * second, endNanoseconds: 6 * second)],
                warmup: 0,
                end: 10 * second))
    }

    private func evaluate(
        _ metric: Scenario.Threshold.Metric, _ comparison: Scenario.Threshold.Comparison, _ value: Double,
        phase: String? = nil, journey: String? = nil
    ) -> ThresholdResult {
        ThresholdEvaluator(run()).evaluate(
            Scenario.Threshold(
                expression: "it", journey: journey, metric: metric, comparison: comparison, value: value, phase: phase))
    }

    @Test("on errors is met at exactly its share")
    func exactShare() {
        // 20 of 1,000: 1 - 0.98 is a little more than 0.02.
        #expect(evaluate(.errors, .lessOrEqual, 0.02).passed)
        #expect(!evaluate(.errors, .less, 0.02).passed)
        #expect(evaluate(.success, .greaterOrEqual, 0.98).passed)
    }

    @Test(
        "on a percentile is held against successes and those that never got an answer",
        arguments: [
            (50.0, 20e6, nil as String?, true, "10.0 ms"), (50, 5e6, nil, false, "10.0 ms"),
            (99, 400e6, "fault", false, "2.00 s"), (50, 600e6, "fault", true, "500 ms"),
            (99, 400e6, "baseline", true, "10.0 ms"), (99, 400e6, "recovery", true, "10.0 ms"),
        ])
    func percentile(percent: Double, limit: Double, phase: String?, passes: Bool, measured: String) {
        let result = evaluate(.percentile(percent), .less, limit, phase: phase)
        #expect(result.passed == passes)
        #expect(result.measured == measured)
    }

    @Test("on success or errors is held against shares, and a failure is never rounded away")
    func shares() {
        #expect(evaluate(.success, .greater, 0.97).passed)
        #expect(evaluate(.success, .greater, 0.97).measured == "98.00 %")
        #expect(!evaluate(.success, .greater, 0.95, phase: "fault").passed)
        #expect(!evaluate(.errors, .less, 0.05, phase: "fault").passed)
        #expect(evaluate(.errors, .lessOrEqual, 0, phase: "baseline").passed)
        #expect(ThresholdEvaluator.percentText(0.999999) == "99.99 %")
    }

    @Test("on recovery is held against the time from the end of the fault")
    func recovery() {
        #expect(evaluate(.recovery, .lessOrEqual, 1e9).passed)
        #expect(evaluate(.recovery, .lessOrEqual, 1e9).measured == "0 s")
    }

    @Test("about a phase or a journey that has no requests is not passed")
    func nothingShown() {
        #expect(!evaluate(.success, .greaterOrEqual, 0, journey: "write").passed)
        #expect(evaluate(.max, .less, 1e12, journey: "write").measured == "no requests")
        let whole = ThresholdEvaluator(run()).evaluate(
            Scenario.Threshold(
                expression: "it", journey: nil, metric: .mean, comparison: .less, value: 1e12, phase: "nowhere"))
        #expect(!whole.passed)
        #expect(whole.measured == "the run has no phase 'nowhere'")
    }
}

@Suite("Phases")
struct PhaseCutterTests {
    private func cut(_ windows: [(UInt64, UInt64?)], warmup: UInt64 = 5, end: UInt64 = 40) -> [String] {
        PhaseCutter.phases(
            faults: windows.map { FaultWindow(label: "", on: "", startNanoseconds: $0.0, endNanoseconds: $0.1) },
            warmup: warmup, end: end
        ).map { "\($0.kind.rawValue) \($0.startNanoseconds)..\($0.endNanoseconds)" }
    }

    @Test("are cut at the measured times of the faults")
    func cuts() {
        #expect(cut([(15, 25)]) == ["baseline 5..15", "fault 15..25", "recovery 25..40"])
        #expect(cut([(15, 20), (18, 30)]) == ["baseline 5..15", "fault 15..30", "recovery 30..40"])
    }

    @Test("without a fault are one")
    func whole() {
        #expect(cut([]) == ["whole 5..40"])
        #expect(cut([(45, 50)]) == ["whole 5..40"], "a fault after the end was not played")
    }

    @Test("that would be empty are left out")
    func empty() {
        #expect(cut([(15, nil)]) == ["baseline 5..15", "fault 15..40"], "still active at the end")
        #expect(cut([(2, 10)]) == ["fault 5..10", "recovery 10..40"], "begun in the warm-up")
        #expect(cut([], warmup: 5, end: 3) == ["whole 3..3"], "stopped in the warm-up")
    }
}
