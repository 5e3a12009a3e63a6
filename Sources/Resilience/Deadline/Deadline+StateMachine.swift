// SPDX-License-Identifier: Apache-2.0

extension Deadline {
    /// The arithmetic of deadlines: absolute, and the earlier one wins.
    enum StateMachine {
        /// The deadline of a call that starts now.
        ///
        /// - Parameter limit: The policy's own in nanoseconds; `.max` without one.
        static func deadline(limit: Int64, outer: MonotonicInstant?, start: MonotonicInstant) -> MonotonicInstant? {
            if limit == .max { return outer }
            let own = MonotonicInstant(nanoseconds: start.nanoseconds.addingSaturated(limit))
            return min(own, outer ?? own)
        }
    }
}
