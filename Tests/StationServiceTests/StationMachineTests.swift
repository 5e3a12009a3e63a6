// SPDX-License-Identifier: Apache-2.0

import Measurement
import Stations
import Testing

@testable import StationService

/// A station with fixed service times on a clock of the test's own; times are milliseconds.
struct Bench {
    var machine: StationMachine<Int>
    var departures: [StationMachine<Int>.Departure] = []

    init(_ options: StationOptions, seed: UInt64 = 3) {
        machine = StationMachine(name: "db", options: options, seed: seed, now: 0)
    }

    mutating func arrive(_ ticket: Int, at time: Double, deadline: Double? = nil) {
        machine.arrive(
            ticket, at: UInt64(time * 1e6), deadline: deadline.map { UInt64($0 * 1e6) } ?? .max, &departures)
    }

    mutating func advance(to time: Double) { machine.advance(to: UInt64(time * 1e6), &departures) }
    mutating func set(_ control: StationControl, at time: Double) {
        machine.set(control, at: UInt64(time * 1e6), &departures)
    }

    /// Who left, and when in milliseconds.
    var log: [String] {
        departures.map { "\($0.ticket) \($0.outcome) \(Double($0.ended) / 1e6)" }
    }
}

@Suite("Station machine")
struct StationMachineTests {
    @Test("first come, first served: each begins at the instant at which the one before has ended")
    func fifo() {
        var bench = Bench(StationOptions(service: .fixed(10e6)))
        for ticket in 0..<3 { bench.arrive(ticket, at: Double(ticket)) }
        #expect(bench.machine.nextEvent == 10_000_000)
        // Woken late: the times are those at which things happened.
        bench.advance(to: 35)
        #expect(bench.log == ["0 served 10.0", "1 served 20.0", "2 served 30.0"])
        #expect(bench.machine.present == 0 && bench.machine.nextEvent == .max)
    }

    @Test("the newest first")
    func lifo() {
        var bench = Bench(StationOptions(service: .fixed(10e6), queue: QueueDiscipline(.lifo)))
        for ticket in 0..<4 { bench.arrive(ticket, at: Double(ticket)) }
        bench.advance(to: 100)
        #expect(bench.departures.map(\.ticket) == [0, 3, 2, 1])
    }

    @Test("a full queue rejects at once, and a queue of 0 takes nobody")
    func bounded() {
        var bench = Bench(StationOptions(service: .fixed(10e6), queue: QueueDiscipline(.fifo, limit: 1)))
        for ticket in 0..<3 { bench.arrive(ticket, at: Double(ticket)) }
        #expect(bench.log == ["2 rejected 2.0"])
        bench.advance(to: 100)
        #expect(bench.departures.map(\.ticket) == [2, 0, 1])

        var loss = Bench(StationOptions(slots: 2, service: .fixed(10e6), queue: QueueDiscipline(.fifo, limit: 0)))
        for ticket in 0..<3 { loss.arrive(ticket, at: 0) }
        #expect(loss.log == ["2 rejected 0.0"])
    }

    @Test("several slots serve at once, one more as soon as any is free; without a limit nobody waits")
    func slots() {
        var bench = Bench(StationOptions(slots: 2, service: .fixed(10e6)))
        for ticket in 0..<4 { bench.arrive(ticket, at: Double(ticket)) }
        bench.advance(to: 100)
        #expect(bench.log == ["0 served 10.0", "1 served 11.0", "2 served 20.0", "3 served 21.0"])

        var delay = Bench(StationOptions(slots: nil, service: .fixed(10e6)))
        for ticket in 0..<500 { delay.arrive(ticket, at: 1) }
        delay.advance(to: 11)
        #expect(delay.departures.count == 500)
    }

