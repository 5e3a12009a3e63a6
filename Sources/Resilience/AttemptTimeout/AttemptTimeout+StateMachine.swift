// SPDX-License-Identifier: Apache-2.0

internal import Synchronization

extension AttemptTimeout {
    /// The race between an attempt, its timer and its caller's patience. Who comes first decides what the attempt's
    /// end means; the others change nothing.
    struct StateMachine: ~Copyable, Sendable {
        /// Who came first.
        enum End: UInt8, Sendable {
            /// Nobody yet.
            case none
            /// The attempt returned.
            case returned
            /// Its time was up.
            case expired
            /// The caller gave up: whatever the attempt still does is no timeout, however long it takes.
            case abandoned
        }

        private let state = Atomic<UInt8>(End.none.rawValue)

        /// Somebody arrives.
        ///
        /// - Returns: Whether nobody was there before.
        func settle(_ end: End) -> Bool {
            state.compareExchange(expected: End.none.rawValue, desired: end.rawValue, ordering: .acquiringAndReleasing)
                .exchanged
        }

        /// Whether the timer came first.
        var isExpired: Bool {
            state.load(ordering: .acquiring) == End.expired.rawValue
        }
    }
}
