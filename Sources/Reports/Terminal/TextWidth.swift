// SPDX-License-Identifier: Apache-2.0

/// Columns that text takes on a terminal, and text cut or padded to columns.
enum TextWidth {
    /// Number of terminal columns: combining marks take none, East Asian wide characters and emoji take two.
    static func of(_ text: String) -> Int {
        text.reduce(0) { $0 + columns(of: $1) }
    }

    private static func columns(of character: Character) -> Int {
        guard let first = character.unicodeScalars.first else { return 0 }
        if first.isASCII { return 1 }
        switch first.properties.generalCategory {
        case .nonspacingMark, .enclosingMark, .format: return 0
        default: break
        }
        // An emoji shows as a picture by itself or when the variation selector 16 asks for it.
        if first.properties.isEmojiPresentation || character.unicodeScalars.contains("\u{FE0F}") { return 2 }
        return isWide(first.value) ? 2 : 1
    }

    /// The blocks of Unicode's East Asian Width "W" and "F" that hold letters (UAX #11).
    private static func isWide(_ scalar: UInt32) -> Bool {
        switch scalar {
        case 0x1100...0x115F, 0x2E80...0x303E, 0x3041...0x33FF, 0x3400...0x4DBF, 0x4E00...0x9FFF, 0xA000...0xA4CF,
            0xA960...0xA97F, 0xAC00...0xD7A3, 0xF900...0xFAFF, 0xFE30...0xFE6F, 0xFF00...0xFF60, 0xFFE0...0xFFE6,
            0x20000...0x3FFFD:
            true
        default: false
        }
    }

    /// One line that is safe to print: control characters, which could move the cursor or colour the rest, become `·`.
    static func printable(_ text: String) -> String {
        var result = String.UnicodeScalarView()
        for scalar in text.unicodeScalars {
            switch scalar.properties.generalCategory {
            case .control, .lineSeparator, .paragraphSeparator: result.append("·")
            // Bidirectional overrides could show a line in another order than it is; joiners are part of emoji.
            case .format where scalar != "\u{200D}": continue
            default: result.append(scalar)
            }
        }
        return String(result)
    }

    /// The text in at most `width` columns; what is cut off is replaced by `…`.
    static func cut(_ text: String, to width: Int) -> String {
        if of(text) <= width { return text }
        var result = ""
        var used = 0
        for character in text {
            let next = columns(of: character)
            if used + next > width - 1 { break }
            result.append(character)
            used += next
        }
        return width > 0 ? result + "…" : ""
    }

    /// The text filled with spaces to `width` columns, on the right or on the left.
    static func pad(_ text: String, to width: Int, right: Bool = false) -> String {
        let fill = String(repeating: " ", count: Swift.max(0, width - of(text)))
        return right ? fill + text : text + fill
    }

    /// The text broken at spaces into lines of at most `width` columns; a longer word is cut into pieces.
    static func wrap(_ text: String, to width: Int) -> [String] {
        var lines: [String] = []
        var line = ""
        for word in text.split(separator: " ").map(String.init) {
            if !line.isEmpty, of(line) + 1 + of(word) > width {
                lines.append(line)
                line = ""
            }
            line += line.isEmpty ? word : " " + word
            while of(line) > width {
                var piece = ""
                while let character = line.first, of(piece) + columns(of: character) <= width || piece.isEmpty {
                    piece.append(line.removeFirst())
                }
                lines.append(piece)
            }
        }
        if !line.isEmpty { lines.append(line) }
        return lines
    }
}
