// SPDX-License-Identifier: Apache-2.0

/// Which requests a fault inside a service concerns: `*`, `GET /v1/posts/*`, `/v1/posts/{id}/comments`.
///
/// An optional method, then a path. Without a method (or with `*`) every method matches. In the path, a segment `*`, `{name}`
/// or `:name` matches any one segment, and a last segment `**` matches any number of them. The query takes no part.
package struct RoutePattern: Sendable, Equatable, CustomStringConvertible {
    /// As written.
    package let description: String
    private let method: String?
    private let segments: [Segment]

    private enum Segment: Sendable, Equatable {
        case literal(String)
        case any
        case rest
    }

    /// Matches every request.
    package static let all = RoutePattern(description: "*", method: nil, segments: [.rest])

    private init(description: String, method: String?, segments: [Segment]) {
        self.description = description
        self.method = method
        self.segments = segments
    }

    /// Reads a pattern; nil when it is not `*` or an optional method in capitals and a path that starts with `/`.
    package init?(_ text: String) {
        if text == "*" {
            self = .all
            return
        }
        var method: String?
        var path = Substring(text)
        if !path.hasPrefix("/") {
            guard let space = path.firstIndex(of: " ") else { return nil }
            let word = path[..<space]
            guard !word.isEmpty, word == "*" || word.utf8.allSatisfy({ (65...90).contains($0) }) else { return nil }
            method = word == "*" ? nil : String(word)
            path = path[space...].drop { $0 == " " }
        }
        guard path.hasPrefix("/"), !path.contains(where: { $0 == " " || $0 == "?" || $0 == "#" }) else { return nil }
        let parts = path.split(separator: "/")
        var segments: [Segment] = []
        for (index, part) in parts.enumerated() {
            switch part {
            case "**":
                guard index == parts.count - 1 else { return nil }
                segments.append(.rest)
            case "*": segments.append(.any)
            case _ where part.hasPrefix("{") && part.hasSuffix("}"), _ where part.hasPrefix(":"): segments.append(.any)
            default: segments.append(.literal(String(part)))
            }
        }
        self.init(description: text, method: method, segments: segments)
    }

    /// Whether a request with this method and this path (a query is cut off) is concerned.
    package func matches(method: String, path: String) -> Bool {
        if let expected = self.method, expected != method { return false }
        let parts = path.prefix { $0 != "?" }.split(separator: "/")
        for (index, segment) in segments.enumerated() {
            if segment == .rest { return true }
            guard index < parts.count else { return false }
            if case .literal(let text) = segment, text != parts[index] { return false }
        }
        return parts.count == segments.count
    }
}

extension RoutePattern: Codable {
    package init(from decoder: any Decoder) throws {
        let text = try decoder.singleValueContainer().decode(String.self)
        guard let pattern = RoutePattern(text) else {
            throw DecodingError.dataCorrupted(
                .init(
                    codingPath: decoder.codingPath,
                    debugDescription: "'\(text)' is not a route; write *, /path or METHOD /path, with * for one segment"
                ))
        }
        self = pattern
    }

    package func encode(to encoder: any Encoder) throws {
        var container = encoder.singleValueContainer()
        try container.encode(description)
    }
}
