// SPDX-License-Identifier: Apache-2.0

/// A path to one value in a JSON text: `$.items[0].id`, `$['odd key'][2]`, `$`.
package struct JSONPath: Sendable, Equatable {
    package enum Component: Sendable, Equatable {
        case key(String)
        /// From 0.
        case index(Int)
    }

    /// Why a text is not a path.
    package struct Malformed: Error, Equatable {
        package var message: String
        /// Where, in characters from the start.
        package var offset: Int
    }

    package var components: [Component]

    package init(_ text: String) throws(Malformed) {
        let characters = Array(text)
        guard characters.first == "$" else {
            throw Malformed(message: "a JSON path starts with '$', for example $.items[0].id", offset: 0)
        }
        components = []
        var index = 1
        while index < characters.count {
            let start = index
            switch characters[index] {
            case ".":
                index += 1
                let name = characters[index...].prefix { $0 != "." && $0 != "[" }
                guard !name.isEmpty, !name.contains("*"), !name.contains(" ") else {
                    throw Malformed(
                        message: "a name comes after '.' in a JSON path, without '*' and '..'", offset: start)
                }
                components.append(.key(String(name)))
                index += name.count
            case "[":
                guard let end = characters[index...].firstIndex(of: "]") else {
                    throw Malformed(message: "'[' is never closed with ']'", offset: start)
                }
                let inside = characters[(index + 1)..<end]
                if let quote = inside.first, quote == "'" || quote == "\"", inside.count >= 2, inside.last == quote {
                    components.append(.key(String(inside.dropFirst().dropLast())))
                } else if !inside.isEmpty, inside.allSatisfy({ $0.isASCII && $0.isNumber }),
                    let number = Int(String(inside))
                {
                    components.append(.index(number))
                } else {
                    throw Malformed(
                        message: "an index like [0] or a key like ['name'] stands between brackets", offset: start)
                }
                index = end + 1
            default:
                throw Malformed(message: "'.' or '[' comes next in a JSON path", offset: start)
            }
        }
    }
}
