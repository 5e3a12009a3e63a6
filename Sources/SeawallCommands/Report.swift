// SPDX-License-Identifier: Apache-2.0

package import ArgumentParser
internal import Foundation
internal import Measurement
internal import Reports

/// `seawall report`: draws the reports of a run again from its record.
package struct Report: ParsableCommand {
    package static let configuration = CommandConfiguration(
        commandName: "report",
        abstract: "Draw the reports of an earlier run or search again.",
        discussion: """
            Prints the tables and writes report.html, summary.md, slices.csv, summary.csv, junit.xml and the histograms beside \
            run.json, or into another folder with --out; of a search, report.html.
            """)

    @Argument(help: "Results folder, or its run.json or search.json.", completion: .file())
    var path: String

    @Option(help: "Folder for the files; the record's own without it.", completion: .directory)
    var out: String?

    package init() {}

    package func run() throws {
        do {
            if RunFile.holdsSearch(path) {
                let record = try RunFile.readSearch(path)
                print(SearchTerminalReport.render(record, style: .standardOutput))
                for file in try ReportWriter.write(record, toDirectory: folder) { Console.note("wrote \(file)") }
                return
            }
            let record = try RunFile.read(path)
            print(TerminalReport.render(record, style: .standardOutput))
            for file in try ReportWriter.write(record, toDirectory: folder) { Console.note("wrote \(file)") }
        } catch {
            throw CommandFailure(.system, error.message)
        }
    }

    private var folder: String {
        if let out { return out }
        return path.hasSuffix(".json") ? URL(fileURLWithPath: path).deletingLastPathComponent().path : path
    }
}
