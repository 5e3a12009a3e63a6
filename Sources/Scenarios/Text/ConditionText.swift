// SPDX-License-Identifier: Apache-2.0

internal import Resilience

/// Reads conditions: `${post}`, `not ${post}`, `${post} exists`, `${count} < 10`, `${kind} == story`.
enum ConditionText {
    /// Why a text is not a condition.
    struct Malformed: Error {
        var message: String
        /// Where, in Unicode scalars from the start.
        var offset: Int
    }

    static func parse(_ text: String) throws(Malformed) -> Scenario.Condition {
        var scalars = Array(text.unicodeScalars)[...]
        func trim() {
            while scalars.first == " " { scalars.removeFirst() }
            while scalars.last == " " { scalars.removeLast() }
        }
        trim()
        guard !scalars.isEmpty else {
            throw Malformed(
                message: "a condition compares, as ${count} < 10, or names a variable, as ${post}", offset: 0)
        }
        if let (comparison, range) = comparison(in: scalars) {
            let (left, right) = (side(scalars[..<range.lowerBound]), side(scalars[range.upperBound...]))
            guard !left.isEmpty else {
                throw Malformed(
                    message: "nothing stands before \(comparison.rawValue.quoted)", offset: range.lowerBound)
            }
            return Scenario.Condition(left: left, comparison: comparison, right: unquoted(right))
        }
        var isNegated = false
        if scalars.starts(with: "not ".unicodeScalars) {
            isNegated = true
            scalars.removeFirst(4)
        } else if scalars.count > 7, scalars.suffix(7).elementsEqual(" exists".unicodeScalars) {
            scalars.removeLast(7)
        }
        trim()
        let name = side(scalars)
        if TextTemplate.isIdentifier(name) { return Scenario.Condition(left: "${\(name)}", isNegated: isNegated) }
        guard name.hasPrefix("${"), name.hasSuffix("}") else {
            throw Malformed(
                message:
                    "\(name.quoted) is not a condition; write ${post}, not ${post}, ${count} < 10 or ${kind} == story",
                offset: scalars.startIndex)
        }
        return Scenario.Condition(left: name, isNegated: isNegated)
    }

    /// The first comparison outside of holes.
    private static func comparison(
        in scalars: ArraySlice<Unicode.Scalar>
    ) -> (Scenario.Condition.Comparison, Range<Int>)? {
        var depth = 0
        for index in scalars.indices {
            switch scalars[index] {
            case "{": depth += 1
            case "}": depth -= 1
            case _ where depth == 0:
                for comparison in Scenario.Condition.Comparison.allCases
                where scalars[index...].starts(with: comparison.rawValue.unicodeScalars) {
                    return (comparison, index..<(index + comparison.rawValue.unicodeScalars.count))
                }
            default: break
            }
        }
        return nil
    }

    private static func side(_ scalars: ArraySlice<Unicode.Scalar>) -> String {
        var trimmed = scalars
        while trimmed.first == " " { trimmed.removeFirst() }
        while trimmed.last == " " { trimmed.removeLast() }
        var text = String.UnicodeScalarView()
        text.append(contentsOf: trimmed)
        return String(text)
    }

    /// `'story'` and `"story"` stand for the text between the quotes.
    private static func unquoted(_ text: String) -> String {
        guard text.count >= 2, let first = text.first, first == text.last, first == "'" || first == "\"" else {
            return text
        }
        return String(text.dropFirst().dropLast())
    }
}
