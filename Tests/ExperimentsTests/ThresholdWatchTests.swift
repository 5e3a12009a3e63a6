// SPDX-License-Identifier: Apache-2.0

import Measurement
import Scenarios
import Testing

@testable import Experiments

@Suite("A threshold with abort")
struct ThresholdWatchTests {
    private func threshold(
        _ metric: Scenario.Threshold.Metric, _ comparison: Scenario.Threshold.Comparison, _ value: Double,
        over window: Int? = nil, part: Scenario.Threshold.Part? = nil, after: Duration = .zero
    ) -> Scenario.Threshold {
        Scenario.Threshold(
            expression: "it", metric: metric, comparison: comparison, value: value, part: part, windowSeconds: window,
            abort: .init(after: after))
    }

    /// Plays a run second by second, everything known at the end of its second; the second at whose end it is missed.
    private func missed(
        _ threshold: Scenario.Threshold, in run: RunRecord, inFlight: Int = 0, faults: [FaultWindow] = []
    ) throws -> Int? {
        let watch = try #require(
            ThresholdWatch(
                [threshold],
                LiveRun(
                    variant: "default", steps: run.steps, checks: run.checks,
                    plannedNanoseconds: run.plannedNanoseconds,
                    warmupNanoseconds: run.warmupNanoseconds)))
        for slice in run.slices {
            watch.take(second: slice.second, changed: [slice], inFlight: inFlight, faults: faults)
            if watch.look() != nil { return slice.second }
        }
        return nil
    }

    /// 100 requests a second at 10 ms; from second 12 on they take 300 ms.
    private let slowing = madeRun(seconds: 30, warmup: 2) { number in
        [.init(milliseconds: number < 12 ? 10 : 300, count: 100)]
    }

    @Test("over a window is missed as soon as one window is")
    func window() throws {
        #expect(try missed(threshold(.time(.percentile(99)), .less, 100e6, over: 5), in: slowing) == 12)
        #expect(try missed(threshold(.time(.percentile(50)), .less, 100e6, over: 5), in: slowing) == 14)
        #expect(try missed(threshold(.time(.percentile(99)), .less, 400e6, over: 5), in: slowing) == nil)
    }

    @Test("over the whole run is held against what there is so far, but not before its time")
    func whole() throws {
        // 1 % of 1,100 requests are slow once the first slow second is there.
        #expect(try missed(threshold(.time(.percentile(99)), .less, 100e6), in: slowing) == 12)
        #expect(try missed(threshold(.time(.percentile(50)), .less, 100e6), in: slowing) == 22)
        #expect(try missed(threshold(.time(.percentile(99)), .less, 100e6, after: .seconds(20)), in: slowing) == 21)
    }

    @Test("does not judge requests under way before they have ended")
    func underWay() throws {
        // The fast failures of a second are there before its successes.
        let run = madeRun(seconds: 10) { _ in
            [.init(milliseconds: 10, count: 90), .init(outcome: .connection, milliseconds: 1, count: 10)]
        }
        #expect(try missed(threshold(.share(.errors), .less, 0.08), in: run) == 0)
        #expect(try missed(threshold(.share(.errors), .less, 0.08, over: 1), in: run, inFlight: 50) == nil)
        #expect(try missed(threshold(.share(.success), .greater, 0.92, over: 1), in: run, inFlight: 50) == nil)
        #expect(try missed(threshold(.rate, .greater, 120, over: 1), in: run, inFlight: 50) == nil)
        #expect(try missed(threshold(.rate, .greater, 120, over: 1), in: run) == 0)
        // What there is none of, and what holds for all, can't come back; a number in between can.
        #expect(try missed(threshold(.number(.errors), .equal, 0), in: run, inFlight: 1) == 0)
        #expect(try missed(threshold(.share(.success), .equal, 1), in: run, inFlight: 50) == 0)
        #expect(try missed(threshold(.number(.errors), .equal, 12, over: 1), in: run, inFlight: 1) == nil)
        #expect(try missed(threshold(.number(.errors), .equal, 12, over: 1), in: run) == 0)
    }

    @Test("of one check is missed as soon as requests under way can't save it")
    func namedCheck() throws {
        var run = madeRun(seconds: 10) { _ in [.init(milliseconds: 10, count: 100)] }
        run.checks = [CheckInfo(step: 0, name: "ok")]
        for second in run.slices.indices {
            run.slices[second].checks = [
                CheckTally(check: 0, passed: second < 4 ? 100 : 80, failed: second < 4 ? 0 : 20)
            ]
        }
        #expect(try missed(threshold(.check("ok"), .greater, 0.9, over: 1), in: run) == 4)
        #expect(try missed(threshold(.check("ok"), .greater, 0.9, over: 1), in: run, inFlight: 200) == nil)
    }

    @Test("during a phase waits for the phase")
    func phase() throws {
        let faults = [
            FaultWindow(label: "", on: "", startNanoseconds: 20_000_000_000, endNanoseconds: nil)
        ]
        // The fault becomes known when it begins: before, the run is all of a piece.
        let fault = threshold(.time(.percentile(99)), .less, 100e6, part: .phase("fault"))
        #expect(try missed(fault, in: slowing) == nil)
        #expect(try missed(fault, in: slowing, faults: faults) == 20)
    }

    @Test("keeps of a second only what thresholds look at")
    func whatIsKept() {
        var times = LatencyHistogram()
        times.record(10_000_000)
        var run = LiveRun(
            variant: "default", steps: slowing.steps, plannedNanoseconds: 30_000_000_000, warmupNanoseconds: 0)
        let slice = Slice(
            second: 0, samples: [MadeSample(milliseconds: 10, count: 50).sample], scheduleLag: times,
            breakdown: [Breakdown(target: "web", passed: [.wait: times])], ended: [.ok: 50])
        run.take(second: 0, changed: [slice], inFlight: 0, faults: [])
        #expect(run.record.slices[0].breakdown.isEmpty && run.record.slices[0].scheduleLag.isEmpty)
        #expect(run.record.slices[0].intended() == 50 && run.record.slices[0].ended == [.ok: 50])
    }

    @Test("is missed by seconds that become worse later")
    func lateAnswers() throws {
        let watch = try #require(
            ThresholdWatch(
                [threshold(.time(.percentile(90)), .less, 100e6, over: 2)],
                LiveRun(
                    variant: "default", steps: slowing.steps, plannedNanoseconds: 30_000_000_000, warmupNanoseconds: 0))
        )
        for number in 0..<4 {
            let slice = Slice(second: number, samples: [MadeSample(milliseconds: 10, count: 50).sample])
            watch.take(second: number, changed: [slice], inFlight: 50, faults: [])
            #expect(watch.look() == nil)
        }
        let late = Slice(
            second: 1,
            samples: [MadeSample(milliseconds: 10, count: 50).sample, MadeSample(milliseconds: 2500, count: 50).sample])
        watch.take(second: 4, changed: [late], inFlight: 0, faults: [])
        #expect(watch.look()?.measured == "2.50 s in 0–2 s")
    }

    @Test("that is missed live is missed in the end as well", arguments: 0..<40)
    func agreement(seed: Int) throws {
        // Requests of a second end in it or one or two later; whatever was missed on the way must be missed in the end.
        var state = UInt64(seed) &* 0x9E37_79B9_7F4A_7C15 | 1
        func random(_ below: UInt64) -> UInt64 {
            state = state &* 6_364_136_223_846_793_005 &+ 1_442_695_040_888_963_407
            return (state >> 33) % below
        }
        let parts = (0..<20).map { _ in
            (0..<3).map { _ in
                [
                    MadeSample(milliseconds: 1 + random(100), count: random(40)),
                    MadeSample(outcome: .connection, milliseconds: 1, count: random(4)),
                ]
            }
        }
        let final = madeRun(seconds: 20) { number in parts[number].flatMap(\.self) }
        let candidates = [
            threshold(.time(.percentile(90)), .less, 80e6, over: 3), threshold(.share(.errors), .less, 0.1, over: 2),
            threshold(.share(.success), .greater, 0.9, over: 2), threshold(.rate, .greater, 40, over: 2),
            threshold(.time(.mean), .less, 50e6, over: 4),
        ]
        for candidate in candidates {
            let watch = try #require(
                ThresholdWatch(
                    [candidate],
                    LiveRun(
                        variant: "default", steps: final.steps, plannedNanoseconds: final.plannedNanoseconds,
                        warmupNanoseconds: 0)))
            for now in 0..<20 {
                let changed = (max(0, now - 2)...now).map { number in
                    Slice(second: number, samples: parts[number][0...(now - number)].flatMap(\.self).map(\.sample))
                }
                let open = (max(0, now - 1)...now).reduce(UInt64(0)) { sum, number in
                    sum + parts[number][(now - number + 1)...].flatMap(\.self).reduce(0) { $0 + $1.count }
                }
                watch.take(second: now, changed: changed, inFlight: Int(open), faults: [])
                if watch.look() != nil {
                    #expect(!ThresholdEvaluator(final).evaluate(candidate).passed, "seed \(seed), second \(now)")
                    break
                }
            }
        }
    }
}
