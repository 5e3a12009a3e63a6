// SPDX-License-Identifier: Apache-2.0

/// Writes the JSON of a script's value: plain scalars by their meaning, quoted ones as strings, keys in the script's order.
enum JSONText {
    static func of(_ node: ScriptNode) -> String {
        switch node.value {
        case .null:
            return "null"
        case .scalar(let text, let plain):
            switch ScriptNode.meaning(text, plain: plain) {
            case .null: return "null"
            case .bool(let value): return value ? "true" : "false"
            case .integer(let value): return String(value)
            case .number(let value): return String(value)
            case .text(let value): return string(value)
            }
        case .list(let items):
            return "[" + items.map(of).joined(separator: ",") + "]"
        case .map(let entries):
            return "{" + entries.map { string($0.key) + ":" + of($0.value) }.joined(separator: ",") + "}"
        }
    }

    /// A JSON string (RFC 8259, section 7).
    static func string(_ text: String) -> String {
        var result = "\""
        for scalar in text.unicodeScalars {
            switch scalar {
            case "\"": result += "\\\""
            case "\\": result += "\\\\"
            case "\n": result += "\\n"
            case "\r": result += "\\r"
            case "\t": result += "\\t"
            case _ where scalar.value < 0x20:
                let hex = String(scalar.value, radix: 16)
                result += "\\u" + String(repeating: "0", count: 4 - hex.count) + hex
            default: result.unicodeScalars.append(scalar)
            }
        }
        return result + "\""
    }
}
