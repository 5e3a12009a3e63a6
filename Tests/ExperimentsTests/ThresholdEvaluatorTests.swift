// SPDX-License-Identifier: Apache-2.0

import Measurement
import Scenarios
import Testing

@testable import Experiments

private let second: UInt64 = 1_000_000_000
private let millisecond: UInt64 = 1_000_000

/// Requests of one step, with one outcome and one response time, that were due in one second.
struct MadeSample {
    var outcome: Outcome = .ok
    var milliseconds: UInt64
    var count: UInt64
    var step = 0

    var sample: Sample {
        var times = LatencyHistogram()
        times.record(milliseconds * millisecond, count: count)
        return Sample(
            step: step, outcome: outcome, responseTime: times, serviceTime: outcome == .neverStarted ? .init() : times)
    }
}

/// A run of so many seconds; what was due in each is said by a function of its number.
func madeRun(
    seconds: Int, warmup: Int = 0, faults: [(UInt64, UInt64)] = [], _ due: (Int) -> [MadeSample]
) -> RunRecord {
    let slices = (0..<seconds).map { number -> Slice in
        var slice = Slice(second: number, samples: due(number).map(\.sample))
        for sample in slice.samples { slice.ended[sample.outcome, default: 0] += sample.responseTime.count }
        return slice
    }
    let end = UInt64(seconds) * second
    let windows = faults.map {
        FaultWindow(label: "", on: "", startNanoseconds: $0.0 * second, endNanoseconds: $0.1 * second)
    }
    return RunRecord(
        variant: "default", round: 0, startedAt: "", plannedNanoseconds: end, actualNanoseconds: end,
        warmupNanoseconds: UInt64(warmup) * second, offeredRatePerSecond: 100,
        steps: [
            StepInfo(journey: "read", index: 0, label: "GET /", target: "web"),
            StepInfo(journey: "read", index: 1, label: "GET /more", target: "web"),
        ], slices: slices, accounting: Accounting(), generator: GeneratorHealth(), faults: windows,
        phases: PhaseCutter.phases(faults: windows, warmup: UInt64(warmup) * second, end: end))
}

@Suite("A threshold")
struct ThresholdEvaluatorTests {
    /// Ten seconds with 100 requests each at 10 ms; in the fault, seconds 4 and 5, 90 at 500 ms and 10 time-outs at 2 s.
    private func run() -> RunRecord {
        madeRun(seconds: 10, faults: [(4, 6)]) { number in
            (4..<6).contains(number)
                ? [.init(milliseconds: 500, count: 90), .init(outcome: .timeout, milliseconds: 2000, count: 10)]
                : [.init(milliseconds: 10, count: 100)]
        }
    }

    private func evaluate(
        _ metric: Scenario.Threshold.Metric, _ comparison: Scenario.Threshold.Comparison, _ value: Double,
        part: Scenario.Threshold.Part? = nil, journey: String? = nil, step: String? = nil, over window: Int? = nil,
        in other: RunRecord? = nil
    ) -> ThresholdResult {
        ThresholdEvaluator(other ?? run()).evaluate(
            Scenario.Threshold(
                expression: "it", journey: journey, step: step, metric: metric, comparison: comparison, value: value,
                part: part, windowSeconds: window))
    }

    @Test("on errors is met at exactly its share")
    func exactShare() {
        // 20 of 1,000: 1 - 0.98 is a little more than 0.02.
        #expect(evaluate(.share(.errors), .lessOrEqual, 0.02).passed)
        #expect(!evaluate(.share(.errors), .less, 0.02).passed)
        #expect(evaluate(.share(.success), .greaterOrEqual, 0.98).passed)
    }

