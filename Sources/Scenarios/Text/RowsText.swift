// SPDX-License-Identifier: Apache-2.0

internal import Foundation
internal import Resilience

/// Reads tables: CSV (RFC 4180, with a head of column names) and JSON lines (an object of scalars on each line).
enum RowsText {
    static let maximumRows = 1_000_000

    struct Table {
        var columns: [String]
        var rows: [[String]]
    }

    /// Why a file is not a table.
    struct Malformed: Error {
        /// From 1.
        var line: Int
        var message: String
    }

    // MARK: CSV

    static func csv(_ bytes: [UInt8]) throws(Malformed) -> Table {
        var table: Table?
        var record: [String] = []
        var field: [UInt8] = []
        var (line, recordLine) = (1, 1)
        var isQuoted = false
        var wasQuoted = false
        var index = bytes.starts(with: [0xef, 0xbb, 0xbf]) ? 3 : 0

        func endField() {
            record.append(String(decoding: field, as: UTF8.self))
            field = []
            wasQuoted = false
        }
        func endRecord() throws(Malformed) {
            let isEmptyLine = record.isEmpty && field.isEmpty && !wasQuoted
            endField()
            if !isEmptyLine { try add(record, at: recordLine, to: &table) }
            record = []
        }
        while index < bytes.count {
            let byte = bytes[index]
            index += 1
            if isQuoted {
                if byte == UInt8(ascii: "\"") {
                    if index < bytes.count, bytes[index] == byte {
                        field.append(byte)
                        index += 1
                    } else {
                        isQuoted = false
                    }
                } else {
                    if byte == 0x0a { line += 1 }
                    field.append(byte)
                }
                continue
            }
            switch byte {
            case UInt8(ascii: "\"") where field.isEmpty && !wasQuoted:
                isQuoted = true
                wasQuoted = true
            case UInt8(ascii: "\""):
                throw Malformed(
                    line: line,
                    message: "a quote stands inside of a field; put the field in quotes and double the quote")
            case UInt8(ascii: ","): endField()
            case 0x0d where index < bytes.count && bytes[index] == 0x0a: break
            case 0x0a:
                try endRecord()
                line += 1
                recordLine = line
            default:
                if wasQuoted { throw Malformed(line: line, message: "text follows the closing quote of a field") }
                field.append(byte)
            }
        }
        if isQuoted { throw Malformed(line: recordLine, message: "a quote is opened and never closed") }
        try endRecord()
        guard let table else {
            throw Malformed(line: 1, message: "the file is empty; its first line names the columns")
        }
        guard !table.rows.isEmpty else {
            throw Malformed(line: 2, message: "there are no rows below the names of the columns")
        }
        return table
    }

    private static func add(_ record: [String], at line: Int, to table: inout Table?) throws(Malformed) {
        guard let columns = table?.columns else {
            table = Table(columns: try columnNames(record, at: line), rows: [])
            return
        }
        guard record.count == columns.count else {
            throw Malformed(
                line: line, message: "\(record.count) fields, where the first line names \(columns.count) columns")
        }
        guard (table?.rows.count ?? 0) < maximumRows else {
            throw Malformed(line: line, message: "there are more than \(maximumRows) rows")
        }
        table?.rows.append(record)
    }

    private static func columnNames(_ names: [String], at line: Int) throws(Malformed) -> [String] {
        for (index, name) in names.enumerated() {
            guard TextTemplate.isIdentifier(name) else {
                throw Malformed(
                    line: line,
                    message: "\(name.quoted) can't name a column: letters, digits, '_' and '-', first a letter or '_'")
            }
            if names[..<index].contains(name) {
                throw Malformed(line: line, message: "two columns are named \(name.quoted)")
            }
        }
        return names
    }

    // MARK: JSON lines

    static func jsonLines(_ bytes: [UInt8]) throws(Malformed) -> Table {
        var table: Table?
        for (number, line) in bytes.split(separator: 0x0a, omittingEmptySubsequences: false).enumerated() {
            if line.allSatisfy({ $0 == 0x20 || $0 == 0x09 || $0 == 0x0d }) { continue }
            guard let parsed = try? JSONSerialization.jsonObject(with: Data(line)),
                let object = parsed as? [String: Any]
            else {
                throw Malformed(line: number + 1, message: "this is not a JSON object on one line")
            }
            if table == nil { table = Table(columns: try columnNames(object.keys.sorted(), at: number + 1), rows: []) }
            let columns = table?.columns ?? []
            if let unknown = object.keys.sorted().first(where: { !columns.contains($0) }) {
                throw Malformed(line: number + 1, message: "the key \(unknown.quoted) is not in the first object")
            }
            var row: [String] = []
            for column in columns {
                guard let value = object[column] else {
                    throw Malformed(
                        line: number + 1, message: "the key \(column.quoted) of the first object is missing")
                }
                guard let text = text(of: value) else {
                    throw Malformed(
                        line: number + 1,
                        message: "the value of \(column.quoted) is not a text, a number, true, false or null")
                }
                row.append(text)
            }
            guard (table?.rows.count ?? 0) < maximumRows else {
                throw Malformed(line: number + 1, message: "there are more than \(maximumRows) rows")
            }
            table?.rows.append(row)
        }
        guard let table else { throw Malformed(line: 1, message: "the file is empty; each line is a JSON object") }
        return table
    }

    private static func text(of value: Any) -> String? {
        if value is NSNull { return "" }
        if let text = value as? String { return text }
        guard let number = value as? NSNumber else { return nil }
        // Foundation keeps booleans as signed characters, and JSON has no numbers of that type.
        if String(cString: number.objCType) == "c" { return number.boolValue ? "true" : "false" }
        return number.stringValue
    }
}
