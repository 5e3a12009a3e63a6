// SPDX-License-Identifier: Apache-2.0

package import Measurement
package import Stations

/// A virtual station as a pure state machine: c slots, one queue, service times that follow from a seed.
///
/// It lives on a clock that it is told. ``advance(to:_:)`` lets everything happen that was due by then, each thing at
/// its own instant: the slot that came free at 10.0 ms serves the next request from 10.0 ms on, also when the process
/// woke up at 10.1. So a late timer delays one answer, and never the queue.
///
/// `Ticket` is whatever the shell needs to answer. All times are nanoseconds on one monotonic clock; a time before the
/// last one counts as that one.
package struct StationMachine<Ticket> {
    /// What became of a request.
    package enum Outcome: Sendable, Equatable {
        case served
        /// The queue was full.
        case rejected
        /// The deadline passed in the queue.
        case expired
        /// An injected failure, with the status to answer with.
        case failed(status: Int)
    }

    /// A request that leaves the station.
    package struct Departure {
        package var ticket: Ticket
        package var outcome: Outcome
        package var arrived: UInt64
        /// When it got a slot; when it left, if it never did.
        package var began: UInt64
        package var ended: UInt64
    }

    struct Job {
        var ticket: Ticket
        var arrived: UInt64
        /// Service time at full speed.
        var work: UInt64
        var deadline: UInt64
    }

    package let options: StationOptions
    private let draws: StationDraws
    private var arrivals: UInt64 = 0
    private var queue: StationQueue<Job>
    private var slots = SlotHeap<Job>()
    private var statistics: StationStatistics
    package private(set) var control = StationControl()
    /// The latest time that it was told.
    private var now: UInt64

    /// - Parameter name: Tells the random numbers of stations with the same seed apart.
    package init(name: String, options: StationOptions, seed: UInt64, now: UInt64) {
        self.options = options
        self.now = now
        draws = StationDraws(name: name, service: options.service, seed: seed)
        queue = StationQueue(discipline: options.queue)
        statistics = StationStatistics(name: name, options: options, now: now)
    }

    /// When something happens next by itself; `UInt64.max` when nothing does.
    package var nextEvent: UInt64 { slots.earliest }

    /// Requests at the station, waiting and in service.
    package var present: Int { queue.count + slots.count }

    /// A request arrives. What leaves by that, at once or before it, is appended to `departures`.
    ///
    /// - Parameter deadline: When nobody waits for the answer any more; `UInt64.max` for never.
    package mutating func arrive(
        _ ticket: Ticket, at time: UInt64, deadline: UInt64 = .max, _ departures: inout [Departure]
    ) {
        advance(to: time, &departures)
        let number = arrivals
        arrivals += 1
        statistics.arrivals += 1
        if let failure = control.error, draws.fails(number, rate: failure.rate) {
            leaveUnserved(ticket, arrived: now, .failed(status: failure.status), at: now, &departures)
            return
        }
        let job = Job(ticket: ticket, arrived: now, work: draws.work(number), deadline: deadline)
        if options.slots.map({ slots.count < $0 }) ?? true {
            begin(job, at: now)
        } else if queue.isFull {
            leaveUnserved(ticket, arrived: now, .rejected, at: now, &departures)
        } else {
            statistics.change(waiting: queue.count + 1, busy: slots.count, at: now)
            queue.append(job)
        }
        // A service time of 0 is over already.
        advance(to: now, &departures)
    }

    /// Lets everything happen that is due by `time`.
    package mutating func advance(to time: UInt64, _ departures: inout [Departure]) {
        while let done = slots.popDue(time) {
            statistics.change(waiting: queue.count, busy: slots.count, at: done.finish)
            statistics.served(began: done.began, arrived: done.job.arrived, ended: done.finish)
            departures.append(
                Departure(
                    ticket: done.job.ticket, outcome: .served, arrived: done.job.arrived, began: done.began,
                    ended: done.finish))
            now = max(now, done.finish)
            serveNext(at: done.finish, &departures)
        }
        now = max(now, time)
    }

    /// Changes how the station behaves from `time` on.
    package mutating func set(_ control: StationControl, at time: UInt64, _ departures: inout [Departure]) {
        advance(to: time, &departures)
        self.control = control
        slots.change(speed: control.speed, at: now)
    }

    /// What was counted since the last reset.
    package mutating func record(at time: UInt64, _ departures: inout [Departure]) -> StationRecord {
        advance(to: time, &departures)
        statistics.change(waiting: queue.count, busy: slots.count, at: now)
        return statistics.record(now: now)
    }

    /// Begins to count anew.
    package mutating func resetStatistics(at time: UInt64, _ departures: inout [Departure]) {
        advance(to: time, &departures)
        statistics = StationStatistics(name: statistics.name, options: options, now: now)
        statistics.change(waiting: queue.count, busy: slots.count, at: now)
    }

    /// What the shell knows about an answer: how late it was written, and whether anybody still waited.
    package mutating func answered(lateness: UInt64, abandoned: Bool) {
        statistics.answered(lateness: lateness, abandoned: abandoned)
    }

    private mutating func serveNext(at time: UInt64, _ departures: inout [Departure]) {
        while let job = queue.popNext() {
            statistics.change(waiting: queue.count, busy: slots.count, at: time)
            if options.dropsExpired, job.deadline <= time {
                leaveUnserved(job.ticket, arrived: job.arrived, .expired, at: time, &departures)
                continue
            }
            begin(job, at: time)
            return
        }
    }

    private mutating func begin(_ job: Job, at time: UInt64) {
        slots.add(job, work: job.work, at: time)
        statistics.change(waiting: queue.count, busy: slots.count, at: time)
    }

    private mutating func leaveUnserved(
        _ ticket: Ticket, arrived: UInt64, _ outcome: Outcome, at time: UInt64, _ departures: inout [Departure]
    ) {
        statistics.leftUnserved(outcome)
        departures.append(
            Departure(ticket: ticket, outcome: outcome, arrived: arrived, began: time, ended: time))
    }
}
