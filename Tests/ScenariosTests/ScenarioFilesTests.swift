// SPDX-License-Identifier: Apache-2.0

import Foundation
import Resilience
import Scenarios
import Testing

@Suite("The scripts in scenarios/")
struct ScenarioFilesTests {
    /// The repository's folder.
    static let root = URL(fileURLWithPath: #filePath).deletingLastPathComponent().deletingLastPathComponent()
        .deletingLastPathComponent()

    /// Relative to `scenarios/`, those in folders below it included.
    static var names: [String] {
        let folder = root.appendingPathComponent("scenarios").path
        let files = (try? FileManager.default.subpathsOfDirectory(atPath: folder)) ?? []
        return files.filter { $0.hasSuffix(".yaml") }.sorted()
    }

    private func load(_ name: String) throws -> Scenario {
        try Scenario.load(path: Self.root.appendingPathComponent("scenarios/\(name)").path)
    }

    @Test("every script is sound and named like its file", arguments: names)
    func sound(name: String) throws {
        let scenario = try load(name)
        #expect(scenario.name + ".yaml" == name.split(separator: "/").last.map(String.init))
        #expect(!scenario.description.isEmpty)
    }

    @Test("the four scripts of the README are there")
    func present() {
        let names: Set = ["quickstart.yaml", "timeline-mix.yaml", "comment-brownout.yaml", "overload.yaml"]
        #expect(names.isSubset(of: Self.names))
    }

    @Test("the quickstart plays 20 s without faults and expects more than 5,000 measured requests")
    func quickstart() throws {
        let scenario = try load("quickstart.yaml")
        #expect(scenario.duration == .seconds(20))
        #expect(scenario.faults.isEmpty)
        #expect(scenario.variants.map(\.name) == ["default"])
        let measured = try #require(scenario.expectedRequests) * 17 / 20
        #expect(measured > 5_500)
    }

    @Test("the timeline mix has the shares of DeathStarBench")
    func timelineMix() throws {
        let load = try #require(try load("timeline-mix.yaml").load.first)
        #expect(load.journeys.map(\.name) == ["home-timeline", "user-timeline", "compose-post"])
        #expect(load.journeys.map(\.weight) == [60, 30, 10])
    }

    @Test("the brownout compares nothing, retries and everything under one fault")
    func brownout() throws {
        let scenario = try load("comment-brownout.yaml")
        #expect(scenario.variants.map(\.name) == ["none", "retries", "everything"])
        #expect(scenario.faults.count == 1)
    }

    @Test("the overload compares no shedder with one that has a limit and one that finds it out, at the service itself")
    func overload() throws {
        let scenario = try load("overload.yaml")
        #expect(scenario.variants.map(\.name) == ["none", "shedder", "adaptive"])
        #expect(scenario.policies.pipelineNames == ["post"])
    }

    @Test("the script in the reference is sound")
    func reference() throws {
        let text = try String(contentsOf: Self.root.appendingPathComponent("scenarios/README.md"), encoding: .utf8)
        let blocks = text.components(separatedBy: "```yaml\n").dropFirst().compactMap {
            $0.components(separatedBy: "```").first
        }
        let whole = blocks.filter { $0.hasPrefix("name: hello") }
        #expect(whole.count == 1)
        for block in whole { #expect(try Scenario.parse(block).name == "hello") }
    }
}
