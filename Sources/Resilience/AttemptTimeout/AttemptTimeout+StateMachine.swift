// SPDX-License-Identifier: Apache-2.0

extension AttemptTimeout {
    /// The race between an attempt and its timer. Whoever comes first is remembered; the other changes nothing.
    struct StateMachine: Sendable, Equatable {
        private(set) var isFinished = false
        private(set) var isExpired = false

        /// The timer fired.
        ///
        /// - Returns: Whether the attempt has to be told to stop.
        mutating func expire() -> Bool {
            if isFinished { return false }
            isExpired = true
            return true
        }

        /// The attempt returned.
        mutating func finish() {
            isFinished = true
        }
    }
}
