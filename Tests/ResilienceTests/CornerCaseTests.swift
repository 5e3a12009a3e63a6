// SPDX-License-Identifier: Apache-2.0

import Foundation
import Testing

@Suite("The page of corner cases")
struct CornerCaseTests {
    /// One line of the page.
    struct Case: CustomTestStringConvertible {
        var number: Int
        /// The last cell: names of tests between backticks, or why there is none.
        var tests: String

        var names: [String] {
            tests.split(separator: "`", omittingEmptySubsequences: false).enumerated()
                .compactMap { $0.offset % 2 == 1 ? String($0.element) : nil }
        }

        var testDescription: String {
            "case \(number)"
        }
    }

    static let folder = URL(filePath: #filePath).deletingLastPathComponent()

    static func cases() throws -> [Case] {
        let page = folder.appending(path: "../../Sources/Resilience/Resilience.docc/CornerCases.md").standardizedFileURL
        return try String(contentsOf: page, encoding: .utf8).split(separator: "\n").compactMap { line in
            let cells = line.split(separator: " | ").map { $0.trimmingCharacters(in: .init(charactersIn: "| ")) }
            guard line.hasPrefix("| "), cells.count == 4, let number = Int(cells[0]) else { return nil }
            return Case(number: number, tests: cells[3])
        }
    }

    /// The lines of all test sources, with strings that go over several lines joined to one.
    static func lines() throws -> Set<String> {
        var lines: Set<String> = []
        // Its enumerator does not follow the link by which the sanitizers' package has this folder.
        let files = FileManager.default.enumerator(atPath: folder.resolvingSymlinksInPath().path)
        while let file = files?.nextObject() as? String {
            guard file.hasSuffix(".swift") else { continue }
            let url = folder.appending(path: file)
            let source = try String(contentsOf: url, encoding: .utf8)
                .replacing(#/\\\n\s*/#, with: "").replacing("\\\"", with: "\"")
            for line in source.split(separator: "\n") { lines.insert(line.trimmingCharacters(in: .whitespaces)) }
        }
        return lines
    }

    @Test("has all seventy, each with its tests or with the reason why there is none")
    func complete() throws {
        let cases = try Self.cases()
        #expect(cases.map(\.number) == Array(1...70))
        for line in cases where line.names.isEmpty {
            #expect(["not applicable", "no test yet"].contains(line.tests), "case \(line.number)")
        }
    }

    @Test("names tests that exist")
    func names() throws {
        let lines = try Self.lines()
        for line in try Self.cases() {
            for name in line.names {
                let isThere = lines.contains { $0 == name || $0.contains("\"\(name)\"") }
                #expect(isThere, "case \(line.number) names a test that does not exist: \(name)")
            }
        }
    }
}