    @Test(
        "on a percentile is held against successes and those that never got an answer",
        arguments: [
            (50.0, 20e6, nil as String?, true, "10.0 ms"), (50, 5e6, nil, false, "10.0 ms"),
            (99, 400e6, "fault", false, "2.00 s"), (50, 600e6, "fault", true, "500 ms"),
            (99, 400e6, "baseline", true, "10.0 ms"), (99, 400e6, "recovery", true, "10.0 ms"),
        ])
    func percentile(percent: Double, limit: Double, phase: String?, passes: Bool, measured: String) {
        let result = evaluate(.time(.percentile(percent)), .less, limit, part: phase.map { .phase($0) })
        #expect(result.passed == passes)
        #expect(result.measured == measured)
    }

    @Test("on a percentile counts what was cut off after a wait, and is not flattered by what was refused at once")
    func cutOff() {
        func p99(_ outcome: Outcome, _ milliseconds: UInt64) -> String {
            let run = madeRun(seconds: 10) { _ in
                [.init(milliseconds: 10, count: 90), .init(outcome: outcome, milliseconds: milliseconds, count: 10)]
            }
            return evaluate(.time(.percentile(99)), .less, 400e6, in: run).measured
        }
        for outcome in [Outcome.connection, .tls, .malformed] {
            #expect(p99(outcome, 9000) == "9.00 s", "\(outcome)")
            #expect(p99(outcome, 0) == "10.0 ms", "\(outcome)")
        }
        let mixed = madeRun(seconds: 10) { _ in
            [
                .init(milliseconds: 10, count: 98), .init(milliseconds: 800, count: 2),
                .init(outcome: .connection, milliseconds: 1, count: 900),
            ]
        }
        #expect(evaluate(.time(.percentile(99)), .less, 400e6, in: mixed).measured == "800 ms")
    }

    @Test("on a percentile can be missed by what was cut off alone, and not met by it")
    func onlyCutOff() {
        func result(_ milliseconds: UInt64) -> ThresholdResult {
            let run = madeRun(seconds: 10) { number in
                number < 5
                    ? [.init(milliseconds: 10, count: 100)]
                    : [.init(outcome: .connection, milliseconds: milliseconds, count: 100)]
            }
            return evaluate(
                .time(.percentile(99)), .less, 400e6, part: .time(from: .seconds(5), to: .seconds(10)), in: run)
        }
        #expect(result(9000).measured == "9.00 s")
        #expect(result(1).problem == "no requests")
    }

    @Test("on one check is held against those that passed and failed it, in its steps, time and windows")
    func namedCheck() {
        var run = madeRun(seconds: 10) { _ in [.init(milliseconds: 1, count: 100)] }
        run.checks = [
            CheckInfo(step: 0, name: "is-json"), CheckInfo(step: 1, name: "is-json"), CheckInfo(step: 1, name: "soon"),
        ]
        for second in run.slices.indices {
            run.slices[second].checks = [
                CheckTally(check: 0, passed: 100, failed: 0),
                CheckTally(check: 1, passed: second < 8 ? 100 : 60, failed: 0),
                CheckTally(check: 2, passed: 0, failed: 100),
            ]
            if second >= 8 { run.slices[second].checks[1].failed = 40 }
        }
        func measured(_ step: String? = nil, _ part: Scenario.Threshold.Part? = nil, over window: Int? = nil) -> String
        {
            evaluate(.check("is-json"), .greater, 0.99, part: part, step: step, over: window, in: run).measured
        }
        #expect(measured() == "96.00 %")
        #expect(measured("GET /") == "100 %" && measured("GET /more") == "92.00 %")
        #expect(measured("GET /more", .time(from: .seconds(8), to: .seconds(10))) == "60.00 %")
        #expect(measured("GET /more", over: 2) == "60.00 % in 8–10 s")
        #expect(evaluate(.check("soon"), .greater, 0.01, in: run).measured == "0.00 %")
        #expect(evaluate(.check("soon"), .greater, 0, step: "GET /", in: run).problem == "no requests")
    }

