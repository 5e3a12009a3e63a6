// SPDX-License-Identifier: Apache-2.0

/// What an incoming request hands on to the calls that are made for it.
package struct CallScope: Sendable {
    /// When the client stops waiting, on ``MonotonicClock``.
    package var deadlineNanoseconds: UInt64
    /// The W3C trace context that came in, as it came in.
    package var traceparent: String?

    package init(deadlineNanoseconds: UInt64 = .max, traceparent: String? = nil) {
        self.deadlineNanoseconds = deadlineNanoseconds
        self.traceparent = traceparent
    }

    /// That of the request which the current task serves; nil when it brought neither a deadline nor a trace.
    @TaskLocal package static var current: CallScope?
}
