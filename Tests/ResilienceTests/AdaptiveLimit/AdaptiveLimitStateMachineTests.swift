// SPDX-License-Identifier: Apache-2.0

internal import Testing

@testable internal import Resilience

private typealias Machine = AdaptiveLimit.StateMachine

private let millisecond: Int64 = 1_000_000
private let second: Int64 = 1_000_000_000

extension Machine {
    /// A slot for a call that may not wait.
    fileprivate mutating func ticket(at now: Int64) -> AdaptiveLimit.Ticket? {
        if case .granted(let ticket) = acquire(at: now) { ticket } else { nil }
    }
}

@Suite("The adaptive limit's state machine")
struct AdaptiveLimitStateMachineTests {
    private static let window = Duration.milliseconds(100)

    private func machine(
        _ algorithm: AdaptiveLimitOptions.Algorithm = .aimd, initial: Int = 4, minimum: Int = 1,
        probe: AdaptiveLimitOptions.Probe? = nil
    ) -> Machine {
        let options = AdaptiveLimitOptions(
            algorithm: algorithm, initial: initial, minimum: minimum, maximum: 50, window: Self.window, minimumCalls: 1,
            probe: probe)
        return Machine(options: options, seed: 1, at: 0)
    }

    /// One call of 10 ms with `inFlight` others beside it, so that the limit counts as used.
    private func fill(_ machine: inout Machine, at now: Int64) -> [AdaptiveLimit.Ticket] {
        var tickets: [AdaptiveLimit.Ticket] = []
        while let ticket = machine.ticket(at: now) { tickets.append(ticket) }
        return tickets
    }

    @Test("admits as many calls as the limit, and one more for each that ends")
    func admits() {
        var machine = machine()
        let tickets = fill(&machine, at: 0)
        #expect(tickets.count == 4)
        _ = machine.finish(tickets[0], .ignored, at: 1)
        #expect(machine.ticket(at: 1) != nil)
        #expect(machine.ticket(at: 1) == nil)
    }

