// SPDX-License-Identifier: Apache-2.0

/// How durations and ratios are written: `250ms`, `1.5s`, `1m`; `0.1`, `10%`.
public enum ConfigurationText {
    private static let units: [(suffix: String, nanoseconds: Int64)] = [
        ("ns", 1), ("us", 1_000), ("µs", 1_000), ("ms", 1_000_000), ("s", 1_000_000_000), ("m", 60_000_000_000),
        ("h", 3_600_000_000_000),
    ]

    /// The duration that the text stands for, or nil when it is none: a number with a unit (ns, us, ms, s, m, h), not
    /// negative.
    public static func duration(_ text: String) -> Duration? {
        let digits = text.prefix { $0.isASCII && ($0.isNumber || $0 == ".") }
        let suffix = text.dropFirst(digits.count).drop { $0 == " " }
        guard let unit = units.first(where: { $0.suffix == suffix }), digits.first?.isNumber == true else { return nil }
        if let whole = Int64(digits) {
            let (nanoseconds, overflow) = whole.multipliedReportingOverflow(by: unit.nanoseconds)
            return overflow ? nil : .nanoseconds(nanoseconds)
        }
        guard let number = Double(String(digits)) else { return nil }
        let nanoseconds = (number * Double(unit.nanoseconds)).rounded()
        return nanoseconds < 0x1p63 ? .nanoseconds(Int64(nanoseconds)) : nil
    }

    /// The duration in the largest unit that needs at most three decimals: `250ms`, `1.5s`, `2m`.
    public static func format(_ duration: Duration) -> String {
        let nanoseconds = duration.nanosecondsSaturated
        if nanoseconds == 0 { return "0s" }
        for (suffix, size) in [("h", 3_600_000_000_000), ("m", 60_000_000_000)] as [(String, Int64)]
        where nanoseconds % size == 0 {
            return "\(nanoseconds / size)\(suffix)"
        }
        let units = [("s", 1_000_000_000), ("ms", 1_000_000), ("us", 1_000)] as [(String, Int64)]
        for (suffix, size) in units where nanoseconds.magnitude >= size.magnitude && nanoseconds % (size / 1_000) == 0 {
            return decimal(nanoseconds, size) + suffix
        }
        let (suffix, size) = units.first { nanoseconds.magnitude >= $0.1.magnitude } ?? ("ns", 1)
        return size == 1 ? "\(nanoseconds)ns" : decimal(nanoseconds / (size / 1_000) * (size / 1_000), size) + suffix
    }

    private static func decimal(_ nanoseconds: Int64, _ size: Int64) -> String {
        let whole = "\(nanoseconds.magnitude / size.magnitude)"
        let thousandths = nanoseconds.magnitude % size.magnitude / (size.magnitude / 1_000)
        let sign = nanoseconds < 0 ? "-" : ""
        if thousandths == 0 { return sign + whole }
        var fraction = String("\(1_000 + thousandths)".dropFirst())
        while fraction.hasSuffix("0") { fraction.removeLast() }
        return "\(sign)\(whole).\(fraction)"
    }

    /// The ratio that the text stands for, or nil when it is none: `0.1` or `10%`. Bounds are the reader's business.
    public static func ratio(_ text: String) -> Double? {
        let isPercent = text.hasSuffix("%")
        let digits = isPercent ? text.dropLast() : text[...]
        guard digits.allSatisfy({ $0.isASCII && ($0.isNumber || $0 == ".") }) else { return nil }
        // Moving the point instead of dividing, so that 0.9% is exactly 0.009 and not the next number above.
        return Double(isPercent ? "\(digits)e-2" : String(digits))
    }

    /// The ratio in percent: `50%`, `12.5%`.
    public static func format(ratio: Double) -> String {
        let percent = (ratio * 100_000).rounded() / 1_000
        return percent == percent.rounded() && abs(percent) < 1e15 ? "\(Int(percent))%" : "\(percent)%"
    }
}
