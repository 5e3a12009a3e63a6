// SPDX-License-Identifier: Apache-2.0

extension KeyedRateLimiter {
    /// The limits of many keys without lock and clock: a value that is told the time, in nanoseconds.
    struct StateMachine: Sendable {
        private struct Entry: Sendable {
            var key: Key
            var tat: Int128
        }

        /// The keys that are looked at to find one to forget.
        static var sampleSize: Int { 16 }

        private var cell: CellRate
        private let capacity: Int
        private var entries: [Entry] = []
        private var places: [Key: Int] = [:]
        /// Goes round the entries, so that all of them are looked at in turn.
        private var hand = 0

        init(options: RateLimiterOptions, capacity: Int) {
            cell = CellRate(options.rate, burst: options.effectiveBurst)
            self.capacity = capacity
        }

        var count: Int {
            entries.count
        }

        /// Admits a call of the key, or says why not.
        mutating func acquire(_ key: Key, at now: Int64) -> Rejection? {
            guard let place = places[key] else {
                var tat = CellRate.idle
                cell.admit(&tat, at: now)
                insert(Entry(key: key, tat: tat), at: now)
                return nil
            }
            let turn = cell.conformance(of: entries[place].tat, at: now)
            if turn > now { return Rejection(.rateLimited, retryAfterNanoseconds: turn - now) }
            cell.admit(&entries[place].tat, at: now)
            return nil
        }

        /// Gives a call of the key back; a key that was forgotten has nothing to give back to.
        mutating func refund(_ key: Key) {
            if let place = places[key] { cell.refund(&entries[place].tat) }
        }

        /// Takes new options; what each key has used stays used.
        mutating func configure(_ options: RateLimiterOptions, at now: Int64) {
            let changed = CellRate(options.rate, burst: options.effectiveBurst)
            if changed == cell { return }
            for index in entries.indices {
                entries[index].tat = cell.converted(entries[index].tat, to: changed, at: now)
            }
            cell = changed
        }

        private mutating func insert(_ entry: Entry, at now: Int64) {
            if entries.count < capacity {
                places[entry.key] = entries.count
                entries.append(entry)
                return
            }
            let place = placeToForget(at: now)
            places[entries[place].key] = nil
            places[entry.key] = place
            entries[place] = entry
        }

        /// The first key with a full burst in the sample, or the one of it that has used least.
        private mutating func placeToForget(at now: Int64) -> Int {
            var best = hand
            for _ in 0..<min(Self.sampleSize, entries.count) {
                if entries[hand].tat < entries[best].tat { best = hand }
                hand = (hand + 1) % entries.count
                if cell.isIdle(entries[best].tat, at: now) { break }
            }
            return best
        }
    }
}
