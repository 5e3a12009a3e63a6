// SPDX-License-Identifier: Apache-2.0

/// What a virtual station did in one stretch of time, by its own clock.
///
/// A station's clock is exact: a slot that comes free at an instant is given to the next request at that very instant,
/// however late the process wakes up. How late answers really left is kept apart, in ``timerLateness``.
package struct StationRecord: Codable, Sendable {
    package var name: String
    /// Nil without a limit.
    package var slots: Int?
    /// The distribution of service times in words: `exp(5ms)`.
    package var service: String
    /// `fifo`, `lifo(100)`.
    package var queue: String
    /// Length of the stretch.
    package var windowNanoseconds: UInt64

    package var arrivals: UInt64
    package var served: UInt64
    /// Turned away because the queue was full.
    package var rejected: UInt64
    /// Dropped because their deadline had passed while they waited.
    package var expired: UInt64
    /// Answered by an injected failure.
    package var failed: UInt64
    /// Served or dropped after their client had gone: work that nobody waited for.
    package var abandoned: UInt64

    /// Realised time in a slot, slow-downs and freezes included.
    package var serviceTime: LatencyHistogram
    /// From arrival to a slot.
    package var waitTime: LatencyHistogram
    /// From arrival to the end of service.
    package var sojournTime: LatencyHistogram
    /// From the end of service by the station's clock to the instant at which the answer was written.
    package var timerLateness: LatencyHistogram

    /// Integral of the number of requests in service over time.
    package var busyNanoseconds: Double
    /// Integral of the number of requests that wait over time.
    package var waitingNanoseconds: Double
    package var longestQueue: Int
    /// Requests in service and waiting at the end of the stretch.
    package var inService: Int
    package var waiting: Int

    package init(
        name: String, slots: Int?, service: String, queue: String, windowNanoseconds: UInt64 = 0, arrivals: UInt64 = 0,
        served: UInt64 = 0, rejected: UInt64 = 0, expired: UInt64 = 0, failed: UInt64 = 0, abandoned: UInt64 = 0,
        serviceTime: LatencyHistogram = .init(), waitTime: LatencyHistogram = .init(),
        sojournTime: LatencyHistogram = .init(), timerLateness: LatencyHistogram = .init(),
        busyNanoseconds: Double = 0, waitingNanoseconds: Double = 0, longestQueue: Int = 0, inService: Int = 0,
        waiting: Int = 0
    ) {
        self.name = name
        self.slots = slots
        self.service = service
        self.queue = queue
        self.windowNanoseconds = windowNanoseconds
        self.arrivals = arrivals
        self.served = served
        self.rejected = rejected
        self.expired = expired
        self.failed = failed
        self.abandoned = abandoned
        self.serviceTime = serviceTime
        self.waitTime = waitTime
        self.sojournTime = sojournTime
        self.timerLateness = timerLateness
        self.busyNanoseconds = busyNanoseconds
        self.waitingNanoseconds = waitingNanoseconds
        self.longestQueue = longestQueue
        self.inService = inService
        self.waiting = waiting
    }

    /// Share of the slots that were busy, 0…1, from the realised times; nil for a station without a limit or without
    /// time.
    package var utilization: Double? {
        guard let slots, slots > 0, windowNanoseconds > 0 else { return nil }
        return busyNanoseconds / (Double(slots) * Double(windowNanoseconds))
    }

    /// Mean number of requests at the station: the N of Little's law, N = X·T.
    package var meanPresent: Double? {
        windowNanoseconds > 0 ? (busyNanoseconds + waitingNanoseconds) / Double(windowNanoseconds) : nil
    }

    /// Mean number of requests that wait.
    package var meanWaiting: Double? {
        windowNanoseconds > 0 ? waitingNanoseconds / Double(windowNanoseconds) : nil
    }
}
