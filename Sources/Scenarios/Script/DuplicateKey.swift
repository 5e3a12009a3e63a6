// SPDX-License-Identifier: Apache-2.0

/// Finds and neutralises the second of two equal keys.
enum DuplicateKey {
    /// A private-use character, which replaces the first one of a key whose entry is to be skipped; columns stay the same.
    private static let mark: Unicode.Scalar = "\u{F8FF}"

    static func isMarked(_ key: String) -> Bool { key.unicodeScalars.first == mark }

    static func marked(_ source: String, at place: ScriptPosition) -> String {
        var scalars = Array(source.unicodeScalars)
        var line = 1
        var index = 0
        while index < scalars.count, line < place.line {
            if scalars[index] == "\n"
                || (scalars[index] == "\r" && !(index + 1 < scalars.count && scalars[index + 1] == "\n"))
            {
                line += 1
            }
            index += 1
        }
        index += place.column - 1
        guard index < scalars.count else { return source }
        // Inside quotes, the character after the quote.
        if scalars[index] == "\"" || scalars[index] == "'", index + 1 < scalars.count { index += 1 }
        scalars[index] = mark
        var result = String.UnicodeScalarView()
        result.append(contentsOf: scalars)
        return String(result)
    }

    static func find(_ key: String, after first: ScriptPosition, in text: ScriptText) -> ScriptPosition? {
        let forms = [key, "\"\(key)\"", "'\(key)'"].map { Array($0.unicodeScalars) }
        func isKey(_ line: [Unicode.Scalar], at index: Int) -> Bool {
            forms.contains { form in
                guard !form.isEmpty, index + form.count <= line.count, Array(line[index..<(index + form.count)]) == form
                else { return false }
                let rest = line[(index + form.count)...].drop { $0 == " " }
                return rest.first == ":"
            }
        }
        guard first.line >= 1, first.line <= text.lineCount else { return nil }
        for number in first.line...text.lineCount {
            let line = Array((text.line(number) ?? "").unicodeScalars)
            if number == first.line {
                // A mapping in braces on one line.
                for index in min(first.column, line.count)..<line.count where isKey(line, at: index) {
                    let before = line[index - 1]
                    if before == " " || before == "," || before == "{" {
                        return ScriptPosition(line: number, column: index + 1)
                    }
                }
            } else if isKey(line, at: first.column - 1),
                line.prefix(first.column - 1).allSatisfy({ $0 == " " || $0 == "-" })
            {
                return ScriptPosition(line: number, column: first.column)
            }
        }
        return nil
    }
}
