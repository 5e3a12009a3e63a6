// SPDX-License-Identifier: Apache-2.0

/// What text users may write.
package struct TextRule: Sendable {
    /// The most Unicode scalars. They are counted instead of characters because one character may hold any number of
    /// them.
    package var longest: Int
    /// Whether nothing, or only white space, is fine.
    package var mayBeEmpty = false

    package init(longest: Int, mayBeEmpty: Bool = false) {
        self.longest = longest
        self.mayBeEmpty = mayBeEmpty
    }

    /// What is wrong with a text, nil for nothing.
    package func fault(in text: String, at pointer: String) -> Problem.Fault? {
        if !mayBeEmpty && text.unicodeScalars.allSatisfy(\.properties.isWhitespace) {
            return .init(pointer: pointer, detail: "The text must not be empty.")
        }
        // A text with few bytes can't have many scalars: counting is for the long ones.
        if text.utf8.count > longest && text.unicodeScalars.count > longest {
            return .init(pointer: pointer, detail: "The text may have up to \(longest) characters.")
        }
        // Also keeps out NUL, at which SQLite would end the text.
        let isClean = text.utf8.allSatisfy { $0 >= 0x20 && $0 != 0x7F || $0 == 0x0A || $0 == 0x0D || $0 == 0x09 }
        return isClean
            ? nil
            : .init(pointer: pointer, detail: "The text must not hold control characters but tab and line breaks.")
    }

    /// Checks a text.
    ///
    /// - Throws: a ``Problem``, 422.
    package func check(_ text: String, at pointer: String) throws {
        if let fault = fault(in: text, at: pointer) { throw Problem.validation([fault]) }
    }
}
