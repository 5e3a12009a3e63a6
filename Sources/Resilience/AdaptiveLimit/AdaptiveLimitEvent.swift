// SPDX-License-Identifier: Apache-2.0

/// Something an adaptive limit did.
public enum AdaptiveLimitEvent: Sendable, Hashable {
    /// A call was refused, or would have been.
    case rejected(Rejection.Reason, shadow: Bool)
    /// A call got its slot after it had waited.
    case waited(Duration)
    /// The limit has moved.
    case moved(from: Int, to: Int)
}
