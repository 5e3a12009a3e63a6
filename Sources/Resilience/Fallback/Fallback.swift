// SPDX-License-Identifier: Apache-2.0

internal import Synchronization

/// Answers a call that failed with something less good, so that the failure does not spread.
public final class Fallback: Sendable {
    private let machine: Mutex<StateMachine>
    private let listener: PolicyListener<FallbackEvent>

    init(mode: PolicyMode, listener: PolicyListener<FallbackEvent>) {
        machine = Mutex(StateMachine(mode: mode))
        self.listener = listener
    }

    /// Takes a new mode for the calls that fail from now on.
    func apply(mode: PolicyMode) {
        machine.withLock { $0.mode = mode }
    }

    /// Whether the fallback of a failed call has to be asked.
    @usableFromInline
    func shouldAnswer(isCancelled: Bool) -> Bool {
        switch machine.withLock({ $0.decide(isCancelled: isCancelled) }) {
        case .use: return true
        case .report:
            listener.report(.used(shadow: true))
            return false
        case .leave: return false
        }
    }

    @usableFromInline
    func reportAnswer() {
        listener.report(.used(shadow: false))
    }
}
