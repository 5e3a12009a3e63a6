// SPDX-License-Identifier: Apache-2.0

import Measurement
import Testing

@testable import Reports

@Suite("what reports compute from a record")
struct SummaryTests {
    @Test(
        "a percentile is left out below the number of samples that can carry it",
        arguments: [(5, 0), (6, 1), (28, 1), (29, 2), (298, 2), (299, 3), (2_994, 3), (2_995, 4)])
    func enoughSamples(count: UInt64, percentiles: Int) {
        var histogram = LatencyHistogram()
        histogram.record(1_000_000, count: count)
        let latency = Latency(histogram)
        #expect([latency.p50, latency.p90, latency.p99, latency.p999].compactMap { $0 }.count == percentiles)
        #expect(latency.max != nil)
    }

    @Test("warm-up is left out, and failures are counted but not in the percentiles")
    func measuredTime() {
        let summary = RunSummary(SyntheticRun(seconds: 20, warmup: 3).record())
        #expect(summary.measuredNanoseconds == 17_000_000_000)
        #expect(summary.total.requests == 3_400)
        #expect(summary.total.errors == 0)
        #expect(summary.achievedRatePerSecond.map { Int($0) } == 140)

        let failing = RunSummary(ExperimentRecord.zeroSuccesses.runs[0])
        #expect(failing.total.errors == 1_000)
        #expect(failing.total.response.max == nil)
        #expect(failing.errors.map(\.outcome) == [.connection])
        #expect(failing.errors[0].after.p99 != nil)
    }

    private static func sample(_ second: UInt64, _ breaker: String?, _ counters: [String: UInt64]) -> PolicySample {
        PolicySample(atNanoseconds: second * 1_000_000_000, pipeline: "a -> b", breaker: breaker, counters: counters)
    }

    @Test("what was counted before the run is no part of it, and a restarted service starts again at zero")
    func counters() {
        let timeline = PolicyTimeline(
            "a -> b",
            [
                Self.sample(0, "closed", ["calls": 1_000, "attempts": 1_000]),
                Self.sample(1, "open", ["calls": 1_010, "attempts": 1_020, "rejected.breaker-open": 4]),
                Self.sample(2, "half-open", ["calls": 5, "attempts": 5]),
                Self.sample(3, "open", ["calls": 6, "attempts": 6, "rejected.bulkhead-full": 9]),
            ], until: 4_000_000_000)
        let totals = timeline.totals()
        #expect(totals["calls"] == 16)
        #expect(totals["attempts"] == 26)
        #expect(totals.amplification == 26.0 / 16)
        #expect(totals.rejected == 13)
        #expect(totals.rejections.map(\.reason) == ["bulkhead-full", "breaker-open"])
        #expect(timeline.totals(from: 1_000_000_000, to: 2_000_000_000)["calls"] == 5)
    }

    @Test("what shadow mode would have rejected is told apart from what was rejected")
    func shadow() {
        let totals = PolicyTotals(["rejected.open": 1_200, "would_reject.bulkhead-full": 3, "would_reject.open": 7])
        #expect(totals.rejected == 1_200)
        #expect(totals.rejectionText == "1,200 open; in shadow mode, not enforced: 7 open, 3 bulkhead-full")
        #expect(PolicyTotals().rejectionText.isEmpty)
    }

    @Test("a breaker's states become spans that touch, and its openings are counted")
    func breaker() {
        let states = ["closed", "closed", "open", "open", "half-open", "open", "closed"]
        let samples = states.enumerated().map { Self.sample(UInt64($0), $1, [:]) }
        let timeline = PolicyTimeline("a -> b", samples, until: 8_000_000_000)
        #expect(timeline.spans.map(\.state) == ["closed", "open", "half-open", "open", "closed"])
        #expect(zip(timeline.spans, timeline.spans.dropFirst()).allSatisfy { $0.endNanoseconds == $1.startNanoseconds })
        #expect(timeline.spans.last?.endNanoseconds == 8_000_000_000)
        #expect(timeline.openings == 2)
        #expect(timeline.openNanoseconds == 3_000_000_000)
    }

