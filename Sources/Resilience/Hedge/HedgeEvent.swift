// SPDX-License-Identifier: Apache-2.0

/// Something a hedge did.
public enum HedgeEvent: Sendable, Hashable {
    /// Why another attempt was wanted.
    public enum Cause: String, Sendable, Hashable, Codable, CaseIterable {
        /// No attempt had an answer within the delay.
        case slow
        /// An attempt failed before the delay was over.
        case failed
    }

    /// How a call ended for which a hedge was started.
    public enum Outcome: String, Sendable, Hashable, Codable, CaseIterable {
        /// A hedge's answer was the first acceptable one.
        case won
        /// The first attempt's was, or no attempt had one.
        case lost
    }

    /// An attempt was started, `after` so much time since the call began; `number` counts hedges of the call from 1. In
    /// shadow mode it would have been.
    case started(number: Int, cause: Cause, after: Duration, shadow: Bool)
    /// An attempt was wanted, but the budget was used up, or a policy below refused it.
    case denied(shadow: Bool)
    /// A call with a hedge has ended.
    case ended(Outcome)
    /// The answer was there, and the call had to wait so long for attempts that were slow to end after their
    /// cancellation.
    case waited(Duration)
}
