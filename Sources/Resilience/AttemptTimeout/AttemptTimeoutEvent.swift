// SPDX-License-Identifier: Apache-2.0

/// Something the attempt timeout did.
public enum AttemptTimeoutEvent: Sendable, Hashable {
    /// An attempt took longer than its limit; in shadow mode it was left alone.
    case timedOut(limit: Duration, shadow: Bool)
}
