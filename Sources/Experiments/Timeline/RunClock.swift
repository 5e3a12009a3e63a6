// SPDX-License-Identifier: Apache-2.0

internal import Foundation

/// The clock of a run: nanoseconds on CLOCK_MONOTONIC since the start of its load.
struct RunClock: Sendable {
    /// The start of the load on CLOCK_MONOTONIC.
    let origin: UInt64

    /// Now on CLOCK_MONOTONIC.
    static func monotonicNanoseconds() -> UInt64 {
        var time = timespec()
        clock_gettime(CLOCK_MONOTONIC, &time)
        return UInt64(time.tv_sec) * 1_000_000_000 + UInt64(time.tv_nsec)
    }

    /// Time since the start; 0 before it.
    var now: UInt64 {
        let now = Self.monotonicNanoseconds()
        return now > origin ? now - origin : 0
    }

    /// Sleeps until this time on the run's clock.
    ///
    /// - Throws: `CancellationError`.
    func sleep(until time: Duration) async throws {
        let target = origin &+ time.nanoseconds
        let now = Self.monotonicNanoseconds()
        if target > now { try await Task.sleep(nanoseconds: target - now) }
        try Task.checkCancellation()
    }
}

extension Duration {
    /// Whole nanoseconds, 0 for negative durations, clamped to the range of `UInt64`.
    var nanoseconds: UInt64 {
        let (seconds, attoseconds) = components
        guard seconds >= 0, attoseconds >= 0 else { return 0 }
        let (product, overflow) = UInt64(seconds).multipliedReportingOverflow(by: 1_000_000_000)
        let (sum, carry) = product.addingReportingOverflow(UInt64(attoseconds / 1_000_000_000))
        return overflow || carry ? .max : sum
    }
}