    @Test("looks at the times that it names")
    func times() {
        let run = madeRun(seconds: 4) { _ in
            [
                .init(milliseconds: 20, count: 10), .init(outcome: .errorStatus, milliseconds: 1, count: 80),
                .init(outcome: .timeout, milliseconds: 900, count: 10),
            ]
        }
        func median(_ times: Scenario.Threshold.Times, _ percent: Double) -> String {
            evaluate(.time(.percentile(percent), of: times), .less, 1, in: run).measured
        }
        #expect(median(.answers, 50) == "20.0 ms" && median(.answers, 90) == "900 ms")
        #expect(median(.successes, 90) == "20.0 ms" && median(.serviceTime, 90) == "20.0 ms")
        #expect(median(.all, 50) == "1.00 ms" && median(.all, 95) == "900 ms")
    }

    @Test("counts successes, errors, dropped requests, failed checks and all of them")
    func counts() {
        let run = madeRun(seconds: 10) { _ in
            [
                .init(milliseconds: 1, count: 90), .init(outcome: .checkFailed, milliseconds: 1, count: 10),
                .init(outcome: .neverStarted, milliseconds: 1, count: 20),
                .init(outcome: .connection, milliseconds: 1, count: 5),
            ]
        }
        func measured(_ metric: Scenario.Threshold.Metric) -> String { evaluate(metric, .less, 0, in: run).measured }
        #expect(measured(.number(.success)) == "900" && measured(.number(.errors)) == "350")
        #expect(measured(.number(.dropped)) == "200" && measured(.share(.dropped)) == "16.00 %")
        #expect(measured(.share(.checks)) == "90.00 %" && measured(.number(.requests)) == "1250")
        #expect(measured(.rate) == "105/s" && measured(.goodput) == "90.0/s")
    }

    @Test("on a rate divides by the seconds that it counts, as the report does")
    func ratesOfPhases() throws {
        // The seconds 2 and 3 belong to it, the latter with all its answers.
        let part = Scenario.Threshold.Part.time(from: .milliseconds(2_000), to: .milliseconds(3_700))
        #expect(evaluate(.goodput, .less, 0, part: part).measured == "100/s")
        #expect(evaluate(.rate, .less, 0, part: part).measured == "100/s")
        // What ends after the plan belongs to no rate.
        var late = run()
        late.actualNanoseconds += 500_000_000
        late.slices.append(Slice(second: 10, ended: [.ok: 50]))
        let goodput = try #require(late.goodputPerSecond())
        #expect(evaluate(.goodput, .less, 0, in: late).measured == ThresholdEvaluator.text(goodput, .goodput))
    }

    @Test("on success or errors is held against shares, and a failure is never rounded away")
    func shares() {
        #expect(evaluate(.share(.success), .greater, 0.97).passed)
        #expect(evaluate(.share(.success), .greater, 0.97).measured == "98.00 %")
        #expect(!evaluate(.share(.success), .greater, 0.95, part: .phase("fault")).passed)
        #expect(!evaluate(.share(.errors), .less, 0.05, part: .phase("fault")).passed)
        #expect(evaluate(.share(.errors), .lessOrEqual, 0, part: .phase("baseline")).passed)
        #expect(ThresholdEvaluator.percentText(0.999999) == "99.99 %")
    }

    @Test("on recovery is held against the time from the end of the fault")
    func recovery() {
        #expect(evaluate(.recovery, .lessOrEqual, 1e9).passed)
        #expect(evaluate(.recovery, .lessOrEqual, 1e9).measured == "0 s")
    }

    @Test("about something that was not measured is not passed, and says why")
    func nothingShown() {
        func problem(_ result: ThresholdResult) -> String? { result.passed ? "passed" : result.problem }
        let part = Scenario.Threshold.Part.phase("nowhere")
        #expect(problem(evaluate(.share(.success), .greaterOrEqual, 0, journey: "write")) == "no requests")
        #expect(problem(evaluate(.time(.max), .less, 1e12, step: "GET /more")) == "no requests")
        #expect(problem(evaluate(.time(.max), .less, 1e12, step: "GET /more", over: 3)) == "no requests")
        #expect(problem(evaluate(.time(.mean), .less, 1e12, part: part)) == "the run has no phase 'nowhere'")
        #expect(
            problem(evaluate(.time(.mean), .less, 1e12, part: .time(from: .seconds(20), to: .seconds(30))))
                == "nothing was measured in its time")
        #expect(
            problem(evaluate(.time(.mean), .less, 1e12, part: .phase("fault"), over: 3))
                == "only 2 s were measured in its time, less than a window of 3 s")
    }
}

