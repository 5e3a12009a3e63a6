// SPDX-License-Identifier: Apache-2.0

internal import FaultInjection

/// The words of a threshold, taken from left to right: words, comparisons and quoted texts.
///
/// Spaces around a comparison may be left out, as in `p(99)<400ms`.
struct ThresholdTokens {
    struct Token {
        var text: String
        /// In Unicode scalars from the start of the threshold.
        var offset: Int
        var isQuoted = false

        func fault(_ message: String) -> ThresholdText.Malformed { .init(message: message, offset: offset) }

        func duration() throws(ThresholdText.Malformed) -> Duration {
            do {
                return try DurationText.parse(text)
            } catch {
                throw fault("\(text.quoted) is not a duration: \(error)")
            }
        }
    }

    private var tokens: ArraySlice<Token>
    private let end: Int

    init(_ text: String) {
        var scanner = Scanner()
        for (offset, scalar) in text.unicodeScalars.enumerated() { scanner.take(scalar, at: offset) }
        scanner.finish()
        tokens = scanner.tokens[...]
        end = text.unicodeScalars.count
    }

    /// The next token, which stays.
    var first: Token? { tokens.first }

    mutating func next() -> Token? { tokens.popFirst() }

    /// The fault of a text that ends too early.
    func ends(where expected: String) -> ThresholdText.Malformed {
        .init(message: "the threshold ends where \(expected) should stand", offset: end)
    }

    /// Takes this text when it stands here, as words or as one in quotes.
    mutating func take(words: String) -> Bool {
        guard let first = tokens.first else { return false }
        if first.isQuoted {
            guard first.text == words else { return false }
            tokens = tokens.dropFirst()
            return true
        }
        let parts = words.split(separator: " ").map(String.init)
        guard !parts.isEmpty, tokens.prefix(parts.count).map(\.text) == parts else { return false }
        tokens = tokens.dropFirst(parts.count)
        return true
    }

    /// Takes a method and a path, or a text in quotes: what looks like the label of a step.
    mutating func takeRequestLine() -> String? {
        guard let first = tokens.first else { return nil }
        if first.isQuoted {
            tokens = tokens.dropFirst()
            return first.text
        }
        guard let path = tokens.dropFirst().first, path.text.hasPrefix("/"),
            first.text.unicodeScalars.allSatisfy({ ("A"..."Z").contains($0) })
        else { return nil }
        tokens = tokens.dropFirst(2)
        return "\(first.text) \(path.text)"
    }

    private struct Scanner {
        private enum Kind { case space, comparison, word }

        var tokens: [Token] = []
        private var current = Token(text: "", offset: 0)
        private var kind = Kind.space
        private var quote: Unicode.Scalar?

        mutating func take(_ scalar: Unicode.Scalar, at offset: Int) {
            if let open = quote {
                if scalar == open { finish() } else { current.text.unicodeScalars.append(scalar) }
                return
            }
            let isQuote = scalar == "\"" || scalar == "'"
            let next: Kind =
                scalar.properties.isWhitespace
                ? .space : "<>=!".unicodeScalars.contains(scalar) ? .comparison : .word
            if next != kind || isQuote {
                finish()
                current.offset = offset
                kind = next
            }
            if isQuote, current.text.isEmpty {
                quote = scalar
                current.isQuoted = true
            } else if kind != .space {
                current.text.unicodeScalars.append(scalar)
            }
        }

        mutating func finish() {
            if kind != .space, !current.text.isEmpty || current.isQuoted { tokens.append(current) }
            current = Token(text: "", offset: 0)
            kind = .space
            quote = nil
        }
    }
}
