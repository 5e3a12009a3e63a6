// SPDX-License-Identifier: Apache-2.0

import Foundation
import Measurement
import TestSupport
import Testing

@testable import SeawallCommands

@Suite("seawall search", .timeLimit(.minutes(4)), .serialized)
struct SearchEndToEndTests {
    /// Serves exactly a hundred a second: a rate above it builds a line that grows as long as it lasts.
    private func script(_ url: String, _ rest: String = "") -> String {
        """
        name: line
        system: {targets: {web: "\(url)"}}
        load: {all: {executor: constant-arrival-rate, rate: 100/s, arrivals: uniform, duration: 10s}}
        journeys: {look: [{get: /, timeout: 20s}]}
        \(rest)
        """
    }

    @Test("finds the capacity of a station within its precision, and leaves a record and a report")
    func groundTruth() async throws {
        // Long services, so that the lateness of a busy machine is small beside them.
        let station = try await StationUnderTest(#"{"slots": 10, "service": "100ms", "queue": "fifo"}"#)
        // Two seconds at 20 % above the capacity make a line of more than 400 ms.
        let seawall = try await SeawallProcess.whenValid(
            [
                "search", "scenario.yaml", "--slo", "p(90) < 250ms", "--from", "40/s", "--to", "400", "--level", "2s",
                "--warmup", "1s", "--repeat", "1", "--precision", "20%", "--out", "out",
            ], script: script(station.url))
        #expect(await seawall.exitCode() == 0, "\(seawall.errors)")
        let record = try RunFile.readSearch("\(seawall.folder.path)/out")
        let low = try #require(record.answer.passing), high = try #require(record.answer.failing)
        #expect(record.answer.end == .bracketed)
        #expect(high.ratePerSecond <= low.ratePerSecond * 1.21)
        // Of ideal sleeps the answer would lie between 100 and 125.
        #expect(low.ratePerSecond >= 60 && high.ratePerSecond <= 160, "\(seawall.errors)")
        #expect(low.met == low.runs && high.met == 0)
        #expect(record.measurements.allSatisfy { $0.requests > 40 && !$0.responseTime.isEmpty })
        #expect(seawall.errors.hasPrefix("goals: p(90) < 250ms\nsearching from 40/s to 400/s: at most "))
        #expect(seawall.output.contains("The capacity lies between "))
        let html = seawall.text("out/report.html")
        #expect(html.contains("p90 response time by rate") && html.contains("The capacity lies between "))

        // Drawn again from the record, it says the same.
        let report = try SeawallProcess(["report", "\(seawall.folder.path)/out"])
        #expect(await report.exitCode() == 0, "\(report.errors)")
        #expect(report.output == seawall.output)
    }

    @Test("prints what it found as JSON, and that even the highest rate was met")
    func json() async throws {
        let station = try await StationUnderTest(#"{"slots": 50, "service": "100ms", "queue": "fifo"}"#)
        let seawall = try await SeawallProcess.whenValid(
            [
                "search", "scenario.yaml", "--from", "20", "--to", "30", "--level", "1s", "--warmup", "1ms", "--repeat",
                "1",
                "--json",
            ], script: script(station.url, "thresholds: [p99 < 10s, errors < 1%]"))
        #expect(await seawall.exitCode() == 0, "\(seawall.errors)")
        struct Output: Decodable {
            var answer: SearchAnswer
            var goals: [String]
            var summary: String
        }
        let output = try JSONDecoder().decode(Output.self, from: Data(seawall.output.utf8))
        #expect(output.answer == .init(end: .aboveRange, passing: .init(ratePerSecond: 30, runs: 1, met: 1)))
        #expect(output.goals == ["p99 < 10s", "errors < 1%"])
        #expect(output.summary == "The capacity is at least 30/s, the highest rate that was tried.")
    }

    @Test("ends with 1 when even the lowest rate misses the goals")
    func belowRange() async throws {
        let station = try await StationUnderTest(#"{"slots": 50, "service": "100ms", "queue": "fifo"}"#)
        let seawall = try await SeawallProcess.whenValid(
            [
                "search", "scenario.yaml", "--slo", "p50 < 5ms", "--from", "20", "--level", "1s", "--warmup", "1ms",
                "--repeat", "2", "--out", "out",
            ], script: script(station.url))
        #expect(await seawall.exitCode() == 1)
        #expect(seawall.errors.hasSuffix("seawall: even the lowest rate missed the goals; try a lower --from\n"))
        let answer = try RunFile.readSearch("\(seawall.folder.path)/out").answer
        #expect(answer == .init(end: .belowRange, failing: .init(ratePerSecond: 20, runs: 2, met: 0)))
    }

    @Test("Ctrl-C ends it with what is known")
    func interrupted() async throws {
        let station = try await StationUnderTest(#"{"slots": 50, "service": "100ms", "queue": "fifo"}"#)
        let seawall = try SeawallProcess(
            [
                "search", "scenario.yaml", "--slo", "p99 < 10s", "--from", "10", "--to", "10000", "--level", "1s",
                "--warmup", "1ms", "--repeat", "1", "--out", "out",
            ], script: script(station.url))
        #expect(await seawall.says("10/s run 1: met"), "\(seawall.errors)")
        seawall.send(SIGINT)
        #expect(await seawall.exitCode() == 130)
        let record = try RunFile.readSearch("\(seawall.folder.path)/out")
        #expect(record.answer.end == .interrupted)
        #expect(record.answer.passing != nil)
        #expect(seawall.output.contains("The search ended early; the capacity is at least "))
    }

    @Test("brings the social network up anew for each repetition, with the policies of the variant")
    func social() async throws {
        let seawall = try await SeawallProcess.whenValid(
            [
                "search", "scenario.yaml", "--slo", "success > 99%", "--from", "5", "--to", "5", "--level", "1s",
                "--warmup",
                "1s", "--repeat", "2", "--variant", "everything", "--out", "out",
            ],
            script: """
                system: social
                population: {users: 6, friends: 2, posts: 6, comments: 6}
                load:
                  readers: {executor: constant-arrival-rate, rate: 30/s, duration: 5s, journeys: read}
                  more: {executor: ramping-arrival-rate, start-rate: 1/s, stages: [{duration: 5s, target: 10/s}], journeys: read}
                journeys:
                  read: [{get: /v1/timelines/home, service: post, as: someone}]
                faults: [{at: 2s, for: 1s, on: post -> comment, latency: 100ms}]
                policies: {post -> comment: {attempt-timeout: 100ms, fallback: enforced}}
                variants: {none: {all: disabled}, everything: {}}
                """)
        #expect(await seawall.exitCode() == 0, "\(seawall.errors)")
        let record = try RunFile.readSearch("\(seawall.folder.path)/out")
        #expect(record.answer == .init(end: .aboveRange, passing: .init(ratePerSecond: 5, runs: 2, met: 2)))
        #expect(record.notes == ["the faults of the script were left out: levels are played without them"])
        // Three parts of four are the readers', and the arrivals of the two repetitions differ.
        #expect(record.measurements.allSatisfy { (4...6).contains($0.requests) })
        #expect(seawall.descendants().isEmpty)
        for number in [1, 2] {
            let log = "\(seawall.folder.path)/out/logs/level-\(number)/post-service.log"
            #expect(FileManager.default.fileExists(atPath: log))
        }
    }

    @Test("with --faults measures every level while the script's faults are active")
    func underFaults() async throws {
        let arguments = [
            "search", "scenario.yaml", "--slo", "p50 < 250ms", "--from", "20", "--to", "20", "--level", "2s",
            "--warmup",
            "1s", "--repeat", "1", "--out", "out",
        ]
        let script = """
            system: {stations: {line: {slots: inf, service: 100ms}}}
            load: {all: {executor: constant-arrival-rate, rate: 20/s, duration: 10s}}
            journeys: {look: [{get: /}]}
            faults: [{at: 5s, for: 1s, on: line, slow: 4}]
            """
        let without = try await SeawallProcess.whenValid(arguments, script: script)
        #expect(await without.exitCode() == 0, "\(without.errors)")
        let with = try await SeawallProcess.whenValid(arguments + ["--faults"], script: script)
        #expect(await with.exitCode() == 1, "\(with.errors)")
        let record = try RunFile.readSearch("\(with.folder.path)/out")
        #expect(record.notes == ["each level is measured with these faults active: line: slow 4.0×"])
        // Not one request was served at the usual speed.
        #expect(record.measurements.allSatisfy { $0.responseTime.min ?? 0 > 390_000_000 })
    }

    private static let mistakes: [([String], String, String)] = [
        (
            ["--slo", "p99 < 100"], "",
            "seawall: --slo: '100' is not a duration: it has no unit; write for example 100ms or 100s\n"
        ),
        (
            ["--slo", "p99 < 1s during fault"], "",
            "seawall: --slo 'p99 < 1s during fault': a level has no phases and one variant\n"
        ),
        (["--slo", "p99 < 1s over 20s"], "", "seawall: no window of 20s fits into a level of 10s\n"),
        ([], "", "seawall: there is no goal: the script has no threshold that a level could be held against\n"),
        (
            ["--slo", "p99 < 1s", "--from", "100", "--to", "50"], "",
            "seawall: the lowest rate, 100/s, is not below the highest, 50/s\n"
        ),
        (
            ["--slo", "p99 < 1s"], "variants: {a: {}, b: {}}",
            "seawall: the scenario line has several variants, and each has a capacity of its own\n"
        ),
    ]

    @Test("refuses what it can't search for with 2, before anything is started", arguments: mistakes)
    func refuses(arguments: [String], rest: String, message: String) async throws {
        let seawall = try SeawallProcess(
            ["search", "scenario.yaml"] + arguments, script: script("http://127.0.0.1:1", rest))
        #expect(await seawall.exitCode() == 2)
        #expect(seawall.errors.contains(message), "\(seawall.errors)")
        #expect(!FileManager.default.fileExists(atPath: "\(seawall.folder.path)/results"))
    }

    @Test("refuses closed loads")
    func closed() async throws {
        let seawall = try SeawallProcess(
            ["search", "scenario.yaml", "--slo", "p99 < 1s"],
            script: """
                system: {targets: {web: "http://127.0.0.1:1"}}
                load: {people: {executor: constant-vus, vus: 5, duration: 5s}}
                journeys: {look: [{get: /}]}
                """)
        #expect(await seawall.exitCode() == 2)
        #expect(seawall.errors.contains("the load 'people' is closed: its users wait for answers, so it has no rate"))
    }
}
