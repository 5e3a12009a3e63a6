// SPDX-License-Identifier: Apache-2.0

/// Something the fallback did.
public enum FallbackEvent: Sendable, Hashable {
    /// A call that failed was answered by its fallback; in shadow mode it would have been.
    case used(shadow: Bool)
}
