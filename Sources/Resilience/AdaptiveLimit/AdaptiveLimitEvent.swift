// SPDX-License-Identifier: Apache-2.0

/// Something an adaptive limit did.
public enum AdaptiveLimitEvent: Sendable, Hashable {
    /// A call was refused, or would have been.
    case rejected(shadow: Bool)
    /// The limit has moved.
    case moved(from: Int, to: Int)
}
