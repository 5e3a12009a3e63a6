// SPDX-License-Identifier: Apache-2.0

import Foundation
import Testing

@testable import Measurement

/// A run of five seconds with one second of warm-up: in second s, 10 requests of step 0 took s+1 ms, one of step 1 failed.
private func sampleRun() -> RunRecord {
    let slices = (0..<5).map { second in
        var took = LatencyHistogram()
        took.record(UInt64(second + 1) * 1_000_000, count: 10)
        var service = LatencyHistogram()
        service.record(500_000, count: 10)
        var failed = LatencyHistogram()
        failed.record(9_000_000_000)
        var lag = LatencyHistogram()
        lag.record(1_000, count: 11)
        return Slice(
            second: second,
            samples: [
                Sample(step: 0, outcome: .ok, responseTime: took, serviceTime: service),
                Sample(step: 1, outcome: .timeout, responseTime: failed, serviceTime: failed),
            ],
            scheduleLag: lag, ended: [.ok: 10], inFlight: 1)
    }
    return RunRecord(
        variant: "none", round: 0, startedAt: "2026-01-01T00:00:00Z", plannedNanoseconds: 5_000_000_000,
        actualNanoseconds: 5_000_000_000, warmupNanoseconds: 1_000_000_000, offeredRatePerSecond: 11,
        steps: [
            StepInfo(journey: "read", index: 0, label: "GET /a", target: "web"),
            StepInfo(journey: "write", index: 0, label: "POST /b", target: "web"),
        ],
        slices: slices, accounting: Accounting(), generator: GeneratorHealth(),
        phases: [
            Phase(kind: .baseline, startNanoseconds: 0, endNanoseconds: 2_300_000_000),
            Phase(kind: .fault, startNanoseconds: 2_300_000_000, endNanoseconds: 4_100_000_000),
            Phase(kind: .recovery, startNanoseconds: 4_100_000_000, endNanoseconds: 5_000_000_000),
        ])
}

private func sampleRecord() -> ExperimentRecord {
    ExperimentRecord(
        scenario: ScenarioInfo(name: "s", description: "d", script: "name: s\n", seed: 42, variants: ["none"]),
        machine: MachineInfo(
            cpuModel: "cpu", cores: 2, memoryBytes: 1, kernel: "k", operatingSystem: "o", clockSource: "tsc"),
        seawallVersion: "0.1.0", startedAt: "2026-01-01T00:00:00Z", runs: [sampleRun()])
}

@Suite("Run record")
struct RunRecordTests {
    @Test("warm-up is in no statistic unless asked for")
    func warmup() {
        let run = sampleRun()
        #expect(run.measuredSlices.map(\.second) == [1, 2, 3, 4])
        #expect(run.count() == 44)
        #expect(run.count(SampleFilter(includesWarmup: true)) == 55)
        #expect(run.scheduleLag().count == 44)
    }

    @Test("filters choose journey, step, outcome and phase")
    func filters() {
        let run = sampleRun()
        #expect(run.journeyNames == ["read", "write"])
        #expect(run.count(.successes) == 40)
        #expect(run.count(SampleFilter(journey: "write")) == 4)
        #expect(run.count(SampleFilter(step: 0)) == 40)
        #expect(run.count(SampleFilter(journey: "nobody")) == 0)
        #expect(run.countByOutcome() == [.ok: 40, .timeout: 4])
        #expect(run.successRatio() == 40.0 / 44)
        #expect(run.successRatio(journey: "nobody") == nil)
        #expect(run.serviceTime(.successes).max == HistogramBuckets.highestEquivalent(of: 500_000))
    }

