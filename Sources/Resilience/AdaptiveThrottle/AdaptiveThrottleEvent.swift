// SPDX-License-Identifier: Apache-2.0

/// Something an adaptive throttle did.
public enum AdaptiveThrottleEvent: Sendable, Hashable {
    /// A call was refused, or would have been.
    case rejected(shadow: Bool)
}
