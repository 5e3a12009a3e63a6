// SPDX-License-Identifier: Apache-2.0

internal import CLinux

/// The clock of every timestamp: CLOCK_MONOTONIC in nanoseconds.
enum Clock {
    @inline(__always)
    static func now() -> UInt64 { seawall_monotonic_nanoseconds() }
}

extension Duration {
    /// Whole nanoseconds, clamped to 0…292 years.
    package var nanoseconds: UInt64 {
        let (seconds, attoseconds) = components
        if seconds < 0 || attoseconds < 0 { return 0 }
        let (product, overflow) = UInt64(seconds).multipliedReportingOverflow(by: 1_000_000_000)
        return overflow || product > UInt64(Int64.max)
            ? UInt64(Int64.max) : product + UInt64(attoseconds / 1_000_000_000)
    }
}
