// SPDX-License-Identifier: Apache-2.0

/// A value of a script with the place where it stands.
struct ScriptNode {
    enum Value {
        case null
        /// A scalar; `plain` when it was written without quotes, so that it may stand for a number or a word.
        case scalar(String, plain: Bool)
        case list([ScriptNode])
        case map([Entry])
    }

    struct Entry {
        var key: String
        var keyPosition: ScriptPosition
        var value: ScriptNode
    }

    var value: Value
    var position: ScriptPosition

    var isNull: Bool { if case .null = value { true } else { false } }

    /// A scalar's text.
    var text: String? { if case .scalar(let text, _) = value { text } else { nil } }

    var entries: [Entry]? { if case .map(let entries) = value { entries } else { nil } }

    var items: [ScriptNode]? { if case .list(let items) = value { items } else { nil } }

    /// The place of the character at an offset in a scalar's text, exact for scalars on one line without escapes.
    func position(ofScalar offset: Int) -> ScriptPosition {
        guard case .scalar(_, let plain) = value else { return position }
        return ScriptPosition(line: position.line, column: position.column + offset + (plain ? 0 : 1))
    }

    /// What the value is, for "expected …, got …".
    var kind: String {
        switch value {
        case .null: "nothing"
        case .scalar(let text, _): text.quoted
        case .list(let items): items.isEmpty ? "an empty list" : "a list"
        case .map(let entries): entries.isEmpty ? "an empty mapping" : "a mapping"
        }
    }

    /// The JSON-like meaning of a plain scalar (YAML 1.2 core schema: `true`, `false` and numbers; not `yes` and `on`).
    enum Meaning { case null, bool(Bool), integer(Int), number(Double), text(String) }

    static func meaning(_ text: String, plain: Bool) -> Meaning {
        guard plain else { return .text(text) }
        switch text {
        case "", "~", "null": return .null
        case "true": return .bool(true)
        case "false": return .bool(false)
        default:
            if let integer = Int(text) { return .integer(integer) }
            // Double also reads "nan", "inf" and hexadecimals, which are words here.
            if text.utf8.allSatisfy({ "0123456789+-.eE".utf8.contains($0) }), let number = Double(text), number.isFinite
            {
                return .number(number)
            }
            return .text(text)
        }
    }
}
