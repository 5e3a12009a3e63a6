// SPDX-License-Identifier: Apache-2.0

import Foundation
import Scenarios
import Testing

/// Input that is made to break the reader: it must end, soon, with faults.
@Suite("Hostile scripts")
struct HostileScriptTests {
    private func faults(_ text: String) -> ScenarioFaults? {
        do throws(ScenarioFaults) {
            _ = try Scenario.parse(text)
            return nil
        } catch {
            return error
        }
    }

    @Test("an alias bomb is refused before it expands", .timeLimit(.minutes(1)))
    func aliasBomb() {
        var bomb = "a0: &a0 [x, x]\n"
        for level in 1...40 { bomb += "a\(level): &a\(level) [*a\(level - 1), *a\(level - 1)]\n" }
        #expect(faults(bomb)?.faults.first?.message.contains("aliases") == true)
    }

    @Test("an alias bomb in a key is refused as well", .timeLimit(.minutes(1)))
    func aliasBombInKey() {
        var bomb = "a0: &a0 [x, x]\n"
        for level in 1...14 { bomb += "a\(level): &a\(level) [*a\(level - 1), *a\(level - 1)]\n" }
        bomb += "? *a14\n: 1\n"
        #expect(faults(bomb) != nil)
    }

    @Test("aliases and merge keys within the bounds are understood")
    func aliases() throws {
        let scenario = try Scenario.parse(
            """
            system: social
            load:
              morning: &people {executor: constant-arrival-rate, rate: 10/s, duration: 10s}
              evening: {<<: *people, rate: 20/s, start: 10s}
            journeys:
              read: [{get: /v1/timelines/home, service: post}]
            """)
        #expect(
            scenario.load.map(\.executor) == [
                .constantArrivalRate(perSecond: 10), .constantArrivalRate(perSecond: 20),
            ])
        #expect(scenario.load.map(\.duration) == [.seconds(10), .seconds(10)])
    }

    @Test("deep nesting is refused", arguments: ["[", "{a: ", "- ", "? "])
    func nesting(open: String) { #expect(faults(String(repeating: open, count: 50_000)) != nil) }

    @Test("a file that is too large, a folder and a missing file are each one clear line")
    func files() throws {
        let folder = FileManager.default.temporaryDirectory.appendingPathComponent("seawall-\(UUID().uuidString)")
        try FileManager.default.createDirectory(at: folder, withIntermediateDirectories: true)
        defer { try? FileManager.default.removeItem(at: folder) }
        let large = folder.appendingPathComponent("large.yaml")
        try Data(repeating: UInt8(ascii: "#"), count: Scenario.sizeLimit + 1).write(to: large)
        for (path, expected) in [
            (large.path, "larger than 1024 KiB"), (folder.path, "this is a folder"),
            (folder.path + "/none.yaml", "no such file"),
        ] {
            do throws(ScenarioFaults) {
                _ = try Scenario.load(path: path)
                Issue.record("\(path) was accepted")
            } catch {
                #expect(error.description.hasPrefix("\(path): error: "))
                #expect(error.description.contains(expected))
                #expect(error.faults.count == 1)
            }
        }
    }

    @Test("control characters of a script do not reach the terminal")
    func controlCharacters() throws {
        let refused = try #require(faults("system: \"\\e[31mred\"\nload: {}\njourneys: {}\n"))
        #expect(refused.description.unicodeScalars.allSatisfy { $0.value >= 0x20 || $0 == "\n" })
    }

    @Test("a damaged script never traps, and its faults lie inside of it", .timeLimit(.minutes(1)))
    func damage() throws {
        let path = ScenarioFilesTests.root.appendingPathComponent("scenarios/comment-brownout.yaml")
        let original = Array(try Data(contentsOf: path))
        let seed = UInt64.random(in: 0...UInt64.max)
        var random = SplitMix(state: seed)
        let pieces = [
            "${", "}", "{", "[", ": ", "- ", "*a", "&a ", "\n", "\t", "\"", "'", "-1", "9e99", "é", "\u{0}", "<<: ",
            "..", "->",
        ]
        for round in 0..<400 {
            var bytes = original
            for _ in 0...Int.random(in: 0..<3, using: &random) {
                let place = Int.random(in: 0..<bytes.count, using: &random)
                switch Int.random(in: 0..<3, using: &random) {
                case 0: bytes[place] = UInt8.random(in: 0...255, using: &random)
                case 1: bytes.removeSubrange(place..<min(bytes.count, place + 8))
                default: bytes.insert(contentsOf: Array(pieces.randomElement(using: &random)!.utf8), at: place)
                }
            }
            guard let refused = faults(String(decoding: bytes, as: UTF8.self)) else { continue }
            let lines = String(decoding: bytes, as: UTF8.self).split(
                omittingEmptySubsequences: false, whereSeparator: \.isNewline)
            #expect(!refused.description.isEmpty)
            for fault in refused.faults {
                let line = try #require(fault.position?.line, "seed \(seed), round \(round): \(fault.message)")
                #expect(line >= 1 && line <= lines.count + 1, "seed \(seed), round \(round): \(fault.message)")
            }
        }
    }

    private struct SplitMix: RandomNumberGenerator {
        var state: UInt64
        mutating func next() -> UInt64 {
            state &+= 0x9E37_79B9_7F4A_7C15
            var z = state
            z = (z ^ (z >> 30)) &* 0xBF58_476D_1CE4_E5B9
            z = (z ^ (z >> 27)) &* 0x94D0_49BB_1331_11EB
            return z ^ (z >> 31)
        }
    }
}
