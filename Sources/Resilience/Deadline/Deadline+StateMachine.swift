// SPDX-License-Identifier: Apache-2.0

extension Deadline {
    /// The arithmetic of deadlines: absolute, and the earlier one wins.
    struct StateMachine: Sendable, Equatable {
        var mode: PolicyMode
        /// Nanoseconds; nil while the policy never had a limit.
        var limit: Int64?

        /// The deadline of a call that starts now.
        func deadline(outer: MonotonicInstant?, start: MonotonicInstant) -> MonotonicInstant? {
            guard mode == .enforced, let limit else { return outer }
            let own = MonotonicInstant(nanoseconds: start.nanoseconds.addingSaturated(limit))
            return min(own, outer ?? own)
        }

        /// The limit that a call which is only watched has passed.
        func exceeded(duration: Int64) -> Int64? {
            guard mode == .shadow, let limit, duration > limit else { return nil }
            return limit
        }
    }
}
