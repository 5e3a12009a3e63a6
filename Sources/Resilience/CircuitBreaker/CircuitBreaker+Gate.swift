// SPDX-License-Identifier: Apache-2.0

public import Synchronization

extension CircuitBreaker {
    /// The breaker's answer to most calls, readable without its lock.
    ///
    /// It is written under the lock whenever mode or state change. A caller that reads it just before a change gets the
    /// old answer, as if it had come just before; what it was admitted with says so when its result comes.
    @usableFromInline
    struct Gate: ~Copyable, Sendable {
        /// What callers do.
        @usableFromInline
        enum Answer: UInt64 {
            /// Pass; nobody is interested in the result.
            case off
            /// Pass under the word's generation.
            case pass
            /// Ask under the lock.
            case ask
            /// Don't pass before `until`; ask then.
            case wait
            /// Don't pass.
            case refuse
        }

        /// The generation above eight bits of answer.
        @usableFromInline let word: Atomic<UInt64>
        /// Nanoseconds; written before a word that says `wait`.
        @usableFromInline let until = Atomic<Int64>(0)

        init(_ answer: Answer) {
            word = Atomic(answer.rawValue)
        }

        /// Called under the breaker's lock.
        func set(_ answer: Answer, generation: UInt32, until instant: Int64) {
            if until.load(ordering: .relaxed) != instant { until.store(instant, ordering: .releasing) }
            let new = UInt64(generation) << 8 | answer.rawValue
            // Most changes of the machine don't change the answer; its cache line then stays with all callers.
            if word.load(ordering: .relaxed) != new { word.store(new, ordering: .releasing) }
        }

        @inlinable
        static func answer(_ word: UInt64) -> Answer {
            // Only `set` writes words, so the answer is one of them.
            Answer(rawValue: word & 0xFF) ?? .ask
        }

        @inlinable
        static func generation(_ word: UInt64) -> UInt32 {
            UInt32(truncatingIfNeeded: word >> 8)
        }
    }

    /// Successes that change nothing but a count, taken without the breaker's lock: nearly all results of a callee that
    /// is well.
    ///
    /// Under the lock the machine says how many such successes it can take and until when, and later takes their number
    /// back. The word holds that allowance below the number of the round, which changes each time: a caller that has
    /// read the terms of an earlier round fails to change the word. A wrong hit needs a caller that sleeps for exactly
    /// 2³² rounds.
    @usableFromInline
    struct QuickCount: ~Copyable, Sendable {
        /// The round above 32 bits of allowance.
        @usableFromInline let word = Atomic<UInt64>(0)
        @usableFromInline let generation = Atomic<UInt32>(0)
        /// Nanoseconds.
        @usableFromInline let end = Atomic<Int64>(0)

        /// Counts one success, if the terms allow it.
        @inlinable
        func take(generation ticket: UInt32, at now: Int64) -> Bool {
            var seen = word.load(ordering: .acquiring)
            while seen & 0xFFFF_FFFF != 0 {
                guard generation.load(ordering: .acquiring) == ticket, now < end.load(ordering: .acquiring) else {
                    return false
                }
                let (isDone, current) = word.compareExchange(
                    expected: seen, desired: seen &- 1, successOrdering: .acquiringAndReleasing,
                    failureOrdering: .acquiring)
                if isDone { return true }
                seen = current
            }
            return false
        }

        /// Ends the round; called under the breaker's lock.
        ///
        /// - Returns: What is left of the allowance.
        func close() -> UInt32 {
            var seen = word.load(ordering: .acquiring)
            while seen & 0xFFFF_FFFF != 0 {
                let (isDone, current) = word.compareExchange(
                    expected: seen, desired: seen & ~0xFFFF_FFFF, ordering: .acquiringAndReleasing)
                if isDone { return UInt32(truncatingIfNeeded: seen) }
                seen = current
            }
            return 0
        }

        /// Begins a round; called under the breaker's lock, after `close`.
        func open(_ allowance: UInt32, generation ticket: UInt32, end instant: Int64) {
            if allowance == 0 { return }
            generation.store(ticket, ordering: .releasing)
            end.store(instant, ordering: .releasing)
            let round = (word.load(ordering: .relaxed) >> 32) &+ 1
            word.store(round << 32 | UInt64(allowance), ordering: .releasing)
        }
    }
}
