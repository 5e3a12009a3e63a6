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
            text.contains(
                "| everything | 2.96 ms (×0.00385) | 253 ms (×0.297) | 254 ms (×0.298) | 199/s (×1.05) | 0.750 % | 0.525 |"
            ))
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

    @Test("the summary as CSV has successes and all outcomes of each step and phase, and the lag of the whole")
    func summaryCSV() throws {
        let record = ExperimentRecord.outage
        let lines = SummaryCSVReport.render(record).split(separator: "\r\n").map {
            $0.split(separator: ",", omittingEmptySubsequences: false).map(String.init)
        }
        #expect(lines.allSatisfy { $0.count == SummaryCSVReport.header.count })
        // Header; for the whole and three phases: three steps and their sum with three times each, and the lag.
        #expect(lines.count == 1 + 4 * (4 * 3 + 1))
        let all = try #require(lines.first { $0[2] == "fault" && $0[3].isEmpty && $0[6] == "response-all" })
        let good = try #require(lines.first { $0[2] == "fault" && $0[3].isEmpty && $0[6] == "response-ok" })
        #expect(try #require(Int(all[7])) == 2_000)
        #expect(try #require(Int(good[7])) < 2_000)
        #expect(try #require(Int(all[10])) > 5 * #require(Int(good[10])))
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

@Suite("the HdrHistogram log")
struct HistogramLogTests {
    @Test("each line holds one second of one tag, and the histograms give every measured request back")
    func content() throws {
        let run = SyntheticRun().record()
        let lines = HistogramLog.render(run).split(separator: "\n")
        #expect(lines[0] == "#[Histogram log format version 1.3]")
        #expect(lines[1] == "#[StartTime: 1772359200.000 (seconds since epoch)]")
        // Readers take time stamps as relative to the base time, so without it they would find nothing after the start.
        #expect(lines[2] == "#[BaseTime: 1772359200.000 (seconds since epoch)]")
        var merged = LatencyHistogram()
        for line in lines where line.hasPrefix("Tag=ok,") {
            let fields = line.split(separator: ",")
            let bytes = try #require(Data(base64Encoded: String(fields[4])))
            // Cookie, length, zlib header, block header; then the histogram, and four bytes of checksum.
            #expect(fields[4].hasPrefix("HISTFAAA"))
            let plain = Data(bytes.dropFirst(8 + 2 + 5).dropLast(4)).base64EncodedString()
            merged.merge(try JSONDecoder().decode([LatencyHistogram].self, from: Data("[\"\(plain)\"]".utf8))[0])
        }
        #expect(merged == run.responseTime(.successes))
    }

    @Test("the zlib stream has the checksum and the blocks of its standard")
    func zlib() {
        #expect(HistogramLog.adler32(Array("Wikipedia".utf8)) == 0x11E6_0398)
        #expect(HistogramLog.zlibStored([]) == [0x78, 0x01, 1, 0, 0, 0xFF, 0xFF, 0, 0, 0, 1])
        let long = [UInt8](repeating: 7, count: 70_000)
        #expect(HistogramLog.zlibStored(long).count == 2 + 5 + 65_535 + 5 + 4_465 + 4)
    }

    @Test("a variant's name can't leave the folder")
    func fileName() {
        var run = SyntheticRun(seconds: 4).record()
        run.variant = "../../etc/pass wd"
        #expect(HistogramLog.fileName(run, index: 2) == "histograms-3-______etc_pass_wd.hlog")
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
            #expect(
                paths
                    == [
                        "report.html", "summary.md", "slices.csv", "summary.csv", "junit.xml",
                        "histograms-1-default.hlog",
                    ].map {
                        folder + "/a/b/" + $0
                    })
            let html = try #require(FileManager.default.contents(atPath: paths[0]))
            #expect(String(decoding: html, as: UTF8.self) == HTMLReport.render(.quickstart))
            let files = try FileManager.default.contentsOfDirectory(atPath: folder + "/a/b")
            #expect(
                files.sorted() == [
                    "histograms-1-default.hlog", "junit.xml", "report.html", "slices.csv", "summary.csv", "summary.md",
                ])
        }
    }

    @Test("histograms of the run that was there before go, and nothing else")
    func staleHistograms() throws {
        try Self.withFolder { folder in
            try ReportWriter.write(.brownout, toDirectory: folder)
            for name in ["histograms-x-mine.hlog", "histograms.hlog", "notes"] {
                try Data().write(to: URL(filePath: folder + "/" + name))
            }
            try ReportWriter.write(.quickstart, toDirectory: folder)
            let files = try FileManager.default.contentsOfDirectory(atPath: folder)
            #expect(
                files.filter { $0.hasPrefix("histograms") || $0 == "notes" }.sorted() == [
                    "histograms-1-default.hlog", "histograms-x-mine.hlog", "histograms.hlog", "notes",
                ])
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
