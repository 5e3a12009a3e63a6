// SPDX-License-Identifier: Apache-2.0

internal import Glibc

/// Numbers as people read them: three significant digits and a unit, the same in every report.
///
/// Pure functions. Anything that is not a number (an empty histogram, a division by nothing) is ``missing``.
package enum Format {
    /// What stands where there is no value.
    package static let missing = "–"

    /// A duration with three significant digits in ns, µs, ms or s; from two minutes on as `2m 05s` or `1h 02m`.
    package static func duration(_ nanoseconds: UInt64?) -> String {
        guard let nanoseconds else { return missing }
        if nanoseconds == 0 { return "0 µs" }
        if nanoseconds < 1_000 { return "\(nanoseconds) ns" }
        let value = Double(nanoseconds)
        // 999.5 of a unit rounds to 1000, which is 1.00 of the next.
        if value < 999.5e3 { return significant(value / 1e3) + " µs" }
        if value < 999.5e6 { return significant(value / 1e6) + " ms" }
        if value < 120e9 { return significant(value / 1e9) + " s" }
        return longDuration(nanoseconds)
    }

    private static func longDuration(_ nanoseconds: UInt64) -> String {
        let seconds = nanoseconds / 1_000_000_000
        let (minutes, rest) = (seconds / 60, seconds % 60)
        return minutes < 60 ? "\(minutes)m \(padded(rest))s" : "\(minutes / 60)h \(padded(minutes % 60))m"
    }

    private static func padded(_ number: UInt64) -> String { number < 10 ? "0\(number)" : "\(number)" }

    /// An instant or length on the axis of a run, in seconds with at most one decimal: `15.2 s`.
    package static func seconds(_ nanoseconds: UInt64) -> String {
        let tenths = (Double(nanoseconds) / 1e8).rounded()
        return fixed(tenths / 10, decimals: tenths.truncatingRemainder(dividingBy: 10) == 0 ? 0 : 1) + " s"
    }

    /// A whole number with a comma between thousands.
    package static func count(_ number: UInt64) -> String {
        let digits = String(number)
        var text = ""
        for (position, digit) in digits.enumerated() {
            if position > 0, (digits.count - position).isMultiple(of: 3) { text.append(",") }
            text.append(digit)
        }
        return text
    }

    /// A number of things: `1 connection`, `2 connections`.
    static func count(_ number: UInt64, _ thing: String) -> String {
        count(number) + " " + thing + (number == 1 ? "" : "s")
    }

    /// Events a second: `299/s`, `12.5/s`.
    package static func rate(_ perSecond: Double?) -> String {
        guard let perSecond, perSecond.isFinite, perSecond >= 0 else { return missing }
        if perSecond >= 99.95 { return count(UInt64(Swift.min(perSecond.rounded(), 1e18))) + "/s" }
        return (perSecond == 0 ? "0" : significant(perSecond)) + "/s"
    }

    /// A share in percent with three significant digits; never rounded to 0 or to 100 when it is neither.
    package static func percent(_ share: Double?) -> String {
        guard let share, share.isFinite, share >= 0 else { return missing }
        if share == 0 { return "0 %" }
        let percent = share * 100
        if percent < 0.001 { return "<0.001 %" }
        if share < 1, percent > 99.95 { return percent > 99.999 ? ">99.999 %" : fixed(percent, decimals: 3) + " %" }
        return significant(percent) + " %"
    }

    /// A ratio against a reference: `×0.25`.
    package static func ratio(_ value: Double?) -> String {
        guard let value, value.isFinite, value >= 0 else { return missing }
        return value > 0 && value < 0.001 ? "×<0.001" : "×" + significant(value)
    }

    /// A plain number with three significant digits.
    package static func number(_ value: Double?) -> String {
        guard let value, value.isFinite else { return missing }
        return significant(value)
    }

    /// A number without trailing zeros: `99`, `99.9`. Up to three decimals.
    static func plain(_ value: Double) -> String {
        let text = fixed(value, decimals: 3)
        guard text.contains(".") else { return text }
        let short = text.reversed().drop { $0 == "0" }.drop { $0 == "." }
        return String(short.reversed())
    }

    /// Bytes with a binary unit: `7.63 GiB`.
    package static func bytes(_ bytes: UInt64) -> String {
        if bytes < 1024 { return "\(bytes) B" }
        var value = Double(bytes) / 1024
        for unit in ["KiB", "MiB", "GiB"] {
            if value < 999.5 { return significant(value) + " " + unit }
            value /= 1024
        }
        return significant(value) + " TiB"
    }

    /// Three significant digits without an exponent; more when the whole part has more.
    static func significant(_ value: Double) -> String {
        guard value.isFinite, abs(value) < 1e15 else { return missing }
        if value == 0 { return "0" }
        var magnitude = Int(floor(log10(abs(value))))
        // Rounding may carry into one digit more: 9.996 is 10.0, not 10.00.
        if (abs(value) * pow(10, Double(2 - magnitude))).rounded() >= 1000 { magnitude += 1 }
        return fixed(value, decimals: Swift.max(0, Swift.min(9, 2 - magnitude)))
    }

    /// Exactly `decimals` digits after the point. `abs(value)` must be below 1e15 and `decimals` in 0…9.
    static func fixed(_ value: Double, decimals: Int) -> String {
        guard value.isFinite, abs(value) < 1e15 else { return missing }
        let scale = pow(10, Double(decimals))
        // Beyond 2^53 there are no decimals to lose.
        let scaled = (abs(value) * scale).rounded()
        guard scaled < 9e18 else { return missing }
        let units = UInt64(scaled)
        let sign = value < 0 && units > 0 ? "−" : ""
        if decimals == 0 { return sign + String(units) }
        let divisor = UInt64(scale)
        let fraction = String(units % divisor)
        return sign + "\(units / divisor)." + String(repeating: "0", count: decimals - fraction.count) + fraction
    }
}
