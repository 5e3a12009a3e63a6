// SPDX-License-Identifier: Apache-2.0

internal import FoundationEssentials
package import Measurement

/// Writes the reports of a record into its result folder, beside `run.json`.
package enum ReportWriter {
    /// The files that are written: name and content.
    private static let files: [(name: String, render: @Sendable (ExperimentRecord) -> String)] = [
        ("report.html", HTMLReport.render), ("summary.md", MarkdownReport.render), ("slices.csv", CSVReport.render),
        ("summary.csv", SummaryCSVReport.render), ("junit.xml", JUnitReport.render),
    ]

    /// Writes `report.html`, `summary.md`, `slices.csv`, `summary.csv`, `junit.xml` and a `histograms-….hlog` per run into `directory`,
    /// which is made when it does not exist.
    ///
    /// Histograms that another run left in the folder go: its record was replaced, so that nothing says what they are.
    ///
    /// Each file appears whole or not at all. Stops at the first that can't be written (a full disk, a folder without
    /// permission), with one line that says which, why and what to do.
    ///
    /// - Returns: the paths of the files, the HTML report first.
    @discardableResult
    package static func write(_ record: ExperimentRecord, toDirectory directory: String) throws(RunFileError)
        -> [String]
    {
        var paths: [String] = []
        for file in files {
            paths.append(try RunFile.write(text: file.render(record), named: file.name, toDirectory: directory))
        }
        for (index, run) in record.runs.enumerated() {
            let name = HistogramLog.fileName(run, index: index)
            paths.append(try RunFile.write(text: HistogramLog.render(run), named: name, toDirectory: directory))
        }
        let names = record.runs.enumerated().map { HistogramLog.fileName($1, index: $0) }
        for name in (try? FileManager.default.contentsOfDirectory(atPath: directory)) ?? []
        where HistogramLog.isFileName(name) && !names.contains(name) {
            try? FileManager.default.removeItem(atPath: "\(directory)/\(name)")
        }
        return paths
    }

    /// Writes the `report.html` of a search into `directory`; returns its path.
    package static func write(_ record: SearchRecord, toDirectory directory: String) throws(RunFileError) -> [String] {
        [try RunFile.write(text: SearchHTMLReport.render(record), named: "report.html", toDirectory: directory)]
    }
}