@Suite("A sliding window")
struct ThresholdWindowTests {
    private func evaluate(
        _ metric: Scenario.Threshold.Metric, _ comparison: Scenario.Threshold.Comparison, _ value: Double,
        over window: Int, in run: RunRecord
    ) -> ThresholdResult {
        ThresholdEvaluator(run).evaluate(
            Scenario.Threshold(
                expression: "it", metric: metric, comparison: comparison, value: value, windowSeconds: window))
    }

    /// Twenty seconds with 100 requests each at 10 ms; in the seconds 12 and 13 they take 300 ms and 200 ms.
    private let bump = madeRun(seconds: 20) { number in
        [.init(milliseconds: number == 12 ? 300 : number == 13 ? 200 : 10, count: 100)]
    }

    @Test("must hold wherever it lies, and the worst place is told")
    func worst() {
        #expect(
            evaluate(.time(.percentile(99)), .less, 250e6, over: 2, in: bump)
                == .init(expression: "it", passed: false, measured: "300 ms in 11–13 s"))
        #expect(
            evaluate(.time(.percentile(99)), .less, 350e6, over: 2, in: bump)
                == .init(expression: "it", passed: true, measured: "300 ms in 11–13 s"))
        // 40 % of a window of five are slow.
        #expect(evaluate(.time(.percentile(50)), .less, 20e6, over: 5, in: bump).passed)
        #expect(evaluate(.time(.percentile(50)), .less, 20e6, over: 3, in: bump).measured == "200 ms in 11–14 s")
    }

    @Test("of high values looks for the lowest")
    func lowest() {
        let run = madeRun(seconds: 10, warmup: 2) { number in [.init(milliseconds: 1, count: number == 5 ? 40 : 100)] }
        #expect(evaluate(.rate, .greater, 90, over: 2, in: run).measured == "70.0/s in 4–6 s")
        #expect(evaluate(.goodput, .greater, 60, over: 2, in: run).passed)
        #expect(evaluate(.number(.requests), .greater, 50, over: 1, in: run).measured == "40 in 5–6 s")
    }

    @Test("without requests is passed over, but a rate there is 0")
    func empty() {
        let run = madeRun(seconds: 9) { number in number < 3 ? [.init(milliseconds: 7, count: 10)] : [] }
        #expect(evaluate(.time(.max), .less, 1e7, over: 2, in: run).passed)
        #expect(evaluate(.rate, .greater, 5, over: 2, in: run).measured == "0.0/s in 3–5 s")
    }

    @Test("agrees with a search through all windows by hand", arguments: [1, 2, 3, 7, 10] as [Int])
    func byHand(window: Int) {
        let run = madeRun(seconds: 30, warmup: 3) { number in
            [
                .init(milliseconds: UInt64(1 + number * 37 % 101), count: UInt64(5 + number * 13 % 17)),
                .init(outcome: .timeout, milliseconds: 200, count: UInt64(number * 7 % 3)),
            ]
        }
        let worst =
            (3...(30 - window)).map { start in
                LatencyHistogram.merging(run.slices[start..<start + window].flatMap(\.samples).map(\.responseTime))
                    .percentile(90) ?? 0
            }.max() ?? 0
        let result = evaluate(.time(.percentile(90)), .lessOrEqual, Double(worst), over: window, in: run)
        #expect(result.passed)
        #expect(!evaluate(.time(.percentile(90)), .less, Double(worst), over: window, in: run).passed)
    }
}