    @Test("work that nobody waits for any more is dropped where the station says so", arguments: [true, false])
    func expiry(drops: Bool) {
        var bench = Bench(StationOptions(service: .fixed(10e6), dropsExpired: drops))
        bench.arrive(0, at: 0, deadline: 5)
        bench.arrive(1, at: 1, deadline: 10)
        bench.arrive(2, at: 2, deadline: 30)
        bench.advance(to: 100)
        // In service is in service: 0 is finished although nobody waits.
        #expect(
            bench.log
                == (drops
                    ? ["0 served 10.0", "1 expired 10.0", "2 served 20.0"]
                    : ["0 served 10.0", "1 served 20.0", "2 served 30.0"]))
    }

    @Test("a freeze holds the work that is left, in service and waiting")
    func freeze() {
        var bench = Bench(StationOptions(service: .fixed(10e6)))
        bench.arrive(0, at: 0)
        bench.set(StationControl(freeze: true), at: 4)
        bench.arrive(1, at: 5)
        bench.advance(to: 1_000)
        #expect(bench.departures.isEmpty && bench.machine.nextEvent == .max && bench.machine.present == 2)
        bench.set(StationControl(), at: 1_004)
        bench.advance(to: 2_000)
        #expect(bench.log == ["0 served 1010.0", "1 served 1020.0"])
    }

    @Test("a slow-down stretches what is left of the work in service and all that comes after it")
    func slow() {
        var bench = Bench(StationOptions(slots: 2, service: .fixed(10e6)))
        bench.arrive(0, at: 0)
        bench.arrive(1, at: 2)
        bench.set(StationControl(slow: 3), at: 4)
        bench.arrive(2, at: 5)
        bench.advance(to: 30)
        // 0 had 6 ms left, 1 had 8 ms: times three.
        #expect(bench.log == ["0 served 22.0", "1 served 28.0"])
        bench.set(StationControl(), at: 31)
        bench.advance(to: 100)
        // 2 began at 22 and did 3 ms of its 10 in 9.
        #expect(bench.log.last == "2 served 38.0")
    }

    @Test("a failing station answers a share of the arrivals at once, the same ones for the same seed")
    func failing() {
        func run(seed: UInt64) -> [Int] {
            var bench = Bench(StationOptions(slots: nil, service: .fixed(1e6)), seed: seed)
            bench.set(StationControl(error: .init(status: 500, rate: 0.25)), at: 0)
            for ticket in 0..<2_000 { bench.arrive(ticket, at: Double(ticket)) }
            return bench.departures.filter { $0.outcome == .failed(status: 500) }.map(\.ticket)
        }
        let failed = run(seed: 5)
        // Four standard deviations of a binomial of 2,000 and 0.25.
        #expect(abs(failed.count - 500) < 78)
        #expect(run(seed: 5) == failed && run(seed: 6) != failed)
    }

    @Test("an arrival needs the same work in every run of a seed, whoever is served first")
    func seeded() {
        func works(_ queue: QueueDiscipline, seed: UInt64) -> [Int: UInt64] {
            var bench = Bench(StationOptions(service: .exponential(mean: 10e6), queue: queue), seed: seed)
            for ticket in 0..<50 { bench.arrive(ticket, at: Double(ticket)) }
            bench.advance(to: 1e6)
            return Dictionary(uniqueKeysWithValues: bench.departures.map { ($0.ticket, $0.ended - $0.began) })
        }
        let first = works(QueueDiscipline(.fifo), seed: 8)
        #expect(first == works(QueueDiscipline(.lifo), seed: 8))
        #expect(first != works(QueueDiscipline(.fifo), seed: 9))
        #expect(Set(first.values).count == 50)
    }

    @Test("the integrals give utilisation and Little's law, and begin anew when asked to")
    func statistics() throws {
        var bench = Bench(StationOptions(service: .fixed(10e6)))
        for ticket in 0..<3 { bench.arrive(ticket, at: 0) }
        bench.advance(to: 40)
        var departures: [StationMachine<Int>.Departure] = []
        let record = bench.machine.record(at: 40_000_000, &departures)
        #expect(record.utilization == 0.75)
        // 10 + 20 + 30 ms at the station in 40 ms.
        #expect(record.meanPresent == 1.5 && record.longestQueue == 2)
        #expect(record.arrivals == 3 && record.served == 3)
        bench.arrive(3, at: 45)
        bench.machine.resetStatistics(at: 50_000_000, &departures)
        bench.advance(to: 60)
        let second = bench.machine.record(at: 60_000_000, &departures)
        #expect(second.windowNanoseconds == 10_000_000 && second.busyNanoseconds == 5e6)
        #expect(second.arrivals == 0 && second.served == 1)
    }
}
