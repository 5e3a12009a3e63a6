// SPDX-License-Identifier: Apache-2.0

internal import Synchronization

extension AttemptTimeout {
    /// The race between an attempt and its timer. Whoever comes first is remembered; the other changes nothing. One
    /// atomic byte, because every attempt makes one.
    struct StateMachine: ~Copyable, Sendable {
        private static let finished: UInt8 = 1
        private static let expired: UInt8 = 2

        private let state = Atomic<UInt8>(0)

        /// Whether the attempt has returned.
        var isFinished: Bool {
            state.load(ordering: .acquiring) & Self.finished != 0
        }

        /// Whether the timer came first.
        var isExpired: Bool {
            state.load(ordering: .acquiring) & Self.expired != 0
        }

        /// The timer fired.
        ///
        /// - Returns: Whether the attempt has to be told to stop.
        func expire() -> Bool {
            state.compareExchange(expected: 0, desired: Self.expired, ordering: .acquiringAndReleasing).exchanged
        }

        /// The attempt returned.
        func finish() {
            state.bitwiseOr(Self.finished, ordering: .acquiringAndReleasing)
        }
    }
}
