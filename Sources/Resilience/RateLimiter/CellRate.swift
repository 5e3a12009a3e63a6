// SPDX-License-Identifier: Apache-2.0

/// The generic cell rate algorithm (ITU-T I.371, "virtual scheduling"): the whole state of a limiter is one number, the
/// theoretical arrival time (TAT) of the next call if all calls came evenly.
///
/// With N calls per period P and burst B, a call at time t conforms when `t ≥ TAT − (B − 1)·P/N`, and then moves TAT to
/// `max(t, TAT) + P/N`. It admits exactly what a token bucket of size B does that gains N tokens per P. Times are
/// counted here in 1/N of a nanosecond, so that P/N is the whole number P and nothing is ever rounded.
struct CellRate: Sendable, Equatable {
    /// N: how many units a nanosecond has.
    private let calls: Int128
    /// P: what one call costs, in units.
    private let cost: Int128
    /// (B − 1)·P: how far ahead of the clock TAT may be.
    private let tolerance: Int128

    /// - Precondition: `rate.isSound` and `burst ≥ 1`, which options are checked for.
    init(_ rate: CallRate, burst: Int) {
        calls = Int128(rate.calls)
        cost = Int128(rate.period.nanosecondsSaturated)
        tolerance = Int128(burst - 1) * cost
    }

    /// The TAT of a limiter that has not been used.
    static let idle = Int128.min / 4

    /// The instant at which the call behind `ahead` others conforms; never before `now`.
    func conformance(of tat: Int128, behind ahead: Int = 0, at now: Int64) -> Int64 {
        let units = tat + Int128(ahead) * cost - tolerance
        if units <= Int128(now) * calls { return now }
        // Rounded up: an instant of whole nanoseconds at which the call really conforms.
        return Int64(clamping: (units + calls - 1) / calls)
    }

    /// Moves TAT past a call made at `now`.
    func admit(_ tat: inout Int128, at now: Int64) {
        tat = max(tat, Int128(now) * calls) + cost
    }

    /// Moves TAT past a call that waited for its turn. Its turn counts, not the moment at which a timer woke it, so
    /// that late timers don't take away from the rate.
    func admitInTurn(_ tat: inout Int128) {
        tat += cost
    }

    /// Gives a call back.
    func refund(_ tat: inout Int128) {
        if tat != Self.idle { tat -= cost }
    }

    /// How many calls could be made at `now` at once.
    func available(_ tat: Int128, at now: Int64) -> Int {
        let slack = Int128(now) * calls + tolerance - max(tat, Int128(now) * calls)
        return slack < 0 ? 0 : Int(clamping: slack / cost + 1)
    }

    /// Whether the state says no more than that of an unused limiter.
    func isIdle(_ tat: Int128, at now: Int64) -> Bool {
        tat <= Int128(now) * calls
    }

    /// The TAT under another rate that owes as many calls as `tat` owes under this one.
    func converted(_ tat: Int128, to other: CellRate, at now: Int64) -> Int128 {
        let debt = tat - Int128(now) * calls
        if debt <= 0 { return Self.idle }
        // A debt is at most (burst + 1)·P < 2^20 · 2^47 units, so that the product fits.
        return Int128(now) * other.calls + debt * other.cost / cost
    }
}
