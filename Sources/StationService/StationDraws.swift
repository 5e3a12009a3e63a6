// SPDX-License-Identifier: Apache-2.0

internal import FaultInjection
internal import Stations

/// The random numbers of one station: those of arrival k follow from the seed, the station's name and k alone.
///
/// So a request of a replay costs the same work under every queue discipline and every policy, in whatever order it is
/// served.
struct StationDraws: Sendable {
    private let service: ServiceTime
    private let workSeed: UInt64
    private let failureSeed: UInt64

    init(name: String, service: ServiceTime, seed: UInt64) {
        self.service = service
        // FNV-1a: any hash of the name that is the same in every process.
        let hash = name.utf8.reduce(0xCBF2_9CE4_8422_2325 as UInt64) { ($0 ^ UInt64($1)) &* 0x0000_0100_0000_01B3 }
        var generator = SeededGenerator(seed: seed, member: hash)
        workSeed = generator.next()
        failureSeed = generator.next()
    }

    /// Service time of an arrival at full speed, in nanoseconds.
    func work(_ arrival: UInt64) -> UInt64 {
        var generator = SeededGenerator(seed: workSeed, member: arrival)
        return service.sample(using: &generator)
    }

    /// Whether an injected failure meets an arrival.
    func fails(_ arrival: UInt64, rate: Double) -> Bool {
        var generator = SeededGenerator(seed: failureSeed, member: arrival)
        return generator.nextUnit() < rate
    }
}
