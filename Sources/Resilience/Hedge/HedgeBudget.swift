// SPDX-License-Identifier: Apache-2.0

/// Bounds the hedges of all calls together: a token bucket that every call fills a little.
///
/// It counts in millionths of a hedge, integers only, so that nothing drifts. It starts empty: however many calls there
/// were, hedges ≤ ratio × calls.
struct HedgeBudget: Sendable, Equatable {
    private static let hedge: Int64 = 1_000_000

    private var perCall: Int64 = 0
    private var capacity: Int64 = 0
    private var isUnbounded = true
    /// Millionths of hedges that are left. 0 … `burst` hedges.
    private var saved: Int64 = 0

    init(_ options: HedgeOptions.Budget?) {
        configure(options)
    }

    /// Takes new options; what was saved stays, as far as it fits.
    mutating func configure(_ options: HedgeOptions.Budget?) {
        isUnbounded = options == nil
        guard let options else { return }
        perCall = Int64((options.ratio * Double(Self.hedge)).rounded())
        capacity = Int64(options.burst) * Self.hedge
        saved = min(saved, capacity)
    }

    /// A call was made.
    mutating func earn() {
        saved = min(capacity, saved + perCall)
    }

    /// Takes a hedge, if there is one.
    mutating func withdraw() -> Bool {
        if isUnbounded { return true }
        if saved < Self.hedge { return false }
        saved -= Self.hedge
        return true
    }

    /// Gives a hedge back that never reached the callee.
    mutating func refund() {
        if !isUnbounded { saved = min(capacity, saved + Self.hedge) }
    }

    /// Hedges that could be made now; nil without a bound.
    var balance: Double? {
        isUnbounded ? nil : Double(saved) / Double(Self.hedge)
    }
}
