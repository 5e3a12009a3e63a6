// SPDX-License-Identifier: Apache-2.0

import Foundation
import Measurement
import Testing

@testable import Reports

@Suite("Checks in reports")
struct CheckTableTests {
    /// A run with one check in two steps and another in one; the warm-up has results as well.
    private var run: RunRecord {
        var run = SyntheticRun(seconds: 10, warmup: 3).record()
        run.checks = [
            CheckInfo(step: 0, name: "is-json"), CheckInfo(step: 1, name: "is-json"),
            CheckInfo(step: 2, name: "created"),
        ]
        run.slices[1].checks = [CheckTally(check: 0, passed: 0, failed: 500)]
        run.slices[4].checks = [
            CheckTally(check: 0, passed: 90_000, failed: 0), CheckTally(check: 2, passed: 7, failed: 0),
        ]
        run.slices[5].checks = [CheckTally(check: 1, passed: 9_999, failed: 1)]
        return run
    }

    @Test("results are added up by name over the measured time, and by journey")
    func results() {
        #expect(
            run.checkResults() == [
                .init(name: "is-json", passed: 99_999, failed: 1), .init(name: "created", passed: 7, failed: 0),
            ])
        #expect(run.checkResults(journey: "compose-post").map(\.name) == ["created"])
        #expect(CheckResult(name: "none", passed: 0, failed: 0).ratio == nil)
    }

    @Test("a single failure among many is not rounded away")
    func rounding() throws {
        let rows = CheckTable(run).rows
        #expect(rows.map { $0[0] } == ["is-json", "created"])
        #expect(rows[0][3] != rows[1][3] && rows[1][3].contains("100"))
    }

    @Test("every report has the table, and none without checks")
    func everywhere() throws {
        var record = ExperimentRecord.synthetic([run], name: "checks")
        for text in [TerminalReport.render(record), MarkdownReport.render(record), HTMLReport.render(record)] {
            #expect(text.contains("is-json") && text.contains("created"))
        }
        let encoded = try JSONEncoder().encode(record)
        #expect(
            try JSONDecoder().decode(ExperimentRecord.self, from: encoded).runs[0].checkResults() == run.checkResults())
        record.runs[0].checks = []
        record.runs[0].slices.indices.forEach { record.runs[0].slices[$0].checks = [] }
        #expect(!TerminalReport.render(record).contains("is-json"))
    }
}
