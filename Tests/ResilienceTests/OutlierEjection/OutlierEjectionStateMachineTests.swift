// SPDX-License-Identifier: Apache-2.0

internal import Testing

@testable internal import Resilience

private typealias Machine = OutlierEjection<String>.StateMachine

private let second: Int64 = 1_000_000_000

@Suite("The outlier ejection's state machine")
struct OutlierEjectionStateMachineTests {
    private func machine(_ count: Int, _ options: OutlierEjectionOptions = OutlierEjectionOptions()) -> Machine {
        var machine = Machine(options: options)
        machine.update((0..<count).map { "host-\($0)" }, at: 0)
        return machine
    }

    @discardableResult
    private func call(
        _ machine: inout Machine, _ endpoint: String, _ verdict: Verdict, times: Int = 1, at now: Int64
    ) -> [OutlierEjectionEvent<String>] {
        (0..<times).compactMap { _ in
            machine.ticket(for: endpoint).flatMap { machine.record($0, verdict, at: now) }
        }
    }

    @Test("ejects an endpoint after failures in a row, and calls it again when its time is over")
    func consecutive() {
        var machine = machine(4)
        #expect(call(&machine, "host-1", .failure, times: 4, at: 0).isEmpty)
        #expect(
            call(&machine, "host-1", .failure, at: 0)
                == [.ejected("host-1", cause: .consecutiveFailures, for: .seconds(5), shadow: false)])
        #expect(machine.available == ["host-0", "host-2", "host-3"])
        #expect(machine.advance(to: 5 * second - 1) == [])
        #expect(machine.advance(to: 5 * second) == [.returned("host-1")])
        #expect(machine.available.count == 4)
    }

    @Test("a success in between starts the count anew, a refusal for overload neither counts nor resets")
    func successBetween() {
        var machine = machine(4)
        call(&machine, "host-0", .failure, times: 4, at: 0)
        call(&machine, "host-0", .throttled, times: 3, at: 0)
        call(&machine, "host-0", .success, at: 0)
        #expect(call(&machine, "host-0", .failure, times: 4, at: 0).isEmpty)
        #expect(!machine.isEjected("host-0"))
    }

    @Test("ejects by rate once there are enough calls, refusals for overload included")
    func rate() {
        var machine = machine(2)
        for _ in 0..<9 {
            call(&machine, "host-0", .throttled, at: second)
            call(&machine, "host-0", .success, at: second)
        }
        call(&machine, "host-0", .success, at: second)
        #expect(!machine.isEjected("host-0"))
        let events = call(&machine, "host-0", .throttled, at: second)
        #expect(events == [.ejected("host-0", cause: .failureRate, for: .seconds(5), shadow: false)])
    }

    @Test("forgets calls that have left the window")
    func windowSlides() {
        var machine = machine(2)
        call(&machine, "host-0", .throttled, times: 19, at: 0)
        #expect(call(&machine, "host-0", .throttled, at: 11 * second).isEmpty)
        #expect(!machine.isEjected("host-0"))
    }

    @Test(
        "never ejects more than the share, and always keeps one (Finagle's failure accrual may leave none)",
        arguments: [
            (1, 0.5, 0), (2, 0.5, 1), (2, 1.0, 1), (3, 0.1, 1), (4, 0.5, 2), (10, 0.25, 2), (10, 1.0, 9), (4, 0.0, 0),
        ])
    func share(count: Int, share: Double, ejected: Int) {
        var machine = machine(count, OutlierEjectionOptions(maximumShare: share))
        for endpoint in machine.endpoints { call(&machine, endpoint, .failure, times: 5, at: 0) }
        #expect(count - machine.available.count == ejected)
    }

    @Test("each ejection lasts twice as long, up to the cap, and is forgiven by windows without one")
    func exponential() {
        var machine = machine(2, OutlierEjectionOptions(base: .seconds(10), cap: .seconds(60)))
        var now: Int64 = 0
        func eject() -> Duration? {
            let events = call(&machine, "host-0", .failure, times: 5, at: now)
            guard case .ejected(_, _, let time, _) = events.first else { return nil }
            return time
        }
        for expected in [10, 20, 40, 60, 60] {
            let time = eject()
            #expect(time == .seconds(expected))
            now += Int64(expected) * second
            _ = machine.advance(to: now)
        }
        // Three windows of health take three of the five doublings back.
        now += 30 * second
        #expect(eject() == .seconds(40))
    }

    @Test("results of calls made before an ejection or a return count for nothing")
    func staleResults() {
        var machine = machine(2)
        let stale = (0..<20).compactMap { _ in machine.ticket(for: "host-0") }
        #expect(stale.count == 20)
        call(&machine, "host-0", .failure, times: 5, at: 0)
        _ = machine.advance(to: 5 * second)
        for ticket in stale { #expect(machine.record(ticket, .failure, at: 5 * second) == nil) }
        #expect(!machine.isEjected("host-0"))
    }

    @Test(
        "an endpoint that stays in the list keeps its record; a shrunken list calls the ejected again rather than nobody"
    )
    func listChanges() {
        var machine = machine(4)
        for endpoint in ["host-0", "host-1"] { call(&machine, endpoint, .failure, times: 5, at: 0) }
        machine.update(["host-1", "host-2", "host-2", "host-9"], at: 1)
        #expect(machine.endpoints == ["host-1", "host-2", "host-9"])
        #expect(machine.isEjected("host-1"))
        machine.update(["host-1"], at: 2)
        #expect(machine.advance(to: 2) == [.returned("host-1")])
        #expect(machine.available == ["host-1"])
        #expect(machine.ticket(for: "host-2") == nil)
    }

    @Test("an endpoint that left the list and came back starts anew: results from before say nothing about it")
    func returningEndpoint() {
        var machine = machine(3)
        let stale = (0..<5).compactMap { _ in machine.ticket(for: "host-0") }
        machine.update(["host-1", "host-2"], at: 1)
        machine.update(["host-0", "host-1", "host-2"], at: 2)
        for ticket in stale { #expect(machine.record(ticket, .failure, at: 3) == nil) }
        #expect(!machine.isEjected("host-0"))
        #expect(call(&machine, "host-0", .failure, times: 4, at: 4).isEmpty)
    }

    @Test("a result of an endpoint that only moved in the list counts")
    func movedEndpoint() {
        var machine = machine(3)
        call(&machine, "host-2", .failure, times: 4, at: 0)
        let ticket = machine.ticket(for: "host-2")
        machine.update(["host-2", "host-7"], at: 1)
        #expect(ticket.flatMap { machine.record($0, .failure, at: 2) } != nil)
        #expect(machine.available == ["host-7"])
    }

    @Test("shadow mode spares as many as the mode that acts would, and forgets its ejections when their time is over")
    func shadowSpares() {
        var machine = machine(4)
        func shadowed(_ endpoint: String, at now: Int64) -> [OutlierEjectionEvent<String>] {
            (0..<5).compactMap { _ in
                machine.ticket(for: endpoint).flatMap { machine.record($0, .failure, at: now, shadow: true) }
            }
        }
        var isEjected: [Bool] = []
        for endpoint in machine.endpoints {
            for event in shadowed(endpoint, at: 0) {
                if case .ejected = event { isEjected.append(true) } else { isEjected.append(false) }
            }
        }
        #expect(isEjected == [true, true, false, false])
        #expect(machine.available.count == 4)
        // Still out, as far as the shadow goes: nothing is said about it again.
        #expect(shadowed("host-0", at: second).isEmpty)
        #expect(machine.advance(to: 5 * second) == [])
        #expect(shadowed("host-0", at: 5 * second).count == 1)
    }

    @Test("in shadow mode reports and leaves nobody out")
    func shadow() {
        var machine = machine(2)
        var events: [OutlierEjectionEvent<String>] = []
        for _ in 0..<5 {
            if let ticket = machine.ticket(for: "host-0"),
                let event = machine.record(ticket, .failure, at: 0, shadow: true)
            {
                events.append(event)
            }
        }
        #expect(events == [.ejected("host-0", cause: .consecutiveFailures, for: .seconds(5), shadow: true)])
        #expect(machine.available.count == 2)
    }

    @Test(
        "keeps one endpoint through any schedule, and the share through any schedule", arguments: [UInt64(31), 32, 33])
    func invariants(seed: UInt64) {
        var random = SplitMix64(seed: seed)
        var machine = machine(6, OutlierEjectionOptions(maximumShare: 0.34))
        var tickets: [OutlierEjection<String>.Ticket] = []
        var now: Int64 = 0
        for step in 0..<10_000 {
            switch random.next() % 20 {
            case 0: now += Int64(random.next() % UInt64(20 * second))
            case 1:
                let count = 1 + random.next() % 8
                machine.update((0..<count).map { "host-\(($0 * 3 + random.next() % 2) % 9)" }, at: now)
                _ = machine.advance(to: now)
            case 2...9:
                let endpoint = "host-\(random.next() % 9)"
                if let ticket = machine.ticket(for: endpoint) { tickets.append(ticket) }
            default:
                if tickets.isEmpty { break }
                let ticket = tickets.remove(at: Int(random.next() % UInt64(tickets.count)))
                _ = machine.record(ticket, random.next() % 4 == 0 ? .success : .failure, at: now)
            }
            let ejected = machine.endpoints.count - machine.available.count
            let place = Comment(rawValue: "seed \(seed), step \(step)")
            #expect(!machine.available.isEmpty, place)
            #expect(ejected <= max(1, Int(0.34 * Double(machine.endpoints.count))), place)
        }
    }

    @Test("the largest share is that of whole endpoints, whatever its product is rounded to", arguments: [29, 57, 58])
    func wholeShare(percent: Int) {
        var machine = machine(100, OutlierEjectionOptions(maximumShare: Double(percent) / 100))
        for host in 0..<100 { call(&machine, "host-\(host)", .failure, times: 5, at: 0) }
        #expect(machine.ejected.count == percent)
    }
}
