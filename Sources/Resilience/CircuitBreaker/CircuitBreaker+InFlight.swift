// SPDX-License-Identifier: Apache-2.0

extension CircuitBreaker {
    /// The calls under way, counted by when they started: how many of them take longer than a slow call may already.
    ///
    /// Start times are rounded up to an eighth of the slow-call duration. So a call is never called slow too early, and
    /// at most that eighth too late, and a ring of ten counts is enough, however many calls are under way. Nothing
    /// happens by itself: whoever asks says what time it is.
    struct InFlight: Sendable {
        private static let places: Int64 = 10

        private let slowNanoseconds: Int64
        private let widthNanoseconds: Int64
        /// Calls under way by the slot of time that they started in, its number modulo the places.
        private var started = InlineArray<10, Int>(repeating: 0)
        /// The calls in slots up to this one are slow; they are counted in `slow` and not in the ring.
        private var lastSlow = Int64.min
        private var slow = 0
        /// When the next slot becomes slow. Kept, so that the usual question needs one comparison and no division.
        private var next = Int64.min

        /// - Parameter slowNanoseconds: `.max` when nothing is slow.
        init(slowNanoseconds: Int64) {
            self.slowNanoseconds = slowNanoseconds
            // Rounded up, so that slots of the time that a call may take never need more than the places: eight, the one
            // that has begun, and the one that has not ended yet.
            widthNanoseconds = slowNanoseconds / 8 + 1
        }

        /// A call starts.
        ///
        /// - Returns: The slot to hand to `end`.
        mutating func begin(at now: Int64) -> Int64 {
            advance(to: now)
            let slot = floor(now)
            change(slot, by: 1)
            return slot
        }

        /// A call that started in the slot has ended.
        mutating func end(_ slot: Int64) {
            change(slot, by: -1)
        }

        /// The calls under way that are slow.
        mutating func slowCalls(at now: Int64) -> Int {
            advance(to: now)
            return slow
        }

        /// Forgets all calls.
        mutating func clear() {
            started = InlineArray(repeating: 0)
            slow = 0
        }

        private mutating func change(_ slot: Int64, by difference: Int) {
            if slot <= lastSlow { slow += difference } else { started[place(of: slot)] += difference }
        }

        /// The slot that an instant is in. Clocks may start below zero.
        private func floor(_ instant: Int64) -> Int64 {
            let quotient = instant / widthNanoseconds
            return instant < 0 && quotient * widthNanoseconds != instant ? quotient - 1 : quotient
        }

        private func place(of slot: Int64) -> Int {
            let remainder = Int(slot % Self.places)
            return remainder < 0 ? remainder + Int(Self.places) : remainder
        }

        /// Moves the slots to `slow` whose last call has taken longer than a call may. A clock that goes backwards
        /// moves nothing.
        private mutating func advance(to now: Int64) {
            if now < next { return }
            let newest = floor(now.subtractingSaturated(slowNanoseconds)) - 1
            if newest <= lastSlow { return }
            // After a pause longer than the ring is, every place is looked at once.
            let first = max(lastSlow, newest.subtractingSaturated(Self.places)) + 1
            for slot in first...newest {
                let place = place(of: slot)
                slow += started[place]
                started[place] = 0
            }
            lastSlow = newest
            next = ((newest + 2) * widthNanoseconds).addingSaturated(slowNanoseconds)
        }
    }
}
