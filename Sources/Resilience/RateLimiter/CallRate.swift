// SPDX-License-Identifier: Apache-2.0

/// So many calls in so much time, as a ratio of two whole numbers: `100/s`, `3/m`, `5000/h`, `1/250ms`, `0.5/s`.
///
/// Whole numbers, because a limiter that adds up rounded gaps drifts: at 700,000 calls a second a gap cut to
/// nanoseconds lets 0.04 % too many through.
public struct CallRate: Sendable, Hashable {
    /// The number of calls, 1 … 1,000,000.
    public var calls: Int
    /// The time in which they may be made, 1 ms … 24 h.
    public var period: Duration

    /// Bounds are checked where the rate is used.
    public init(_ calls: Int, per period: Duration) {
        self.calls = calls
        self.period = period
    }

    /// So many calls a second.
    public static func perSecond(_ calls: Int) -> CallRate {
        CallRate(calls, per: .seconds(1))
    }

    static let allowedCalls = 1...1_000_000
    static let allowedPeriods = Duration.milliseconds(1) ... .seconds(86_400)

    /// Whether both numbers are in their bounds.
    var isSound: Bool {
        Self.allowedCalls.contains(calls) && Self.allowedPeriods.contains(period)
    }

    /// What the rate comes to in one second, rounded down but at least 1: the burst that is assumed when none is given.
    var callsInOneSecond: Int {
        let nanoseconds = max(1, period.nanosecondsSaturated)
        return Int(max(1, Int128(calls) * 1_000_000_000 / Int128(nanoseconds)))
    }
}

extension CallRate: CustomStringConvertible {
    /// The rate that the text stands for; nil when it is none or is out of bounds.
    ///
    /// - Parameter text: A number with at most three decimals, a slash, and a unit (`s`, `m`, `h`) or a duration
    ///   (`250ms`).
    public init?(_ text: String) {
        let parts = text.split(separator: "/", omittingEmptySubsequences: false)
        guard parts.count == 2, let thousandths = Self.thousandths(parts[0]) else { return nil }
        let unit = parts[1].first?.isNumber == true ? String(parts[1]) : "1\(parts[1])"
        guard let period = ConfigurationText.duration(unit)?.nanosecondsSaturated, period > 0 else { return nil }
        guard thousandths % 1_000 != 0 else {
            self.init(Int(thousandths / 1_000), per: .nanoseconds(period))
            if !isSound { return nil }
            return
        }
        // 0.5/s is 500 in 1000 s, and that is 1 in 2 s.
        let (long, overflow) = period.multipliedReportingOverflow(by: 1_000)
        if overflow { return nil }
        let common = Self.greatestCommonDivisor(thousandths, long)
        self.init(Int(thousandths / common), per: .nanoseconds(long / common))
        if !isSound { return nil }
    }

    private static func thousandths(_ digits: Substring) -> Int64? {
        let parts = digits.split(separator: ".", omittingEmptySubsequences: false)
        let allDigits = parts.allSatisfy { !$0.isEmpty && $0.allSatisfy { $0.isASCII && $0.isNumber } }
        guard allDigits, parts.count <= 2, let whole = Int64(parts[0]), whole <= 1_000_000 else { return nil }
        if parts.count == 1 { return whole * 1_000 }
        guard parts[1].count <= 3, let fraction = Int64(parts[1] + String(repeating: "0", count: 3 - parts[1].count))
        else {
            return nil
        }
        return whole * 1_000 + fraction
    }

    private static func greatestCommonDivisor(_ first: Int64, _ second: Int64) -> Int64 {
        var (larger, smaller) = (first, second)
        while smaller != 0 { (larger, smaller) = (smaller, larger % smaller) }
        return larger
    }

    public var description: String {
        let unit = ConfigurationText.format(period)
        return "\(calls)/\(["1s": "s", "1m": "m", "1h": "h"][unit] ?? unit)"
    }
}
