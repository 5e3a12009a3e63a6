// SPDX-License-Identifier: Apache-2.0

public import Resilience

/// What happened in one run of a scripted operation.
public struct ScriptedRun: Sendable, Hashable {
    /// How a run ended.
    public enum Ending: String, Sendable, Hashable, CaseIterable {
        /// It returned its value.
        case succeeded
        /// It threw its error.
        case failed
        /// It was cancelled, and threw because of that.
        case cancelled
    }

    /// Counts the runs of the script from 0, in the order of their starts.
    public var number: Int
    /// What the policies handed to it.
    public var context: CallContext
    /// When it started, on the script's clock.
    public var start: MonotonicInstant
    /// When it ended; nil while it is under way.
    public var end: MonotonicInstant?
    /// How it ended; nil while it is under way.
    public var ending: Ending?
    /// Whether its task was cancelled before it ended, whatever it made of that; known at once, also while it is under
    /// way.
    public var sawCancellation = false

    /// How long it took; nil while it is under way.
    public var duration: Duration? {
        end.map { start.duration(to: $0) }
    }
}
