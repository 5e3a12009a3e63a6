// SPDX-License-Identifier: Apache-2.0

internal import Measurement
internal import Stations

/// What a station counts: outcomes, distributions, and the integrals over time from which utilisation and Little's law
/// follow.
struct StationStatistics {
    let name: String
    private let options: StationOptions
    private let began: UInt64
    var arrivals: UInt64 = 0
    private var servedCount: UInt64 = 0
    private var rejected: UInt64 = 0
    private var expired: UInt64 = 0
    private var failed: UInt64 = 0
    private var abandoned: UInt64 = 0
    private var serviceTime = RecordingHistogram()
    private var waitTime = RecordingHistogram()
    private var sojournTime = RecordingHistogram()
    private var lateness = RecordingHistogram()

    private var waiting = 0
    private var busy = 0
    private var changed: UInt64
    private var waitingArea = 0.0
    private var busyArea = 0.0
    private var longestQueue = 0

    init(name: String, options: StationOptions, now: UInt64) {
        self.name = name
        self.options = options
        began = now
        changed = now
    }

    /// From `time` on there are this many. Times don't go back.
    mutating func change(waiting: Int, busy: Int, at time: UInt64) {
        let length = Double(time - changed)
        waitingArea += Double(self.waiting) * length
        busyArea += Double(self.busy) * length
        changed = time
        self.waiting = waiting
        self.busy = busy
        longestQueue = max(longestQueue, waiting)
    }

    mutating func served(began: UInt64, arrived: UInt64, ended: UInt64) {
        servedCount += 1
        serviceTime.record(ended - began)
        waitTime.record(began - arrived)
        sojournTime.record(ended - arrived)
    }

    mutating func leftUnserved<Ticket>(_ outcome: StationMachine<Ticket>.Outcome) {
        switch outcome {
        case .served: break
        case .rejected: rejected += 1
        case .expired: expired += 1
        case .failed: failed += 1
        }
    }

    mutating func answered(lateness: UInt64, abandoned: Bool) {
        self.lateness.record(lateness)
        if abandoned { self.abandoned += 1 }
    }

    func record(now: UInt64) -> StationRecord {
        StationRecord(
            name: name, slots: options.slots, service: options.service.description, queue: options.queue.description,
            windowNanoseconds: now - began, arrivals: arrivals, served: servedCount, rejected: rejected,
            expired: expired, failed: failed, abandoned: abandoned, serviceTime: serviceTime.snapshot(),
            waitTime: waitTime.snapshot(), sojournTime: sojournTime.snapshot(), timerLateness: lateness.snapshot(),
            busyNanoseconds: busyArea, waitingNanoseconds: waitingArea, longestQueue: longestQueue, inService: busy,
            waiting: waiting)
    }
}
