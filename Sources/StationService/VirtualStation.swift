// SPDX-License-Identifier: Apache-2.0

internal import Measurement
internal import NIOCore
internal import Stations

/// Drives one ``StationMachine`` from an event loop: one timer for whatever happens next.
///
/// Not thread-safe: everything happens on the loop.
final class VirtualStation {
    typealias Machine = StationMachine<StationHandler>

    let name: String
    private let eventLoop: NIOIsolatedEventLoop
    private var machine: Machine
    private var timer: Scheduled<Void>?
    /// When the timer wakes us; `UInt64.max` without one.
    private var armed = UInt64.max
    /// Kept for its memory.
    private var departures: [Machine.Departure] = []

    init(name: String, options: StationOptions, seed: UInt64, eventLoop: any EventLoop) {
        self.name = name
        self.eventLoop = eventLoop.assumeIsolated()
        machine = Machine(name: name, options: options, seed: seed, now: Self.now)
    }

    private static var now: UInt64 { NIODeadline.now().uptimeNanoseconds }

    var control: StationControl { machine.control }

    /// Takes a request; its handler is told how it ended.
    func arrive(_ handler: StationHandler, deadline: UInt64, at time: UInt64) {
        machine.arrive(handler, at: time, deadline: deadline, &departures)
        settle()
    }

    func set(_ control: StationControl) {
        machine.set(control, at: Self.now, &departures)
        settle()
    }

    func record() -> StationRecord {
        let record = machine.record(at: Self.now, &departures)
        settle()
        return record
    }

    func resetStatistics() {
        machine.resetStatistics(at: Self.now, &departures)
        settle()
    }

    /// Answers those who leave and sets the timer for the next one.
    private func settle() {
        // Answering may bring the next request of a pipeline in: its departures come after these.
        while !departures.isEmpty {
            let leaving = departures
            departures.removeAll(keepingCapacity: true)
            for departure in leaving {
                let reached = departure.ticket.answer(departure.outcome)
                machine.answered(lateness: Self.now &- min(departure.ended, Self.now), abandoned: !reached)
            }
        }
        let next = machine.nextEvent
        guard next < armed else { return }
        timer?.cancel()
        armed = next
        timer = eventLoop.scheduleTask(deadline: .uptimeNanoseconds(next)) { self.wake() }
    }

    private func wake() {
        armed = .max
        timer = nil
        machine.advance(to: Self.now, &departures)
        settle()
    }
}
