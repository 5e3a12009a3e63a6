// SPDX-License-Identifier: Apache-2.0

import Measurement
import Stations
import Testing

@testable import LoadGenerator
@testable import StationService

/// The load generator's arrivals through the stations' machine, on a clock that costs nothing: what is wrong with the
/// arrival process, the service times or the queue shows here without the noise of a machine.
@Suite("Ground truth, simulated")
struct SimulatedGroundTruthTests {
    struct Model: Sendable, CustomTestStringConvertible {
        var name: String
        var slots = 1
        var service: ServiceTime
        /// Response times, in units of the mean service time.
        var mean: Double
        var survivor: @Sendable (Double) -> Double
        /// Relative standard deviations of the mean and of the 99th percentile with 20,000 requests at this load. That
        /// of the mean follows for M/M/1 from the asymptotic variance ρ(2 + 5ρ − 4ρ² + ρ³)/(1 − ρ)⁴ of its waiting
        /// times (D. J. Daley, "The serial correlation coefficients of waiting times in a stationary single server
        /// queue", 1968), that of the percentile from simulation. The other models vary less.
        var meanDeviation: Double
        var tailDeviation: Double
        var load: Double
        var testDescription: String { "\(name) at ρ = \(load)" }
    }

    static let models: [Model] = [
        mm1(0.5, 0.019, 0.048), mm1(0.7, 0.038, 0.093),
        Model(
            name: "M/D/1", service: .fixed(5e6), mean: QueueingTheory.md1(mean: 0.7),
            survivor: { QueueingTheory.md1(survivor: $0, load: 0.7) }, meanDeviation: 0.038, tailDeviation: 0.093,
            load: 0.7),
        Model(
            name: "M/M/4", slots: 4, service: .exponential(mean: 5e6), mean: QueueingTheory.mmc(mean: 0.7, servers: 4),
            survivor: { QueueingTheory.mmc(survivor: $0, servers: 4, load: 0.7) }, meanDeviation: 0.038,
            tailDeviation: 0.093, load: 0.7),
    ]

    static func mm1(_ load: Double, _ meanDeviation: Double, _ tailDeviation: Double) -> Model {
        Model(
            name: "M/M/1", service: .exponential(mean: 5e6), mean: QueueingTheory.mm1(mean: load),
            survivor: { QueueingTheory.mm1(survivor: $0, load: load) }, meanDeviation: meanDeviation,
            tailDeviation: tailDeviation, load: load)
    }

    @Test("response times are those of the theory", arguments: models)
    func agree(model: Model) throws {
        let count = 60_000.0
        let rate = model.load * Double(model.slots) / 5e-3
        var source = Plan.Source(
            name: "load", arrivals: .poisson, rate: .constant(perSecond: rate), duration: .seconds(count / rate),
            journeys: [(0, 1)])
        source.startOffset = .seconds(1)
        var schedule = ArrivalSchedule(source: source, seed: 42, stream: 0)
        var machine = StationMachine<Void>(
            name: "db", options: StationOptions(slots: model.slots, service: model.service), seed: 42, now: 0)
        var departures: [StationMachine<Void>.Departure] = []
        var last: UInt64 = 0
        while let arrival = schedule.nextArrival() {
            machine.arrive((), at: arrival.nanoseconds, &departures)
            departures.removeAll(keepingCapacity: true)
            last = arrival.nanoseconds
        }
        machine.advance(to: last + 60_000_000_000, &departures)
        let record = machine.record(at: machine.nextEvent == .max ? last + 60_000_000_000 : .max - 1, &departures)

        #expect(record.served == record.arrivals && abs(Double(record.served) / count - 1) < 0.012)
        // Four standard deviations for this number of requests.
        let scale = 4 * (20_000 / count).squareRoot()
        let mean = try #require(record.sojournTime.mean) / 5e6
        #expect(abs(mean / model.mean - 1) < model.meanDeviation * scale, "mean \(mean), theory \(model.mean)")
        for (percent, deviation) in [(50.0, model.meanDeviation), (90, model.tailDeviation), (99, model.tailDeviation)]
        {
            let measured = Double(try #require(record.sojournTime.percentile(percent))) / 5e6
            let theory = QueueingTheory.quantile(percent / 100, of: model.survivor)
            #expect(abs(measured / theory - 1) < deviation * scale, "p\(percent) \(measured), theory \(theory)")
        }
        // Little's law holds by construction of the integrals; a request that was lost or counted twice breaks it.
        let present = record.busyNanoseconds + record.waitingNanoseconds
        let sojourns = try #require(record.sojournTime.mean) * Double(record.served)
        #expect(abs(present / sojourns - 1) < 0.001)
    }
}
