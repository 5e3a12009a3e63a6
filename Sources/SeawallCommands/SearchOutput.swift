// SPDX-License-Identifier: Apache-2.0

internal import Foundation
internal import Measurement
internal import Reports

/// What `seawall search --json` prints.
struct SearchOutput: Encodable {
    struct Level: Encodable {
        var ratePerSecond: Double
        var met: Int
        var missed: Int
        var invalid: Int
        /// Of each valid repetition, in the order in which they were made.
        var p50Milliseconds: [Double]
        var p99Milliseconds: [Double]
        var goodputPerSecond: [Double]
    }

    var answer: SearchAnswer
    /// The answer in a sentence.
    var summary: String
    var goals: [String]
    /// In ascending order of rates.
    var levels: [Level]
    var notes: [String]
    /// Folder of the record and the report.
    var results: String

    init(_ record: SearchRecord, folder: String) {
        let search = SearchSummary(record)
        answer = record.answer
        summary = search.headline
        goals = record.goals.map(\.expression)
        notes = record.notes
        results = folder
        levels = search.levels.map { level in
            func milliseconds(_ percent: Double) -> [Double] {
                level.runs.compactMap { $0.responseTime.percentile(percent) }.map { Double($0) / 1e6 }
            }
            return Level(
                ratePerSecond: level.ratePerSecond, met: level.met, missed: level.missed, invalid: level.invalid,
                p50Milliseconds: milliseconds(50), p99Milliseconds: milliseconds(99),
                goodputPerSecond: level.runs.compactMap(\.goodputPerSecond))
        }
    }

    func json() throws -> String {
        let encoder = JSONEncoder()
        encoder.outputFormatting = [.prettyPrinted, .sortedKeys, .withoutEscapingSlashes]
        return String(decoding: try encoder.encode(self), as: UTF8.self)
    }
}
