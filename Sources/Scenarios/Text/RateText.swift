// SPDX-License-Identifier: Apache-2.0

/// Rates as people write them: `300/s`, `18000/m`, `0.5/s`, `100/ms`.
package enum RateText {
    /// Per second. No engine of this kind reaches it on one machine; beyond it something is mistyped.
    package static let maximum = 10_000_000.0

    /// Why a text is not a rate; a phrase for "... is not a rate: ".
    package struct Malformed: Error, Equatable, CustomStringConvertible {
        package var description: String
    }

    /// Reads a rate, in events a second.
    package static func parse(_ text: String) throws(Malformed) -> Double {
        let parts = text.split(separator: "/", omittingEmptySubsequences: false).map {
            String($0.drop { $0 == " " }.reversed().drop { $0 == " " }.reversed())
        }
        guard parts.count == 2 else {
            throw Malformed(description: "it needs a unit; write for example 300/s or 18000/m")
        }
        guard case .some(let number) = number(parts[0]) else {
            throw Malformed(description: "a number comes before '/', for example 300/s")
        }
        let perSecond: Double
        switch parts[1] {
        case "ms": perSecond = number * 1_000
        case "s": perSecond = number
        case "m": perSecond = number / 60
        case "h": perSecond = number / 3_600
        default: throw Malformed(description: "unknown unit \(parts[1].quoted); the units are ms, s, m and h")
        }
        guard perSecond >= 0 else { throw Malformed(description: "it is negative") }
        guard perSecond <= maximum else { throw Malformed(description: "it is higher than \(Int(maximum))/s") }
        return perSecond
    }

    private static func number(_ text: String) -> Double? {
        switch ScriptNode.meaning(text, plain: true) {
        case .integer(let number): Double(number)
        case .number(let number): number
        default: nil
        }
    }
}
