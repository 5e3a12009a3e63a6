// SPDX-License-Identifier: Apache-2.0

/// Tells a second wish to stop from a signal that came twice.
///
/// `timeout` sends its signal to the command and then to the command's process group, so that the command gets it twice within
/// microseconds. Nobody presses Ctrl-C twice that fast.
struct StopRequests {
    enum Meaning { case first, echo, again }

    /// How soon after the first was answered the same signal is still the same wish.
    static let echoTime = Duration.milliseconds(50)

    private var first: Int32?
    private var answeredAt: ContinuousClock.Instant?

    mutating func take(_ signal: Int32, at now: ContinuousClock.Instant) -> Meaning {
        guard let first else {
            first = signal
            return .first
        }
        let isSoon = answeredAt.map { now - $0 <= Self.echoTime } ?? true
        return signal == first && isSoon ? .echo : .again
    }

    /// The first is handled; only from now on can another one be read.
    mutating func answered(at now: ContinuousClock.Instant) { answeredAt = now }
}
