// SPDX-License-Identifier: Apache-2.0

import Foundation
import Scenarios
import Testing

/// Every script in `Tests/Fixtures/Scenarios` has mistakes; beside it lies what a person is to see. With `SEAWALL_WRITE_GOLDEN=1` in
/// the environment the messages are written anew, to be read in the diff.
@Suite("Messages about faulty scripts")
struct GoldenFaultsTests {
    static let folder = URL(fileURLWithPath: #filePath).deletingLastPathComponent().deletingLastPathComponent()
        .appendingPathComponent("Fixtures/Scenarios")

    static var names: [String] {
        let files = (try? FileManager.default.contentsOfDirectory(atPath: folder.path)) ?? []
        return files.filter { $0.hasSuffix(".yaml") }.sorted()
    }

    static func messages(of name: String) throws -> ScenarioFaults {
        let path = folder.appendingPathComponent(name).path
        do throws(ScenarioFaults) {
            _ = try Scenario.load(path: path)
        } catch {
            return error
        }
        throw Accepted(name: name)
    }

    struct Accepted: Error { var name: String }

    @Test("a faulty script is refused with exactly these messages", arguments: names)
    func golden(name: String) throws {
        var faults = try Self.messages(of: name)
        faults.file = name
        let golden = Self.folder.appendingPathComponent(name.replacingOccurrences(of: ".yaml", with: ".golden"))
        if ProcessInfo.processInfo.environment["SEAWALL_WRITE_GOLDEN"] == "1" {
            try Data((faults.description + "\n").utf8).write(to: golden)
        }
        let expected = try String(contentsOf: golden, encoding: .utf8)
        #expect(faults.description + "\n" == expected)
    }

    @Test("there are fixtures")
    func present() { #expect(Self.names.count > 50) }

    @Test("a script with ten mistakes has ten messages")
    func tenMistakes() throws {
        let faults = try Self.messages(of: "ten-mistakes.yaml").faults
        #expect(faults.count == 10)
        #expect(faults.allSatisfy { $0.position != nil })
    }
}
