// SPDX-License-Identifier: Apache-2.0

internal import NIOCore

/// The clock that requests are timed and deadlines are set with: CLOCK_MONOTONIC, in nanoseconds.
///
/// One system call without an allocation, where `ContinuousClock.now` builds a 128-bit duration.
package enum MonotonicClock {
    /// Nanoseconds since an unknown start, the same for all processes of the machine.
    package static var nanoseconds: UInt64 { NIODeadline.now().uptimeNanoseconds }
}

extension Duration {
    /// Whole nanoseconds; `UInt64.max` (585 years) for what is longer, 0 for what is negative.
    package var clampedNanoseconds: UInt64 {
        guard self > .zero else { return 0 }
        let (seconds, attoseconds) = components
        let (product, overflow) = UInt64(seconds).multipliedReportingOverflow(by: 1_000_000_000)
        guard !overflow else { return .max }
        let (sum, carried) = product.addingReportingOverflow(UInt64(attoseconds / 1_000_000_000))
        return carried ? .max : sum
    }
}