    @Test("a slice belongs to the phase that its middle lies in")
    func phases() throws {
        let run = sampleRun()
        let seconds = try [Phase.Kind.baseline, .fault, .recovery].map { kind in
            try run.slices(in: #require(run.phase(kind))).map(\.second)
        }
        #expect(seconds == [[1], [2, 3], [4]])
        let fault = try #require(run.phase(.fault))
        let slowest = run.responseTime(SampleFilter(outcomes: [.ok], phase: fault)).max
        #expect(slowest == HistogramBuckets.highestEquivalent(of: 4_000_000))
        #expect(run.phase(.whole) == nil)
    }

    @Test("goodput counts answers where they ended, over the measured seconds")
    func goodput() throws {
        var run = sampleRun()
        #expect(run.goodputPerSecond() == 10)
        let fault = try #require(run.phase(.fault))
        #expect(run.goodputPerSecond(in: fault) == 10)
        // A phase that ends within a second that belongs to it has all of that second.
        let cut = Phase(kind: .fault, startNanoseconds: 2_000_000_000, endNanoseconds: 3_700_000_000)
        #expect(run.goodputPerSecond(in: cut) == 10)
        // A run that was stopped half-way through its last second.
        run.actualNanoseconds = 4_500_000_000
        #expect(try abs(#require(run.goodputPerSecond()) - 40 / 3.5) < 1e-9)
        // Late answers after the plan are in no rate.
        run = sampleRun()
        run.actualNanoseconds = 9_000_000_000
        run.slices.append(Slice(second: 7, ended: [.ok: 500]))
        #expect(run.goodputPerSecond() == 10)
        run.slices = []
        #expect(run.goodputPerSecond() == nil)
    }

    @Test("accounting balances only when every scheduled request has an outcome")
    func accounting() {
        var accounting = Accounting()
        accounting.scheduled = 10
        accounting.byOutcome = [.ok: 5, .rejected: 1, .timeout: 2, .aborted: 1]
        #expect(!accounting.isBalanced)
        accounting.byOutcome[.neverStarted] = 1
        #expect(accounting.isBalanced)
    }
}

@Suite("Run file")
struct RunFileTests {
    private let folder = FileManager.default.temporaryDirectory.appending(path: "seawall-\(UUID().uuidString)").path()

    @Test("a record is read as it was written, by folder or by file")
    func roundTrip() throws {
        defer { try? FileManager.default.removeItem(atPath: folder) }
        let record = sampleRecord()
        try RunFile.write(record, toDirectory: folder + "/deeper")
        for path in [folder + "/deeper", folder + "/deeper/", folder + "/deeper/run.json"] {
            let read = try RunFile.read(path)
            #expect(read.runs[0].responseTime() == record.runs[0].responseTime())
            #expect(read.scenario.seed == 42)
        }
        #expect(try FileManager.default.contentsOfDirectory(atPath: folder + "/deeper") == ["run.json"])
    }

    @Test(
        "what is not a record is refused with the reason",
        arguments: [
            ("", RunFileError.Code.notARecord, "is not a run record"),
            ("{\"a\":1}", .notARecord, "its `schema` is not like seawall.run/1"),
            ("{\"schema\":\"other/1\"}", .notARecord, "its `schema` is not like"),
            ("{\"schema\":\"seawall.run/2\"}", .newerSchema, "was written by a newer Seawall"),
            ("{\"schema\":\"seawall.run/1\"}", .notARecord, "is missing"),
        ])
    func refused(content: String, code: RunFileError.Code, words: String) throws {
        defer { try? FileManager.default.removeItem(atPath: folder) }
        try FileManager.default.createDirectory(atPath: folder, withIntermediateDirectories: true)
        try Data(content.utf8).write(to: URL(filePath: folder + "/run.json"))
        let error = try #require(throws: RunFileError.self) { _ = try RunFile.read(folder) }
        #expect(error.code == code)
        #expect(error.message.contains(words) && error.message.hasPrefix(folder))
    }

