// SPDX-License-Identifier: Apache-2.0

extension CircuitBreaker {
    /// What a set of calls came to. A call that is slow and failed is in both, and in `bad` once.
    struct Tally: Sendable, Equatable {
        var calls: UInt32 = 0
        var failed: UInt32 = 0
        var slow: UInt32 = 0
        var bad: UInt32 = 0

        static func += (left: inout Tally, right: Tally) {
            left.calls &+= right.calls
            left.failed &+= right.failed
            left.slow &+= right.slow
            left.bad &+= right.bad
        }

        /// Only ever takes away what was added before.
        static func -= (left: inout Tally, right: Tally) {
            left.calls &-= right.calls
            left.failed &-= right.failed
            left.slow &-= right.slow
            left.bad &-= right.bad
        }

        static func one(failed: Bool, slow: Bool) -> Tally {
            Tally(calls: 1, failed: failed ? 1 : 0, slow: slow ? 1 : 0, bad: failed || slow ? 1 : 0)
        }
    }

    /// The calls that count, with a running total: adding is O(1) and allocates nothing.
    struct Window: Sendable {
        // Two fields instead of an enum with payloads: changing a payload in place would copy it out and back.
        private var time: TimeWindow
        private var count: CountWindow
        private let isTime: Bool

        init(_ options: CircuitBreakerOptions.Window) {
            switch options {
            case .time(let duration):
                time = TimeWindow(nanoseconds: duration.nanosecondsSaturated)
                count = CountWindow(capacity: 0)
                isTime = true
            case .count(let calls):
                time = TimeWindow(nanoseconds: 0)
                count = CountWindow(capacity: calls)
                isTime = false
            }
        }

        mutating func add(_ tally: Tally, at now: Int64) {
            if isTime { time.add(tally, at: now) } else { count.add(tally) }
        }

        /// Adds successes that were not slow and came before `end`.
        mutating func addSuccesses(_ number: UInt32) {
            if isTime { time.addSuccesses(number) } else { count.addSuccesses(number) }
        }

        /// When the newest bucket ends; results until then go into it. A count window has no end.
        @inline(__always)
        var end: Int64 {
            isTime ? time.end : .max
        }

        /// The calls in the window when it was last told the time.
        @inline(__always)
        var recorded: Tally {
            isTime ? time.total : count.total
        }

        /// The calls in the window; those that have left it by `now` are gone.
        mutating func total(at now: Int64) -> Tally {
            if !isTime { return count.total }
            time.roll(to: now)
            return time.total
        }

        /// Empties the window and keeps its storage.
        mutating func clear() {
            time.clear()
            count.clear()
        }
    }

    /// Ten buckets, so that the oldest tenth leaves at a time.
    struct TimeWindow: Sendable {
        static let bucketCount = 10

        /// At least a millisecond, so that no window has buckets without width.
        private let bucketNanoseconds: Int64
        private var buckets = InlineArray<10, Tally>(repeating: Tally())
        /// Index of the bucket that new results go to.
        private var newest = 0
        /// When the newest bucket ends. Kept, so that the usual result needs one comparison and no division.
        private(set) var end: Int64 = .min
        private(set) var total = Tally()

        init(nanoseconds: Int64) {
            bucketNanoseconds = max(1_000_000, nanoseconds / Int64(Self.bucketCount))
        }

        mutating func add(_ tally: Tally, at now: Int64) {
            roll(to: now)
            total += tally
            buckets[newest] += tally
        }

        mutating func addSuccesses(_ number: UInt32) {
            total.calls &+= number
            buckets[newest].calls &+= number
        }

        /// Drops the buckets that have left the window. A clock that goes backwards drops nothing: the newest bucket
        /// stays.
        mutating func roll(to now: Int64) {
            if now < end { return }
            let passed = end == .min ? Int64.max : now.subtractingSaturated(end) / bucketNanoseconds + 1
            if passed >= Int64(Self.bucketCount) {
                clear()
                // Bucket edges are multiples of the width, so that they do not depend on when the first call came.
                end = (now / bucketNanoseconds * bucketNanoseconds).addingSaturated(bucketNanoseconds)
                return
            }
            for _ in 0..<passed {
                newest = newest + 1 == Self.bucketCount ? 0 : newest + 1
                total -= buckets[newest]
                buckets[newest] = Tally()
            }
            end += passed * bucketNanoseconds
        }

        mutating func clear() {
            buckets = InlineArray(repeating: Tally())
            total = Tally()
        }
    }

    /// A ring of the last results, two bits each.
    struct CountWindow: Sendable {
        private var ring: [UInt8]
        private var next = 0
        private(set) var total = Tally()

        init(capacity: Int) {
            ring = Array(repeating: 0, count: capacity)
        }

        mutating func add(_ tally: Tally) {
            if Int(total.calls) == ring.count {
                let leaving = ring[next]
                total -= .one(failed: leaving & 1 != 0, slow: leaving & 2 != 0)
            }
            ring[next] = (tally.failed > 0 ? 1 : 0) | (tally.slow > 0 ? 2 : 0)
            total += tally
            next = next + 1 == ring.count ? 0 : next + 1
        }

        /// More of them than there are places push out everything else.
        mutating func addSuccesses(_ number: UInt32) {
            for _ in 0..<min(Int(number), ring.count) { add(.one(failed: false, slow: false)) }
        }

        mutating func clear() {
            total = Tally()
            next = 0
        }
    }
}
