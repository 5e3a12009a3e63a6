// SPDX-License-Identifier: Apache-2.0

import FoundationEssentials
import Measurement
import Testing

@testable import Reports

@Suite("Markdown, CSV and JUnit")
struct OtherReportTests {
    @Test("the Markdown summary has a table per phase, and every row as many cells as its head")
    func markdown() {
        for record in [ExperimentRecord.quickstart, .brownout, .empty, .zeroSuccesses, .hostile, .synthetic([])] {
            var cells = 0
            for line in MarkdownReport.render(record).split(separator: "\n", omittingEmptySubsequences: false) {
                guard line.hasPrefix("|") else {
                    cells = 0
                    continue
                }
                let bars = zip(" " + line, line).count { $0 != "\\" && $1 == "|" }
                #expect(cells == 0 || bars == cells, "\(line)")
                cells = bars
            }
        }
        let text = MarkdownReport.render(.brownout)
        #expect(text.contains("### Fault"))
        #expect(
            text.contains("| everything | 2.96 ms (×0.00385) | 253 ms (×0.297) | 199/s (×1.05) | 0.750 % | 0.525 |"))
        #expect(text.contains("| ❌ | none | read-timeline p(99) \\< 400ms during fault | 852 ms |"))
        let hostile = MarkdownReport.render(.hostile).replacing("<sub>", with: "").replacing("</sub>", with: "")
        #expect(zip(" " + hostile, hostile).allSatisfy { $0 == "\\" || $1 != "<" })
    }

    @Test("the CSV has a line per second, step and outcome, and every request once")
    func csv() throws {
        let record = ExperimentRecord.brownout
        let lines = CSVReport.render(record).split(separator: "\r\n")
        let columns = CSVReport.header.count
        #expect(lines.allSatisfy { $0.split(separator: ",", omittingEmptySubsequences: false).count == columns })
        let count = try #require(CSVReport.header.firstIndex(of: "count"))
        let sum = lines.dropFirst().reduce(0) {
            $0 + (Int($1.split(separator: ",", omittingEmptySubsequences: false)[count]) ?? 0)
        }
        #expect(sum == record.runs.reduce(0) { $0 + Int($1.accounting.scheduled) })
    }

    @Test(
        "fields are quoted where RFC 4180 asks for it, and a spreadsheet computes nothing",
        arguments: [
            ("plain", "plain"), ("a,b", "\"a,b\""), ("say \"x\"", "\"say \"\"x\"\"\""), ("a\r\nb", "\"a\r\nb\""),
            ("=1+2", "'=1+2"), ("-5", "-5"), ("@x", "'@x"),
        ])
    func quoting(field: String, text: String) {
        #expect(CSVReport.quoted(field) == text)
    }

    @Test("JUnit has a case per threshold, failures for missed ones and an error for an invalid measurement")
    func junit() {
        let text = JUnitReport.render(.brownout)
        #expect(text.contains("tests=\"3\" failures=\"1\" errors=\"0\""))
        #expect(text.contains("<failure message=\"measured 852 ms\">"))
        #expect(JUnitReport.render(.empty).contains("<error message=\"INVALID\">nothing was measured</error>"))
        for record in [ExperimentRecord.brownout, .empty, .hostile, .synthetic([])] {
            #expect(Markupcheck.firstFault(in: JUnitReport.render(record)) == nil)
        }
    }
}

@Suite("writing reports")
struct ReportWriterTests {
    private static func withFolder(_ body: (String) throws -> Void) throws {
        let folder = FileManager.default.temporaryDirectory.appendingPathComponent(
            "seawall-\(UInt64.random(in: 0 ... .max))"
        ).path
        defer { try? FileManager.default.removeItem(atPath: folder) }
        try body(folder)
    }

    @Test("all reports land in the folder, which is made when it is missing")
    func writes() throws {
        try Self.withFolder { folder in
            let paths = try ReportWriter.write(.quickstart, toDirectory: folder + "/a/b")
            #expect(paths == ["report.html", "summary.md", "slices.csv", "junit.xml"].map { folder + "/a/b/" + $0 })
            let html = try #require(FileManager.default.contents(atPath: paths[0]))
            #expect(String(decoding: html, as: UTF8.self) == HTMLReport.render(.quickstart))
            let files = try FileManager.default.contentsOfDirectory(atPath: folder + "/a/b")
            #expect(files.sorted() == ["junit.xml", "report.html", "slices.csv", "summary.md"])
        }
    }

    @Test("a folder that can't be made is one clear error")
    func fileInTheWay() throws {
        try Self.withFolder { folder in
            try FileManager.default.createDirectory(atPath: folder, withIntermediateDirectories: true)
            try Data().write(to: URL(filePath: folder + "/file"))
            let error = #expect(throws: RunFileError.self) {
                try ReportWriter.write(.quickstart, toDirectory: folder + "/file")
            }
            #expect(error?.message.hasPrefix(folder + "/file") == true)
            #expect(error?.message.contains("--out") == true || error?.message.contains("can't write") == true)
            #expect(error?.message.contains("\n") == false)
        }
    }

    @Test("a report that can't be put in its place leaves nothing half-written behind")
    func cannotReplace() throws {
        try Self.withFolder { folder in
            try FileManager.default.createDirectory(atPath: folder + "/report.html", withIntermediateDirectories: true)
            let error = #expect(throws: RunFileError.self) { try ReportWriter.write(.quickstart, toDirectory: folder) }
            #expect(error?.message.hasPrefix(folder + "/report.html: can't write the results: ") == true)
            #expect(try FileManager.default.contentsOfDirectory(atPath: folder) == ["report.html"])
        }
    }
}
