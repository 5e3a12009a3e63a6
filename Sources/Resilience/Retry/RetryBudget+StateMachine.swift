// SPDX-License-Identifier: Apache-2.0

extension RetryBudget {
    /// The budget in millionths of a retry, integers only, so that nothing drifts.
    ///
    /// Two purses. Calls earn into ten slots of a second, and what they have earned leaves with their slot, together
    /// with what was spent of it: a retry is paid by certain calls and is never charged to later ones. The floor is a
    /// token bucket that starts full, gains `floorPerSecond`, and holds what it gains in ten seconds, at least one
    /// retry. What expires first is spent first.
    ///
    /// So neither purse can be overdrawn, and in any period of t seconds
    /// `retries ≤ ratio × (calls in it and in the ten seconds before) + floorPerSecond × t + burst`, where the burst is
    /// `max(10 × floorPerSecond, 1)`, or nothing without a floor. Retries that are given back can be made later.
    struct StateMachine: Sendable {
        private static let slotNanoseconds: Int64 = 1_000_000_000
        private static let slotCount = 10
        static let retry: Int64 = 1_000_000

        private struct Slot: Sendable {
            var calls: Int64 = 0
            /// Millionths that were spent of what the calls have earned.
            var spent: Int64 = 0
        }

        /// Millionths that a call earns.
        private var perCall: Int64 = 0
        /// Millionths that the floor gains in a second.
        private var floorRate: Int64 = 0
        /// Millionths that the floor holds at most.
        private var floorCapacity: Int64 = 0
        /// What is missing from a full floor. Kept instead of what is left, so that other options apply at once.
        private var floorSpent: Int64 = 0
        /// Until when the floor's gain was taken.
        private var floorInstant = Int64.min
        private var slots = InlineArray<10, Slot>(repeating: Slot())
        private var newest = 0
        /// When the newest slot ends. Kept, so that the usual call needs one comparison and no division.
        private var end: Int64 = .min

        init(_ options: RetryOptions.Budget) {
            configure(options)
        }

        /// Takes other options for what was earned and spent already.
        mutating func configure(_ options: RetryOptions.Budget) {
            perCall = Self.millionths(options.ratio)
            floorRate = Self.millionths(options.floorPerSecond)
            floorCapacity = floorRate == 0 ? 0 : max(Self.retry, floorRate * Int64(Self.slotCount))
            floorSpent = min(floorSpent, floorCapacity)
        }

        /// A number of retries within the bounds of the options; what is not zero stays something.
        private static func millionths(_ retries: Double) -> Int64 {
            retries > 0 ? max(1, Int64((retries * Double(retry)).rounded())) : 0
        }

        /// Millionths of retries that are left. Never negative.
        mutating func balance(at now: Int64) -> Int64 {
            roll(to: now)
            fillFloor(at: now)
            var sum = floorCapacity - floorSpent
            for index in slots.indices { sum += left(in: index) }
            return sum
        }

        mutating func earn(at now: Int64) {
            roll(to: now)
            slots[newest].calls += 1
        }

        mutating func withdraw(at now: Int64) -> Bool {
            if balance(at: now) < Self.retry { return false }
            var missing = Self.retry
            for age in stride(from: Self.slotCount - 1, through: 0, by: -1) where missing > 0 {
                let index = place(age: age)
                let part = min(missing, left(in: index))
                slots[index].spent += part
                missing -= part
            }
            floorSpent += missing
            return true
        }

        /// Gives a retry back: to the newest slots that have paid for one, then to the floor. No purse ever gets more than
        /// was taken from it.
        mutating func refund() {
            var returned = Self.retry
            for age in 0..<Self.slotCount where returned > 0 {
                let index = place(age: age)
                let part = min(returned, slots[index].spent)
                slots[index].spent -= part
                returned -= part
            }
            floorSpent -= min(returned, floorSpent)
        }

        /// What is left of what the calls of a slot have earned: less than nothing was spent when calls earn less since.
        private func left(in index: Int) -> Int64 {
            max(0, slots[index].calls * perCall - slots[index].spent)
        }

        private func place(age: Int) -> Int {
            let index = newest - age
            return index < 0 ? index + Self.slotCount : index
        }

        /// Adds what the floor has gained since it was last asked. Parts of a millionth are left for the next time.
        private mutating func fillFloor(at now: Int64) {
            if floorSpent == 0 || floorRate == 0 {
                floorInstant = max(floorInstant, now)
                return
            }
            let elapsed = now.subtractingSaturated(floorInstant)
            if elapsed <= 0 { return }
            let gained = Int128(elapsed) * Int128(floorRate) / 1_000_000_000
            if gained >= Int128(floorSpent) {
                floorSpent = 0
                floorInstant = now
            } else {
                floorSpent -= Int64(gained)
                // Only the time that the gain stands for has been used.
                let used = (gained * 1_000_000_000 + Int128(floorRate) - 1) / Int128(floorRate)
                floorInstant += Int64(used)
            }
        }

        private mutating func roll(to now: Int64) {
            if now < end { return }
            let passed = end == .min ? Int64.max : now.subtractingSaturated(end) / Self.slotNanoseconds + 1
            if passed >= Int64(Self.slotCount) {
                slots = InlineArray(repeating: Slot())
                end = (now / Self.slotNanoseconds * Self.slotNanoseconds).addingSaturated(Self.slotNanoseconds)
                return
            }
            for _ in 0..<passed {
                newest = newest + 1 == Self.slotCount ? 0 : newest + 1
                slots[newest] = Slot()
            }
            end += passed * Self.slotNanoseconds
        }
    }
}
