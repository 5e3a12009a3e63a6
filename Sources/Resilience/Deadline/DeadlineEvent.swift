// SPDX-License-Identifier: Apache-2.0

/// Something the deadline policy saw.
public enum DeadlineEvent: Sendable, Hashable {
    /// In shadow mode: a call took longer than the limit and was left alone.
    case wouldExceed(limit: Duration)
}