    @Test("an ignored call gives its slot back and is no sample; a dropped one shrinks the limit")
    func ignoredAndDroppedDiffer() {
        for outcome in [AdaptiveLimit.Outcome.ignored, .dropped] {
            var machine = machine(initial: 10)
            for round in 1...20 {
                let now = Int64(round) * 200 * millisecond
                for ticket in fill(&machine, at: now) { _ = machine.finish(ticket, outcome, at: now + millisecond) }
            }
            #expect(machine.inFlight == 0)
            if outcome == .ignored { #expect(machine.limit == 10) } else { #expect(machine.limit < 10) }
        }
    }

    @Test("moves once per window, not once per call")
    func windows() {
        var machine = machine()
        for ticket in fill(&machine, at: 0) { #expect(machine.finish(ticket, .completed, at: 10 * millisecond) == nil) }
        let tickets = fill(&machine, at: 20 * millisecond)
        let moves = tickets.compactMap { machine.finish($0, .completed, at: 120 * millisecond) }
        #expect(moves.count == 1)
        #expect(machine.limit == 5)
    }

    @Test(
        "a probe holds the limit down and never raises it; the floor has nothing to do with it (Envoy #46532, #46602)")
    func probeLimit() {
        let probe = AdaptiveLimitOptions.Probe(interval: .seconds(10), limit: 3, samples: 5)
        var low = machine(.vegas, initial: 2, probe: probe)
        _ = low.ticket(at: 12 * second)
        #expect(low.isProbing && low.limit == 2)
        var high = machine(.vegas, initial: 20, minimum: 8, probe: probe)
        #expect(high.limit == 20)
        _ = high.ticket(at: 12 * second)
        #expect(high.isProbing && high.limit == 3)
    }

    @Test("samples that started before the probe are disregarded (Envoy MinRTTEpoch), its median is the new baseline")
    func probeEpoch() {
        let probe = AdaptiveLimitOptions.Probe(
            interval: .seconds(10), limit: 3, samples: 3, maximumDuration: .seconds(5))
        var machine = machine(.vegas, initial: 20, probe: probe)
        let old = fill(&machine, at: 9 * second)
        #expect(old.count == 20)
        #expect(machine.ticket(at: 12 * second) == nil)
        #expect(machine.isProbing)
        // The old ones return during the probe, after a second under load.
        for ticket in old { #expect(machine.finish(ticket, .completed, at: 12 * second) == nil) }
        for duration in [5, 40, 6] {
            let ticket = machine.ticket(at: 13 * second)
            #expect(ticket != nil)
            if let ticket { _ = machine.finish(ticket, .completed, at: 13 * second + Int64(duration) * millisecond) }
        }
        #expect(!machine.isProbing)
        #expect(machine.algorithm.baselineNanoseconds == 6 * millisecond)
    }

    @Test("a call that started in the probe and ends after it is no sample of the load after it")
    func probeLeftover() {
        let probe = AdaptiveLimitOptions.Probe(interval: .seconds(10), limit: 2, samples: 1)
        var machine = machine(.vegas, initial: 20, probe: probe)
        let first = machine.ticket(at: 12 * second)
        let leftover = machine.ticket(at: 12 * second)
        if let first { _ = machine.finish(first, .completed, at: 12 * second + 10 * millisecond) }
        #expect(!machine.isProbing)
        if let leftover { _ = machine.finish(leftover, .completed, at: 12 * second + 11 * millisecond) }
        #expect(machine.algorithm.baselineNanoseconds == 10 * millisecond)
        #expect(machine.inFlight == 0)
    }

    @Test("a probe whose calls hang ends by itself and changes nothing")
    func hungProbe() {
        let probe = AdaptiveLimitOptions.Probe(
            interval: .seconds(10), limit: 1, samples: 5, maximumDuration: .seconds(1))
        var machine = machine(.vegas, initial: 20, probe: probe)
        _ = machine.ticket(at: 12 * second)
        #expect(machine.ticket(at: 12 * second) == nil)
        #expect(machine.ticket(at: 13 * second) != nil)
        #expect(!machine.isProbing && machine.limit == 20)
        #expect(machine.algorithm.baselineNanoseconds == nil)
    }

    @Test("a call that is cancelled during a probe is no sample of it (Envoy CancelLatencySample)")
    func cancelledInProbe() {
        let probe = AdaptiveLimitOptions.Probe(interval: .seconds(10), limit: 3, samples: 2)
        var machine = machine(.vegas, initial: 20, probe: probe)
        let tickets = fill(&machine, at: 12 * second)
        #expect(tickets.count == 3 && machine.isProbing)
        // A cancelled call is short, a dropped one even more so: both would make the callee look faster than it is.
        _ = machine.finish(tickets[0], .ignored, at: 12 * second + 1)
        _ = machine.finish(tickets[1], .dropped, at: 12 * second + 2)
        #expect(machine.isProbing)
        _ = machine.finish(tickets[2], .completed, at: 12 * second + 8 * millisecond)
        #expect(machine.isProbing)
        let last = machine.ticket(at: 12 * second + 8 * millisecond)
        if let last { _ = machine.finish(last, .completed, at: 12 * second + 17 * millisecond) }
        #expect(!machine.isProbing && machine.inFlight == 0)
        #expect(machine.algorithm.baselineNanoseconds == 9 * millisecond)
    }

    @Test("the next probe comes an interval after the end of the last, not after its beginning (Envoy PR #8524)")
    func rearmed() {
        let probe = AdaptiveLimitOptions.Probe(
            interval: .seconds(10), limit: 1, samples: 1, maximumDuration: .seconds(9))
        var machine = machine(.vegas, initial: 20, probe: probe)
        var now = 12 * second
        for _ in 0..<5 {
            let ticket = machine.ticket(at: now)
            #expect(machine.isProbing)
            now += 8 * second
            if let ticket { _ = machine.finish(ticket, .completed, at: now) }
            #expect(!machine.isProbing)
            // The interval is spread by up to 15 %, upwards.
            now += 10 * second - 1
            if let early = machine.ticket(at: now) { _ = machine.finish(early, .ignored, at: now) }
            #expect(!machine.isProbing)
            now += 1_500 * millisecond + 1
        }
    }

    @Test("an observer lets everything pass, counts what it would have refused and makes no probe")
    func observe() {
        let probe = AdaptiveLimitOptions.Probe(interval: .seconds(10), limit: 1, samples: 5)
        var machine = machine(.vegas, initial: 4, probe: probe)
        let refusals = (0..<6).map { _ in machine.observe(at: 20 * second).wouldRefuse }
        #expect(refusals == [false, false, false, false, true, true])
        #expect(!machine.isProbing && machine.inFlight == 6)
    }

    @Test("wakes for whoever has to leave the queue first, wherever in it that one stands")
    func earliestExpiry() {
        let options = AdaptiveLimitOptions(algorithm: .aimd, initial: 1, queue: 4, maximumWait: .seconds(30))
        var machine = Machine(options: options, seed: 1, at: 0)
        _ = machine.acquire(at: 0)
        #expect(machine.acquire(at: 0, mayWait: true) == .waits(1))
        #expect(machine.acquire(at: 0, deadline: 50 * millisecond, mayWait: true) == .waits(2))
        #expect(machine.acquire(at: 0, deadline: 90 * millisecond, mayWait: true) == .waits(3))
        #expect(machine.nextExpiry(at: 0) == 50 * millisecond)
        #expect(machine.removeExpired(at: 50 * millisecond - 1).isEmpty)
        #expect(machine.removeExpired(at: 50 * millisecond).map(\.id) == [2])
        #expect(machine.nextExpiry(at: 50 * millisecond) == 90 * millisecond)
        #expect(machine.removeExpired(at: 90 * millisecond).map(\.reason) == [.deadlineTooShort])
        #expect(machine.nextExpiry(at: 90 * millisecond) == 30 * second)
    }

    @Test("keeps limit and calls under way when it is configured anew")
    func configure() {
        var machine = machine(.gradient2, initial: 20)
        _ = fill(&machine, at: 0)
        var options = machine.options
        options.maximum = 10
        options.initial = 10
        machine.configure(options, at: 1)
        #expect(machine.limit == 10 && machine.inFlight == 20)
        #expect(machine.ticket(at: 2) == nil)
        options.algorithm = .aimd
        machine.configure(options, at: 3)
        #expect(machine.limit == 10 && machine.inFlight == 20)
    }

    @Test("finds the capacity of a simulated callee", arguments: AdaptiveLimitOptions.Algorithm.allCases)
    func simulation(algorithm: AdaptiveLimitOptions.Algorithm) {
        // Ten calls at once, 10 ms each; more share the callee. 80 ms are too long for its callers.
        let options = AdaptiveLimitOptions(
            algorithm: algorithm, initial: 5, minimum: 1, maximum: 1000, window: .milliseconds(100), minimumCalls: 10,
            maximumHealthy: .milliseconds(80), probe: .init(interval: .seconds(10)))
        var machine = Machine(options: options, seed: 1, at: 0)
        var now: Int64 = 0
        while now < 120 * second {
            let tickets = fill(&machine, at: now)
            now += max(10, Int64(tickets.count)) * millisecond
            for ticket in tickets { _ = machine.finish(ticket, .completed, at: now) }
        }
        #expect((10...90).contains(machine.algorithm.limit), "\(algorithm): \(machine.algorithm.limit)")
    }
}
