// SPDX-License-Identifier: Apache-2.0

internal import Resilience

/// Text with holes: `/v1/posts/${post}/comments`.
///
/// A hole is the name of a variable or one of `user.COLUMN`, `FEEDER.COLUMN`, `random.TABLE.COLUMN`, `uuid`, `counter`, `now`,
/// `now(iso)`, `random(LOW,HIGH)`, `text(LENGTH)` and `base64(TEXT)`, whose text may have holes itself. A literal `${` is written
/// `$${`.
package struct TextTemplate: Sendable, Equatable {
    package enum Segment: Sendable, Equatable {
        case literal(String)
        /// A captured variable.
        case variable(String)
        /// A column of the session's user.
        case user(column: String)
        /// A column of a row that is drawn anew from a table.
        case random(table: String, column: String)
        case uuid
        /// A column of the session's row from a feeder.
        case feeder(name: String, column: String)
        /// A number that comes once in a run.
        case counter
        case now(TimeFormat)
        indirect case base64(TextTemplate)
        case randomInteger(ClosedRange<Int>)
        /// Words of about this number of characters.
        case randomText(length: Int)
    }

    package enum TimeFormat: String, Sendable, CaseIterable {
        /// Unix time in milliseconds.
        case milliseconds = "ms"
        /// Unix time in seconds.
        case unix
        /// ISO 8601 in UTC.
        case iso
    }

    /// Why a text is not a template.
    package struct Malformed: Error, Equatable {
        package var message: String
        /// Where, in Unicode scalars from the start of the text.
        package var offset: Int
    }

    /// Names that a variable can't have.
    package static let reservedNames = ["user", "random", "uuid", "counter", "now", "text", "base64"]

    package private(set) var segments: [Segment] = []
    /// For each segment, where it starts in the text, in Unicode scalars.
    private(set) var offsets: [Int] = []

    /// Reads a template.
    ///
    /// Only its syntax is checked here; which variables, tables and columns there are is known where a script is read.
    package init(_ text: String) throws(Malformed) {
        let scalars = Array(text.unicodeScalars)
        var literal = String.UnicodeScalarView()
        var literalStart = 0
        var index = 0
        func starts(_ index: Int, _ pattern: String) -> Bool {
            let wanted = Array(pattern.unicodeScalars)
            return index + wanted.count <= scalars.count && Array(scalars[index..<(index + wanted.count)]) == wanted
        }
        while index < scalars.count {
            if starts(index, "$${") {
                literal.append(contentsOf: "${".unicodeScalars)
                index += 3
            } else if starts(index, "${") {
                guard let end = Self.end(of: scalars, from: index) else {
                    throw Malformed(message: "'${' is never closed with '}'", offset: index)
                }
                if !literal.isEmpty { append(.literal(String(literal)), at: literalStart) }
                var inside = String.UnicodeScalarView()
                inside.append(contentsOf: scalars[(index + 2)..<end])
                do {
                    append(try Self.hole(String(inside)), at: index)
                } catch {
                    throw Malformed(message: error.message, offset: index + error.offset)
                }
                index = end + 1
                literal = String.UnicodeScalarView()
                literalStart = index
            } else {
                literal.append(scalars[index])
                index += 1
            }
        }
        if !literal.isEmpty { append(.literal(String(literal)), at: literalStart) }
    }

    private mutating func append(_ segment: Segment, at offset: Int) {
        segments.append(segment)
        offsets.append(offset)
    }

    private struct WrongHole: Error {
        var message: String
        /// From the hole's '$'.
        var offset = 0
    }

    /// The '}' that closes the hole at an index; holes may lie in `base64(…)`.
    private static func end(of scalars: [Unicode.Scalar], from start: Int) -> Int? {
        var depth = 0
        var index = start
        while index < scalars.count {
            if scalars[index] == "$", index + 1 < scalars.count, scalars[index + 1] == "{" {
                depth += 1
                index += 1
            } else if scalars[index] == "}" {
                depth -= 1
                if depth == 0 { return index }
            }
            index += 1
        }
        return nil
    }

    private static func hole(_ text: String) throws(WrongHole) -> Segment {
        switch text {
        case "": throw WrongHole(message: "'${}' is empty; write a variable's name")
        case "uuid": return .uuid
        case "counter": return .counter
        case "now": return .now(.milliseconds)
        default: break
        }
        if let open = text.firstIndex(of: "(") { return try call(text, name: text[..<open], from: open) }
        let parts = text.split(separator: ".", omittingEmptySubsequences: false).map(String.init)
        guard parts.allSatisfy(isIdentifier) else {
            throw WrongHole(
                message: "\(("${" + text + "}").quoted) is not a variable; write for example ${post} or ${user.id}")
        }
        switch (parts[0], parts.count) {
        case ("user", 2): return .user(column: parts[1])
        case ("user", _): throw WrongHole(message: "write ${user.id} or another column of the session's user")
        case ("random", 3): return .random(table: parts[1], column: parts[2])
        case ("random", _): throw WrongHole(message: "write ${random.users.id} or ${random(1,10)}")
        case ("text", _): throw WrongHole(message: "write ${text(140)} for about 140 characters")
        case (_, 1): return .variable(parts[0])
        case (_, 2): return .feeder(name: parts[0], column: parts[1])
        default:
            throw WrongHole(
                message: "\(parts[0].quoted) has no parts of parts; only 'random' has, as in ${random.users.id}")
        }
    }

    private static func call(_ text: String, name: Substring, from open: String.Index) throws(WrongHole) -> Segment {
        guard text.hasSuffix(")") else { throw WrongHole(message: "')' is missing in \(("${" + text + "}").quoted)") }
        let inside = text[text.index(after: open)...].dropLast()
        if name == "base64" {
            do {
                return .base64(try TextTemplate(String(inside)))
            } catch {
                throw WrongHole(message: error.message, offset: 2 + "base64(".unicodeScalars.count + error.offset)
            }
        }
        if name == "now" {
            let formats = TimeFormat.allCases.map(\.rawValue)
            guard let format = TimeFormat(rawValue: inside.filter { $0 != " " }) else {
                throw WrongHole(
                    message:
                        "\(String(inside).quoted) is not a format of 'now'\(NearestName.advice(for: String(inside), among: formats))"
                )
            }
            return .now(format)
        }
        let arguments = inside.split(separator: ",", omittingEmptySubsequences: false).map {
            Int($0.filter { $0 != " " })
        }
        switch name {
        case "random":
            guard arguments.count == 2, let low = arguments[0], let high = arguments[1], low <= high else {
                throw WrongHole(message: "write ${random(LOW,HIGH)} with two whole numbers, the lower one first")
            }
            return .randomInteger(low...high)
        case "text":
            guard arguments.count == 1, let length = arguments[0], (1...100_000).contains(length) else {
                throw WrongHole(message: "write ${text(LENGTH)} with a length between 1 and 100000")
            }
            return .randomText(length: length)
        default:
            throw WrongHole(
                message:
                    "\(String(name).quoted) is not a function\(NearestName.advice(for: String(name), among: ["random", "text", "now", "base64"]))"
            )
        }
    }

    /// Letters, digits, `_` and `-`, not starting with a digit or `-`.
    static func isIdentifier(_ text: String) -> Bool {
        guard let first = text.utf8.first, first == 95 || isLetter(first), text.utf8.count <= 64 else { return false }
        return text.utf8.allSatisfy { isLetter($0) || (48...57).contains($0) || $0 == 95 || $0 == 45 }
    }

    private static func isLetter(_ byte: UInt8) -> Bool { (65...90).contains(byte) || (97...122).contains(byte) }
}
