// SPDX-License-Identifier: Apache-2.0

extension RetryOptions.Backoff {
    /// The pause after so many failures in a row, in nanoseconds.
    ///
    /// - Parameter previous: The pause before the last failure; decorrelated jitter goes on from it.
    func pause(failures: Int, previous: Int64, _ random: inout SplitMix64) -> Int64 {
        let base = Double(base.nanosecondsSaturated)
        let cap = Double(cap.nanosecondsSaturated)
        var time = base
        for _ in 1..<max(1, failures) where time < cap { time *= max(1, multiplier) }
        time = min(time, cap)
        switch jitter {
        case .none: break
        case .full: time *= random.unit()
        case .equal: time = time / 2 + time / 2 * random.unit()
        case .decorrelated:
            let upper = max(base, 3 * Double(previous))
            time = min(cap, base + (upper - base) * random.unit())
        }
        // Options that were checked are of at most an hour; others may be anything.
        return Int64(exactly: max(0, time).rounded(.down)) ?? .max
    }
}

/// The pauses of work that is tried until it succeeds and that is no call through a pipeline, such as a queue's worker
/// whose broker can't be reached.
///
/// It counts failures and nothing else: the caller waits, and says when the work has succeeded.
public struct BackoffPauses: Sendable {
    private let backoff: RetryOptions.Backoff
    private var random: SplitMix64
    private var failures = 0
    private var previous: Int64 = 0

    /// Pauses from the first one on.
    ///
    /// - Parameters:
    ///   - backoff: How they grow and how they are spread. Bounds are not checked: a multiplier below 1 counts as 1, and
    ///     a time below zero as zero.
    ///   - seed: Where jitter starts; the same seed gives the same pauses.
    public init(_ backoff: RetryOptions.Backoff, seed: UInt64 = .random(in: .min ... .max)) {
        self.backoff = backoff
        random = SplitMix64(seed: seed)
    }

    /// The work has failed once more: how long to wait before it is tried again.
    public mutating func next() -> Duration {
        // Beyond that no pause grows, and a worker may fail for years.
        failures = min(failures + 1, 1000)
        previous = backoff.pause(failures: failures, previous: previous, &random)
        return .nanoseconds(previous)
    }

    /// The work has succeeded: the next failure is a first one again.
    public mutating func reset() {
        failures = 0
        previous = 0
    }
}
