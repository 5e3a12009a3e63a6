// SPDX-License-Identifier: Apache-2.0

/// The shares of a limit that are guaranteed to kinds of calls: who has how much of it, and who waits for it.
///
/// After Netflix' `AbstractPartitionedLimiter`: whoever comes may take what is free of the whole, also beyond its share.
/// A call whose share is not used up is admitted even then, so that those that burst don't take it away; for as long as
/// they last, more calls are under way than the limit, by at most the shares.
struct LimitShares: Sendable {
    /// The place of a share in the table; nil for calls that belong to none.
    typealias Index = Int16

    private struct Entry: Sendable {
        var name: String
        var share: CallShare
        /// 0 for one that is not configured any more and still has calls.
        var fraction: Double
        var inFlight = 0
        /// Identifiers of the calls in the limit's queue, in the same order.
        var waiting = WaitingLine<Void>()

        /// Its part of the limit, rounded up and at least one call.
        func places(of limit: Int) -> Int {
            // What is too much by the rounding of a product (0.1 · 30) is no further place.
            fraction == 0 ? 0 : max(1, Int(exactly: (fraction * Double(limit) - 1e-9).rounded(.up)) ?? limit)
        }

        var isUsed: Bool {
            inFlight > 0 || !waiting.isEmpty
        }
    }

    private var entries: [Entry] = []

    var isEmpty: Bool {
        entries.isEmpty
    }

    /// Takes new fractions. Calls keep their place in the table: one that is not configured any more stays until its
    /// last call has ended.
    mutating func configure(_ fractions: [String: Double]) {
        for place in entries.indices { entries[place].fraction = fractions[entries[place].name] ?? 0 }
        while let last = entries.last, last.fraction == 0, !last.isUsed { entries.removeLast() }
        let known = Set(entries.map(\.name))
        // Sorted, so that the same configuration gives the same table.
        for (name, fraction) in fractions.sorted(by: { $0.key < $1.key }) where !known.contains(name) {
            let entry = Entry(name: name, share: CallShare(name), fraction: fraction)
            if let free = entries.firstIndex(where: { $0.fraction == 0 && !$0.isUsed }) {
                entries[free] = entry
            } else if entries.count < Int(Index.max) {
                entries.append(entry)
            }
        }
    }

    func index(of share: CallShare) -> Index? {
        if share == .none { return nil }
        return entries.firstIndex { $0.share == share && $0.fraction > 0 }.map { Index($0) }
    }

    /// Whether a call is admitted though the whole limit is taken. Nobody overtakes those who wait for the same share.
    func hasRoom(_ index: Index?, limit: Int) -> Bool {
        guard let index else { return false }
        let entry = entries[Int(index)]
        return entry.inFlight < entry.places(of: limit) && entry.waiting.isEmpty
    }

    mutating func begin(_ index: Index?) {
        if let index { entries[Int(index)].inFlight += 1 }
    }

    mutating func end(_ index: Index?) {
        if let index { entries[Int(index)].inFlight -= 1 }
    }

    mutating func enter(_ id: UInt64, _ index: Index?) {
        if let index { entries[Int(index)].waiting.append(id, ()) }
    }

    mutating func leave(_ id: UInt64, _ index: Index?) {
        if let index { _ = entries[Int(index)].waiting.remove(id) }
    }

    /// The first of those who wait for a share that is not used up; it has to leave.
    func nextGuaranteed(limit: Int) -> UInt64? {
        for entry in entries where entry.inFlight < entry.places(of: limit) {
            if let first = entry.waiting.first { return first.id }
        }
        return nil
    }

    /// The calls under way of each share that is configured.
    var inFlight: [String: Int] {
        var counts: [String: Int] = [:]
        for entry in entries where entry.fraction > 0 { counts[entry.name] = entry.inFlight }
        return counts
    }
}