    @Test("a record of what no run can have measured is refused, and breaks nothing that computes with it")
    func impossible() throws {
        defer { try? FileManager.default.removeItem(atPath: folder) }
        let edits: [(inout RunRecord) -> Void] = [
            { $0.slices[1].second = 1_000_000_000_000 }, { $0.slices[1].second = -1 }, { $0.round = .max },
            { $0.slices[1].ended[.ok] = .max }, { $0.slices[1].journeyStarts = .max },
            { $0.accounting.byOutcome[.ok] = .max }, { $0.failureSamples = [FailureSample(message: "m", count: .max)] },
            { $0.slices[1].checks = [CheckTally(check: 3, passed: 1, failed: 0)] },
            { $0.stations = [StationRecord(name: "db", slots: 1, service: "5ms", queue: "fifo", longestQueue: -1)] },
        ]
        for edit in edits {
            var record = sampleRecord()
            edit(&record.runs[0])
            try RunFile.write(record, toDirectory: folder)
            let error = try #require(throws: RunFileError.self) { _ = try RunFile.read(folder) }
            #expect(error.code == .notARecord && error.message.contains(": is not a run record: it "), "\(error)")
        }
        try RunFile.write(sampleRecord(), toDirectory: folder)
        _ = try RunFile.read(folder)
    }

    @Test("missing files and folders are named")
    func missing() throws {
        defer { try? FileManager.default.removeItem(atPath: folder) }
        #expect(try #require(throws: RunFileError.self) { _ = try RunFile.read(folder) }.code == .notFound)
        try FileManager.default.createDirectory(atPath: folder, withIntermediateDirectories: true)
        let error = try #require(throws: RunFileError.self) { _ = try RunFile.read(folder) }
        #expect(error.message.contains("no run.json in this folder"))
    }

    @Test("a full disk is one line with what to do", .enabled(if: FileManager.default.fileExists(atPath: "/dev/full")))
    func fullDisk() throws {
        // `run.json.part` is a link to a device that is always full.
        defer { try? FileManager.default.removeItem(atPath: folder) }
        try FileManager.default.createDirectory(atPath: folder, withIntermediateDirectories: true)
        try FileManager.default.createSymbolicLink(
            atPath: folder + "/run.json.part", withDestinationPath: "/dev/full")
        let error = try #require(throws: RunFileError.self) { try RunFile.write(sampleRecord(), toDirectory: folder) }
        #expect(error.code == .cannotWrite)
        #expect(error.message.contains("No space left on device; free some space"))
        #expect(!FileManager.default.fileExists(atPath: folder + "/run.json"))
    }

    @Test("a folder that can't be made is named")
    func noFolder() throws {
        let error = try #require(throws: RunFileError.self) {
            try RunFile.write(sampleRecord(), toDirectory: "/dev/null/results")
        }
        #expect(error.code == .cannotWrite && error.message.contains("/dev/null/results"))
    }
}

@Suite("Older records")
struct OlderRecordTests {
    @Test("records without what was added later are read")
    func optionalKeys() throws {
        var slice = Slice(second: 1, journeyStarts: 5)
        var health = GeneratorHealth(
            busyShare: 0.5, arrivals: .init(due: 3), fileDescriptors: .init(most: 1, limit: 2),
            localPorts: .init(most: 1, limit: 2))
        func without<Value: Codable>(_ keys: [String], _ value: Value) throws -> Value {
            let object = try JSONSerialization.jsonObject(with: JSONEncoder().encode(value))
            var fields = try #require(object as? [String: Any])
            for key in keys { #expect(fields.removeValue(forKey: key) != nil) }
            return try JSONDecoder().decode(Value.self, from: JSONSerialization.data(withJSONObject: fields))
        }
        slice = try without(["journeyStarts"], slice)
        #expect(slice.second == 1 && slice.journeyStarts == nil)
        health = try without(["busyShare", "arrivals", "fileDescriptors", "localPorts"], health)
        #expect(health.busyShare == nil && health.arrivals == nil && health.fileDescriptors == nil)
    }
}
