// SPDX-License-Identifier: Apache-2.0

/// Something the deadline policy saw.
public enum DeadlineEvent: Sendable, Hashable {
    /// An attempt was ended at the call's deadline, whoever had set it; `limit` is the time that the attempt had.
    case exceeded(limit: Duration)
    /// In shadow mode: a call took longer than the limit and was left alone.
    case wouldExceed(limit: Duration)
}
