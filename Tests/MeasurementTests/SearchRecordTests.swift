// SPDX-License-Identifier: Apache-2.0

import Measurement
import TestSupport
import Testing

@Suite("The record of a search")
struct SearchRecordTests {
    @Test(
        "says how sure its repetitions make it, after Clopper and Pearson",
        arguments: [(3, 3, 0.3684), (5, 5, 0.5493), (2, 3, 0.1354), (1, 1, 0.05), (0, 3, 0), (8, 10, 0.4931)])
    func confidence(met: Int, runs: Int, limit: Double) {
        // Reference values: scipy.stats.beta.ppf(0.05, met, runs - met + 1).
        let bound = SearchAnswer.Bound(ratePerSecond: 100, runs: runs, met: met)
        #expect(abs(bound.probabilityAtLeast - limit) < 1e-4)
        let mirrored = SearchAnswer.Bound(ratePerSecond: 100, runs: runs, met: runs - met)
        #expect(abs(mirrored.missProbabilityAtLeast - limit) < 1e-4)
    }

    @Test("is read as it was written, and not taken for the record of a run")
    func file() throws {
        let folder = try TemporaryFolder()
        var times = LatencyHistogram()
        times.record(5_000_000, count: 300)
        var record = SearchRecord(
            scenario: ScenarioInfo(name: "s", description: "", script: "", seed: 1, variants: ["default"]),
            machine: MachineInfo(
                cpuModel: "", cores: 2, memoryBytes: 1, kernel: "", operatingSystem: "", clockSource: ""),
            seawallVersion: "0", startedAt: "2026-03-01T12:00:00Z",
            options: SearchOptionsRecord(
                variant: "default", fromPerSecond: 10, toPerSecond: 100, precision: 0.05, repeats: 3,
                levelNanoseconds: 1, warmupNanoseconds: 1),
            goals: [SearchGoal(expression: "p99 < 100ms", percentile: 99, limitNanoseconds: 1e8)],
            answer: SearchAnswer(end: .aboveRange, passing: .init(ratePerSecond: 100, runs: 3, met: 3)))
        record.measurements = [
            SearchMeasurement(
                ratePerSecond: 100, repetition: 1, startedAt: "", verdict: .met,
                results: [ThresholdResult(expression: "p99 < 100ms", passed: true, measured: "5.00 ms")],
                generator: .valid, generatorReasons: [], requests: 300, errors: 0, goodputPerSecond: 99,
                responseTime: times)
        ]
        try RunFile.write(record, toDirectory: folder.path)
        #expect(RunFile.holdsSearch(folder.path))
        let read = try RunFile.readSearch(folder.path)
        #expect(read.answer == record.answer && read.options == record.options && read.goals == record.goals)
        #expect(read.measurements.first?.responseTime == times)
        #expect(throws: RunFileError.self) { try RunFile.read(folder.path) }
        #expect(throws: RunFileError.self) { try RunFile.read("\(folder.path)/search.json") }
    }
}
