// SPDX-License-Identifier: Apache-2.0

/// The text of a script, cut into lines for messages.
struct ScriptText: Sendable {
    /// The text without a byte order mark.
    let text: String
    private let lines: [Substring]

    init(_ text: String) {
        // YAML ends a line at LF, CR or CR LF; Swift sees the last as one character.
        self.text = text
        lines = text.split(omittingEmptySubsequences: false) { $0 == "\n" || $0 == "\r" || $0 == "\r\n" }
    }

    /// The text of a file's bytes, or where they stop being UTF-8.
    init(bytes: [UInt8]) throws(ScenarioFault) {
        let content = bytes.starts(with: [0xEF, 0xBB, 0xBF]) ? bytes.dropFirst(3) : bytes[...]
        guard let text = String(validating: content, as: UTF8.self) else {
            throw Self.encodingFault(Array(content))
        }
        self.init(text)
    }

    /// The position after this many bytes of valid text.
    private static func encodingFault(_ bytes: [UInt8]) -> ScenarioFault {
        var decoder = Unicode.UTF8.ForwardParser()
        var iterator = bytes.makeIterator()
        var position = ScriptPosition(line: 1, column: 1)
        scan: while true {
            switch decoder.parseScalar(from: &iterator) {
            case .valid(let scalar):
                position.column += 1
                if scalar.first == UInt8(ascii: "\n") { position = ScriptPosition(line: position.line + 1, column: 1) }
            case .emptyInput, .error:
                break scan
            }
        }
        return ScenarioFault(
            position: position, message: "this is not UTF-8 text; save the script in the encoding UTF-8")
    }

    /// Number of lines.
    var lineCount: Int { lines.count }

    /// A line without its end, from 1; nil outside the text.
    func line(_ number: Int) -> Substring? {
        number >= 1 && number <= lines.count ? lines[number - 1] : nil
    }

    /// The line of a position, indented, and a caret under the column. Long lines are cut around the column.
    func excerpt(at position: ScriptPosition) -> String? {
        guard let line = line(position.line) else { return nil }
        let width = 110
        let scalars = Array(line.unicodeScalars)
        let column = min(max(position.column - 1, 0), scalars.count)
        let start = scalars.count <= width ? 0 : max(0, min(column - width / 2, scalars.count - width))
        let end = min(scalars.count, start + width)
        var shown = String.UnicodeScalarView()
        // A tab or a control character would move the caret, or the terminal.
        for scalar in scalars[start..<end] { shown.append(Self.isPrintable(scalar) ? scalar : " ") }
        let lead = start > 0 ? "  …" : "    "
        let cut = end < scalars.count ? "…" : ""
        return lead + String(shown) + cut + "\n" + String(repeating: " ", count: lead.count + column - start) + "^"
    }

    private static func isPrintable(_ scalar: Unicode.Scalar) -> Bool {
        scalar.value >= 0x20 && !(0x7F...0x9F).contains(scalar.value) && scalar.value != 0x2028
            && scalar.value != 0x2029
    }
}

/// The ways in which a text names what the user wrote, short and harmless.
extension String {
    /// In quotes, without control characters and cut after 60 characters.
    var quoted: String {
        var shown = String.UnicodeScalarView()
        for scalar in unicodeScalars.prefix(61) {
            shown.append(scalar.value < 0x20 || (0x7F...0x9F).contains(scalar.value) ? " " : scalar)
        }
        let long = shown.count > 60
        if long { shown.removeLast() }
        return "'" + String(shown) + (long ? "…" : "") + "'"
    }
}
