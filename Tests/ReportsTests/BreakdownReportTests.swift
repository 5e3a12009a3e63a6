// SPDX-License-Identifier: Apache-2.0

import Measurement
import Testing

@testable import Reports

@Suite("where the time went")
struct BreakdownReportTests {
    private static func times(_ milliseconds: UInt64, count: UInt64) -> LatencyHistogram {
        var histogram = LatencyHistogram()
        histogram.record(milliseconds * 1_000_000, count: count)
        return histogram
    }

    /// A run whose every measured second has 100 requests to `web`, 10 of them over new connections of which one dies.
    private static var run: RunRecord {
        var run = SyntheticRun().record()
        for second in run.slices.indices {
            run.slices[second].breakdown = [
                Breakdown(
                    target: "web",
                    passed: [
                        .wait: times(1, count: 100), .connect: times(2, count: 10), .tls: times(8, count: 9),
                        .send: times(0, count: 99), .firstByte: times(10, count: 99), .receive: times(0, count: 99),
                    ], ended: [.tls: times(40, count: 1)]),
                Breakdown(target: "idle"),
            ]
        }
        return run
    }

    @Test("rows have the parts that occurred, with their share of all the time and what died in them")
    func rows() throws {
        let summary = RunSummary(Self.run)
        let row = try #require(summary.breakdown.first)
        #expect(row.target == "web" && row.parts.map(\.part) == [.wait, .connect, .tls, .send, .firstByte, .receive])
        // 100 + 20 + 72 + 40 + 990 ms in each second.
        let shares = row.parts.map { ($0.share ?? 0) * 1222 }
        for (share, expected) in zip(shares, [100, 20, 112, 0, 990, 0]) { #expect(abs(share - Double(expected)) < 2) }
        #expect(row.parts.map(\.ended) == [0, 0, 17, 0, 0, 0])
        #expect(row.losses == "died: 17 in TLS")
    }

    @Test("the terminal has a line for each target, the page a row for each part")
    func texts() {
        var record = ExperimentRecord.quickstart
        record.runs = [Self.run]
        let text = TerminalReport.render(record)
        #expect(text.contains("p99 of each part"))
        #expect(text.contains("web: died: 17 in TLS"))
        #expect(!text.contains("DNS"))
        let page = HTMLReport.render(record)
        #expect(page.contains("Where the time went"))
        #expect(page.contains(">first byte</td>"))
        #expect(page.contains("Of the generator itself: at most"))
    }

    @Test("merged breakdowns keep every request, target by target")
    func merging() {
        let merged = Self.run.breakdown()
        #expect(merged.map(\.target) == ["web", "idle"])
        #expect(merged.first?.count == 1700)
    }
}
