// SPDX-License-Identifier: Apache-2.0

import FoundationEssentials
import Measurement
import Testing

@testable import Reports

@Suite("The report of a search")
struct SearchReportTests {
    /// 100 and 200 a second meet the goal, 400 and 238 miss it, one repetition was worthless.
    private func record(_ answer: SearchAnswer) -> SearchRecord {
        var record = SearchRecord(
            scenario: ScenarioInfo(
                name: "a < b & c", description: "", script: "load: <x>", seed: 7, variants: ["default"]),
            machine: MachineInfo(
                cpuModel: "CPU", cores: 2, memoryBytes: 1 << 30, kernel: "6", operatingSystem: "Linux",
                clockSource: "tsc"), seawallVersion: "0.1.0", startedAt: "2026-03-01T12:00:00Z",
            options: SearchOptionsRecord(
                variant: "default", fromPerSecond: 100, toPerSecond: 5000, precision: 0.2, repeats: 2,
                levelNanoseconds: 10_000_000_000, warmupNanoseconds: 2_000_000_000),
            goals: [
                SearchGoal(expression: "errors < 1%"),
                SearchGoal(expression: "p(95) < 100ms", percentile: 95, limitNanoseconds: 1e8),
            ], answer: answer)
        for (rate, milliseconds) in [(100.0, 10), (100, 12), (200, 40), (200, 60), (400, 900), (400, 950), (238, 130)] {
            record.measurements.append(measurement(rate, UInt64(milliseconds), milliseconds < 100 ? .met : .missed))
        }
        record.measurements.append(measurement(238, 140, .missed))
        record.measurements.append(measurement(238, 1, .invalid))
        return record
    }

    private func measurement(
        _ rate: Double, _ milliseconds: UInt64, _ verdict: SearchMeasurement.Verdict
    ) -> SearchMeasurement {
        var times = LatencyHistogram()
        times.record(milliseconds * 1_000_000, count: 1000)
        return SearchMeasurement(
            ratePerSecond: rate, repetition: 1, startedAt: "", verdict: verdict,
            results: [
                ThresholdResult(expression: "p(95) < 100ms", passed: verdict == .met, measured: "\(milliseconds) ms")
            ],
            generator: verdict == .invalid ? .invalid : .valid, generatorReasons: verdict == .invalid ? ["late"] : [],
            requests: 1000, errors: 0, goodputPerSecond: rate, responseTime: times)
    }

    private let bracket = SearchAnswer(
        end: .bracketed, passing: .init(ratePerSecond: 200, runs: 2, met: 2),
        failing: .init(ratePerSecond: 238, runs: 2, met: 0))

    @Test("shows the levels in ascending order, with what their valid repetitions measured")
    func terminal() {
        let text = SearchTerminalReport.render(record(bracket))
        let rows = text.split(separator: "\n").filter { $0.contains("✓") || $0.contains("✗") }
        #expect(rows.count == 4)
        #expect(rows.map { $0.split(separator: " ")[0] } == ["100/s", "200/s", "238/s", "400/s"])
        #expect(rows[1].contains("✓ 2 of 2 met") && rows[1].contains("40.0 ms – 60.0 ms"))
        #expect(rows[2].contains("✗ 2 of 2 missed, 1 invalid") && rows[2].contains("130 ms – 140 ms"))
        #expect(text.contains("The capacity lies between 200/s and 238/s."))
        #expect(text.contains("  200/s: 2 of 2 runs met the goals; with 95 % confidence"))
        #expect(text.contains("at least 22.4 %"))
    }

    private static let ends: [(SearchAnswer, String)] = [
        (
            .init(end: .aboveRange, passing: .init(ratePerSecond: 5000, runs: 3, met: 3)),
            "The capacity is at least 5,000/s, the highest rate that was tried."
        ),
        (
            .init(end: .belowRange, failing: .init(ratePerSecond: 100, runs: 3, met: 0)),
            "The capacity is below 100/s, the lowest rate that was tried."
        ),
        (
            .init(end: .invalid, passing: .init(ratePerSecond: 200, runs: 3, met: 3), reason: "late"),
            "The search ended early; the capacity is at least 200/s."
        ),
        (.init(end: .interrupted), "The search ended early; nothing is known yet."),
    ]

    @Test("says what is known, however the search ended", arguments: ends)
    func headlines(answer: SearchAnswer, headline: String) {
        #expect(SearchSummary(record(answer)).headline == headline)
        #expect(Markupcheck.firstFault(in: SearchHTMLReport.render(record(answer))) == nil)
    }

    @Test("is a well-formed page that fetches nothing, with the goal's line and a dot for each valid repetition")
    func html() {
        let html = SearchHTMLReport.render(record(bracket))
        #expect(Markupcheck.firstFault(in: html) == nil)
        #expect(html.contains("a &lt; b &amp; c") && !html.contains("<x>"))
        #expect(html.contains("p95 response time by rate") && html.contains("curve goal"))
        let charts = html.components(separatedBy: "<svg viewBox=\"0 0 1080").dropFirst()
        #expect(charts.count == 2)
        #expect(charts.first?.components(separatedBy: "r=\"4\" class=\"met-dot\"").count == 5)
        #expect(charts.first?.components(separatedBy: "r=\"4\" class=\"missed-dot\"").count == 5)
        #expect(!html.contains("http://") && !html.contains("https://"))
    }

    @Test("without a measurement is a page that says so")
    func empty() {
        var record = record(.init(end: .interrupted))
        record.measurements = []
        let html = SearchHTMLReport.render(record)
        #expect(Markupcheck.firstFault(in: html) == nil)
        #expect(html.contains("Nothing was measured."))
        #expect(SearchTerminalReport.render(record).contains("nothing is known yet"))
    }
}
