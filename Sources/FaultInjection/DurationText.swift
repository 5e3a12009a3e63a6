// SPDX-License-Identifier: Apache-2.0

/// Durations as people write them: `250ms`, `1m30s`, `1.5s`, `0`.
///
/// One or more numbers, each with a unit of `ns`, `us` (or `µs`), `ms`, `s`, `m`, `h`, the larger unit first. A number may
/// have decimals, up to a whole nanosecond. A bare number is refused, because its unit would be a guess; only `0` needs none.
package enum DurationText {
    /// The longest duration that is accepted, 10,000 hours: beyond it something is mistyped, and sums can't overflow.
    package static let maximum: Duration = .seconds(10_000 * 3_600)

    /// Why a text is not a duration.
    package struct Malformed: Error, Equatable, CustomStringConvertible {
        /// A phrase for "... is not a duration: ".
        package var description: String
    }

    /// Reads a duration.
    ///
    /// - Throws: `Malformed` when the text is empty, negative, without a unit, too long or finer than a nanosecond.
    package static func parse(_ text: String) throws(Malformed) -> Duration {
        var rest = Substring(text).utf8
        if rest.elementsEqual("0".utf8) { return .zero }
        guard !rest.isEmpty else { throw Malformed(description: "it is empty; write for example 250ms") }
        guard rest.first != UInt8(ascii: "-") else { throw Malformed(description: "it is negative") }
        var total: Int64 = 0
        var lastUnit = Int64.max
        while !rest.isEmpty {
            guard let number = Decimals(takingFrom: &rest) else {
                throw Malformed(description: "write a number and a unit, for example 250ms or 1m30s")
            }
            let unitText = rest.prefix { !isDigit($0) && $0 != UInt8(ascii: ".") }
            rest = rest.dropFirst(unitText.count)
            guard !unitText.isEmpty else {
                throw Malformed(description: "it has no unit; write for example \(text)ms or \(text)s")
            }
            guard let unit = nanoseconds(ofUnit: String(Substring(unitText))) else {
                throw Malformed(
                    description: "unknown unit '\(Substring(unitText))'; the units are ns, us, ms, s, m and h")
            }
            guard unit < lastUnit else { throw Malformed(description: "write larger units first and each once") }
            lastUnit = unit
            guard let part = number.scaled(by: unit) else {
                throw Malformed(description: "it is longer than 10000h or finer than a nanosecond")
            }
            let (sum, overflow) = total.addingReportingOverflow(part)
            guard !overflow, .nanoseconds(sum) <= maximum else {
                throw Malformed(description: "it is longer than 10000h")
            }
            total = sum
        }
        return .nanoseconds(total)
    }

    /// The shortest text that `parse` reads back as the same duration, to the nanosecond: `1m30s`, `250ms`, `1.5ms`.
    ///
    /// Longer units than seconds are only used for whole seconds. Negative durations get a sign, which `parse` refuses.
    package static func format(_ duration: Duration) -> String {
        guard duration >= .zero else { return "-" + format(.zero - duration) }
        let (seconds, attoseconds) = duration.components
        let nanoseconds = attoseconds / 1_000_000_000
        if seconds == 0 && nanoseconds == 0 { return "0s" }
        if nanoseconds == 0 {
            var text = ""
            if seconds >= 3_600 { text += "\(seconds / 3_600)h" }
            if seconds % 3_600 >= 60 { text += "\(seconds % 3_600 / 60)m" }
            if seconds % 60 > 0 { text += "\(seconds % 60)s" }
            return text
        }
        if seconds > 0 { return decimal(seconds, nanoseconds, digits: 9) + "s" }
        if nanoseconds >= 1_000_000 {
            return decimal(nanoseconds / 1_000_000, nanoseconds % 1_000_000, digits: 6) + "ms"
        }
        if nanoseconds >= 1_000 { return decimal(nanoseconds / 1_000, nanoseconds % 1_000, digits: 3) + "us" }
        return "\(nanoseconds)ns"
    }

    private static func decimal(_ whole: Int64, _ fraction: Int64, digits: Int) -> String {
        guard fraction > 0 else { return "\(whole)" }
        let text = String(fraction)
        var padded = String(repeating: "0", count: digits - text.count) + text
        while padded.hasSuffix("0") { padded.removeLast() }
        return "\(whole).\(padded)"
    }

    private static func nanoseconds(ofUnit unit: String) -> Int64? {
        switch unit {
        case "ns": 1
        case "us", "µs", "μs": 1_000
        case "ms": 1_000_000
        case "s": 1_000_000_000
        case "m": 60_000_000_000
        case "h": 3_600_000_000_000
        default: nil
        }
    }

    private static func isDigit(_ byte: UInt8) -> Bool { byte >= UInt8(ascii: "0") && byte <= UInt8(ascii: "9") }

    /// A decimal number as digits and their scale, so that nothing is rounded before the unit is known.
    private struct Decimals {
        var digits: Int64 = 0
        var fractionDigits = 0

        init?(takingFrom rest: inout Substring.UTF8View) {
            var seen = false
            var inFraction = false
            while let byte = rest.first {
                if isDigit(byte) {
                    let (product, tooLarge) = digits.multipliedReportingOverflow(by: 10)
                    let (sum, overflow) = product.addingReportingOverflow(Int64(byte - UInt8(ascii: "0")))
                    guard !tooLarge, !overflow else { return nil }
                    digits = sum
                    if inFraction { fractionDigits += 1 }
                    seen = true
                } else if byte == UInt8(ascii: "."), seen, !inFraction {
                    inFraction = true
                } else {
                    break
                }
                rest = rest.dropFirst()
            }
            guard seen, !(inFraction && fractionDigits == 0) else { return nil }
            while fractionDigits > 0, digits % 10 == 0 {
                digits /= 10
                fractionDigits -= 1
            }
        }

        /// This number of units in nanoseconds, or nil when it is not whole or overflows.
        func scaled(by unit: Int64) -> Int64? {
            let (product, overflow) = digits.multipliedReportingOverflow(by: unit)
            guard !overflow else { return nil }
            var value = product
            for _ in 0..<fractionDigits {
                guard value % 10 == 0 else { return nil }
                value /= 10
            }
            return value
        }
    }
}