    @Test("requests that come in to a service are no calls: only what policies did to them is summed and shown")
    func requestPipelines() {
        func timeline(_ pipeline: String, _ counters: [String: UInt64]) -> PolicyTimeline {
            let samples = [(0, [:]), (1, counters)].map {
                PolicySample(atNanoseconds: $0 * 1_000_000_000, pipeline: pipeline, breaker: nil, counters: $1)
            }
            return PolicyTimeline(pipeline, samples, until: 2_000_000_000)
        }
        let calls = timeline("a -> b", ["calls": 10, "attempts": 30])
        let quiet = timeline("b", ["calls": 90, "attempts": 90, "successes": 90])
        let shedding = timeline("b", ["calls": 90, "attempts": 60, "rejected.shed": 30])
        #expect(calls.isInteresting && !quiet.isInteresting && shedding.isInteresting)
        let totals = PolicyTimeline.totals(of: [calls, shedding])
        #expect(totals.amplification == 3 && totals.rejected == 30)
        #expect(shedding.totals().amplification == 60.0 / 90)
    }

    @Test("a pipeline without a breaker has no lane")
    func withoutBreaker() {
        let timeline = PolicyTimeline(
            "a -> b", [Self.sample(0, nil, [:]), Self.sample(1, nil, ["calls": 3])], until: 0)
        #expect(timeline.spans.isEmpty)
        #expect(timeline.isInteresting)
    }

    @Test("the achieved rate is that of the journeys that started, however often or seldom each played its first step")
    func achievedRate() {
        var run = SyntheticRun().record()
        let older = RunSummary(run).achievedRatePerSecond
        #expect(older == 140)
        for index in run.slices.indices { run.slices[index].journeyStarts = index < 3 ? 1_000 : 35 }
        // What started after the load's end does not count.
        run.slices.append(Slice(second: 20, journeyStarts: 500))
        #expect(RunSummary(run).achievedRatePerSecond == 35)
    }

    @Test("variants are compared phase by phase against the first, and one run each is called a single observation")
    func comparison() throws {
        let record = ExperimentRecord.brownout
        let comparison = try #require(Comparison(record, summaries: record.runs.map(RunSummary.init)))
        #expect(comparison.variants == ["none", "retries", "everything"])
        #expect(comparison.sections.map(\.kind) == [.baseline, .fault, .recovery])
        let p99 = comparison.sections[1][.responseTail]
        let expected = try record.runs.map { run in
            let phase = try #require(run.phase(.fault))
            let histogram = run.responseTime(SampleFilter(outcomes: [.ok], phase: phase))
            return Double(try #require(histogram.percentile(99)))
        }
        #expect(p99.map(\.value) == expected)
        #expect(p99.map(\.ratio) == [nil, expected[1] / expected[0], expected[2] / expected[0]])
        #expect(p99.allSatisfy { $0.range == nil })
        #expect(comparison.caveat.contains("single observation"))
    }

    @Test("with several rounds a cell is the median of its runs, with their range")
    func rounds() throws {
        var record = ExperimentRecord.brownout
        record.runs += record.runs.enumerated().map { index, run in
            var again = run
            again.round = 1
            again.slices =
                SyntheticRun(
                    variant: run.variant, seed: 43, seconds: 40, warmup: 5, fault: 15..<25,
                    coping: [.naive, .retries, .breaker][index]
                ).record().slices
            return again
        }
        let comparison = try #require(Comparison(record, summaries: record.runs.map(RunSummary.init)))
        #expect(comparison.rounds == 2)
        let cell = comparison.sections[0][.responseTail][0]
        let range = try #require(cell.range)
        #expect(cell.value == (range.lowerBound + range.upperBound) / 2)
        #expect(range.lowerBound < range.upperBound)
        #expect(comparison.caveat.contains("2 runs per variant"))
    }

    @Test("with too few samples for a p99 in any variant, the p90 is compared")
    func fewSamples() throws {
        let runs = ["none", "everything"].map {
            SyntheticRun(variant: $0, seconds: 8, warmup: 1, requestsPerSecond: 20).record()
        }
        let record = ExperimentRecord.synthetic(runs)
        let comparison = try #require(Comparison(record, summaries: record.runs.map(RunSummary.init)))
        #expect(comparison.sections.map(\.tailPercent) == [90])
        #expect(comparison.sections[0][.responseTail].allSatisfy { $0.value != nil })
        #expect(TerminalReport.render(record).contains("whole run"))
        #expect(MarkdownReport.render(record).contains("| variant | p50 | p90 | p90 of all | goodput |"))
    }

    @Test("a single variant is compared with nothing")
    func singleVariant() {
        let record = ExperimentRecord.quickstart
        #expect(Comparison(record, summaries: record.runs.map(RunSummary.init)) == nil)
    }
}
