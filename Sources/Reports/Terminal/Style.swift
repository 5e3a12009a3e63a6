// SPDX-License-Identifier: Apache-2.0

/// How text looks on the terminal it is written to: with colours or without, and how wide.
package struct Style: Sendable, Equatable {
    /// Meaning of a piece of text; the style decides what it looks like.
    package enum Tone: Sendable {
        case plain, dim, strong, good, warning, bad, accent
    }

    /// Whether escape sequences may be written.
    package var usesColor: Bool
    /// Columns of the terminal; tables keep to it. At least 40.
    package var width: Int

    package init(usesColor: Bool = false, width: Int = 100) {
        self.usesColor = usesColor
        self.width = Swift.max(40, width)
    }

    /// No colours, 100 columns: for files and tests.
    package static let plain = Style()

    /// The style for a stream.
    ///
    /// Colours need a terminal that is not `TERM=dumb` and no `NO_COLOR` (any non-empty value, as no-color.org asks).
    /// The width is that of the terminal where it is known, otherwise `COLUMNS`, otherwise 100.
    ///
    /// - Parameters:
    ///   - isTerminal: what `isatty` says about the stream.
    ///   - columns: what the terminal says about its width (`TIOCGWINSZ`), or nil.
    ///   - environment: the environment variables of the process.
    package static func detect(isTerminal: Bool, columns: Int? = nil, environment: [String: String]) -> Style {
        let refusesColor = !(environment["NO_COLOR"] ?? "").isEmpty || environment["TERM"] == "dumb"
        let known = columns.flatMap { $0 > 0 ? $0 : nil } ?? environment["COLUMNS"].flatMap { Int($0) }
        return Style(usesColor: isTerminal && !refusesColor, width: Swift.min(known ?? 100, 160))
    }

    /// The text in its tone. Pads and cuts must be done before: escape sequences have no width.
    package func paint(_ text: String, _ tone: Tone) -> String {
        guard usesColor, !text.isEmpty else { return text }
        let code =
            switch tone {
            case .plain: ""
            case .dim: "2"
            case .strong: "1"
            case .good: "32"
            case .warning: "33"
            case .bad: "1;31"
            case .accent: "36"
            }
        return code.isEmpty ? text : "\u{1B}[\(code)m\(text)\u{1B}[0m"
    }
}
