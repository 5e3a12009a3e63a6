// SPDX-License-Identifier: Apache-2.0

/// Building of HTML and SVG text in which nothing from a record can become markup.
enum Markup {
    /// The text with `&`, `<`, `>` and both quotes as entities, and with control characters, which XML does not allow, as `·`.
    static func escape(_ text: String) -> String {
        var result = ""
        result.reserveCapacity(text.utf8.count)
        for scalar in text.unicodeScalars {
            switch scalar {
            case "&": result += "&amp;"
            case "<": result += "&lt;"
            case ">": result += "&gt;"
            case "\"": result += "&quot;"
            case "'": result += "&#39;"
            case "\n", "\t": result.unicodeScalars.append(scalar)
            default:
                let isForbidden =
                    scalar.properties.generalCategory == .control || scalar.value == 0xFFFE || scalar.value == 0xFFFF
                result.unicodeScalars.append(isForbidden ? "·" : scalar)
            }
        }
        return result
    }

    /// An element whose content is markup already. Attribute values are escaped; names must be literals.
    static func tag(_ name: String, _ attributes: KeyValuePairs<String, String> = [:], _ content: String = "") -> String
    {
        var start = "<" + name
        for (key, value) in attributes { start += " \(key)=\"\(escape(value))\"" }
        return content.isEmpty && selfClosing.contains(name) ? start + "/>" : start + ">" + content + "</\(name)>"
    }

    /// An element whose content is text from anywhere.
    static func text(_ name: String, _ attributes: KeyValuePairs<String, String> = [:], _ content: String) -> String {
        tag(name, attributes, escape(content))
    }

    private static let selfClosing: Set<String> = [
        "path", "rect", "line", "circle", "polyline", "polygon", "use", "br", "hr", "input", "meta",
    ]

    /// A coordinate: at most one decimal, which is finer than a pixel.
    static func coordinate(_ value: Double) -> String {
        guard value.isFinite, abs(value) < 1e7 else { return "0" }
        let tenths = Int((value * 10).rounded())
        let sign = tenths < 0 ? "-" : ""
        let (whole, rest) = tenths.magnitude.quotientAndRemainder(dividingBy: 10)
        return sign + (rest == 0 ? "\(whole)" : "\(whole).\(rest)")
    }
}
