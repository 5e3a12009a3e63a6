// SPDX-License-Identifier: Apache-2.0

import Foundation
import Measurement
import TestSupport
import Testing

@testable import SeawallCommands

@Suite("seawall run with thresholds", .timeLimit(.minutes(2)), .serialized)
struct ThresholdEndToEndTests {
    private let station: StationUnderTest

    init() async throws { station = try await StationUnderTest(#"{"slots": 1, "service": "20ms", "queue": "fifo"}"#) }

    private func script(_ load: String, expect: String = "{status: 200}", _ rest: String) -> String {
        """
        system: {targets: {web: "\(station.url)"}}
        load: {all: \(load)}
        journeys:
          look: [{get: /, expect: \(expect), timeout: 30s}]
          never: [{get: /never}]
        \(rest)
        """
    }

    @Test("ends a run as soon as a window is missed, with its accounts whole, and with 1")
    func aborted() async throws {
        // The station serves 50 a second: from the third second on a line forms that never ends.
        let seawall = try await SeawallProcess.whenValid(
            ["run", "scenario.yaml", "--out", "out"],
            script: script(
                """
                {executor: ramping-arrival-rate, journeys: look, start-rate: 10/s,
                    stages: [{duration: 3s, target: 100/s}, {duration: 60s, target: 100/s}]}
                """,
                """
                thresholds:
                  - {threshold: p(90) < 500ms over 2s, abort: true}
                  - errors < 1%
                """))
        #expect(await seawall.exitCode() == 1)
        let record = try RunFile.read("\(seawall.folder.path)/out")
        let run = try #require(record.runs.first)
        let cause = try #require(run.abortedBy)
        #expect(cause.hasPrefix("p(90) < 500ms over 2s was missed: "))
        #expect(run.interruption == nil && record.interruption == nil)
        #expect(run.actualNanoseconds < 20_000_000_000)
        #expect(run.accounting.isBalanced && run.accounting.aborted > 0)
        #expect(run.thresholds.map(\.passed) == [false, false])
        #expect(run.thresholds.map(\.problem) == [nil, "it held until the run was aborted"])
        #expect(seawall.output.contains("  Aborted: \(cause)\n"))
        #expect(
            seawall.errors.hasSuffix(
                """
                seawall: 1 threshold missed, 1 threshold could not be judged: it held until the run was aborted
                  default was aborted: \(cause)

                """), "\(seawall.errors)")
        for file in ["report.html", "summary.md"] {
            #expect(seawall.text("out/\(file)").contains("ms over 2s was missed: "), "\(file)")
        }
    }

    private func missesAtOnce(_ abort: String) -> String {
        script(
            "{executor: constant-arrival-rate, rate: 20/s, duration: 30s, journeys: look}", expect: "{status: 204}",
            """
            variants: {one: {}, two: {}}
            thresholds: [{threshold: errors count == 0, abort: \(abort)}]
            """)
    }

    @Test("plays the next variant after one that was aborted")
    func nextVariant() async throws {
        let seawall = try await SeawallProcess.whenValid(
            ["run", "scenario.yaml", "--out", "out"], script: missesAtOnce("true"))
        #expect(await seawall.exitCode() == 1)
        let runs = try RunFile.read("\(seawall.folder.path)/out").runs
        #expect(runs.map(\.variant) == ["one", "two"])
        #expect(runs.allSatisfy { $0.abortedBy != nil && $0.accounting.isBalanced })
    }

    @Test("plays no further variant when the threshold says so")
    func endsExperiment() async throws {
        let seawall = try await SeawallProcess.whenValid(
            ["run", "scenario.yaml", "--out", "out"], script: missesAtOnce("{ends: experiment}"))
        #expect(await seawall.exitCode() == 1)
        let record = try RunFile.read("\(seawall.folder.path)/out")
        #expect(record.runs.map(\.variant) == ["one"])
        #expect(record.interruption?.hasPrefix("two not played, because in one errors count == 0 was missed: ") == true)
        #expect(seawall.output.contains("Ended early: two not played, because in one"))
    }

    @Test("does not pass a threshold about which nothing was measured")
    func nothingMeasured() async throws {
        let seawall = try await SeawallProcess.whenValid(
            ["run", "scenario.yaml", "--out", "out"],
            script: script(
                "{executor: constant-arrival-rate, rate: 20/s, duration: 1s, journeys: look}",
                "thresholds: [success > 99%, never p(99) < 1h]"))
        #expect(await seawall.exitCode() == 1)
        #expect(
            seawall.errors.hasSuffix("seawall: 1 threshold could not be judged: no requests\n"), "\(seawall.errors)")
        #expect(seawall.output.contains("not judged: no requests"))
    }
}
