// SPDX-License-Identifier: Apache-2.0

extension Fallback {
    /// Whether a failed call is answered by its fallback.
    struct StateMachine: Sendable {
        var mode: PolicyMode

        enum Decision: Sendable, Equatable {
            case use
            case report
            case leave
        }

        /// Nobody waits for the answer to a call that was cancelled.
        func decide(isCancelled: Bool) -> Decision {
            if isCancelled { return .leave }
            return switch mode {
            case .enforced: .use
            case .shadow: .report
            case .disabled, .forcedOpen, .forcedClosed: .leave
            }
        }
    }
}
