// SPDX-License-Identifier: Apache-2.0

internal import Testing

@testable internal import Resilience

private typealias Machine = LoadShedder.StateMachine

private let millisecond: Int64 = 1_000_000
private let second: Int64 = 1_000_000_000

@Suite("The load shedder's state machine")
struct LoadShedderStateMachineTests {
    private func machine(limit: Int, queue: Int) -> Machine {
        Machine(options: LoadShedderOptions(limit: .fixed(limit), queue: AdmissionQueueOptions(capacity: queue)))
    }

    private func ask(
        _ machine: inout Machine, _ criticality: Criticality = .critical, cohort: UInt8 = 0, deadline: Int64 = .max,
        at now: Int64
    ) -> Machine.Decision {
        machine.acquire(criticality, Cohort(cohort), deadline: deadline, at: now)
    }

    @Test("refuses expired work before the queue, and never admits what expired in it")
    func expired() {
        var machine = machine(limit: 1, queue: 5)
        #expect(ask(&machine, deadline: 10, at: 10) == .refused(.deadlineTooShort))
        #expect(ask(&machine, at: 10) == .granted)
        #expect(ask(&machine, deadline: 20, at: 10) == .waits(id: 1, replaced: nil))
        #expect(ask(&machine, at: 11) == .waits(id: 2, replaced: nil))
        #expect(machine.removeExpired(at: 30) == [.init(id: 1, reason: .deadlineTooShort)])
        machine.release(at: 30)
        #expect(machine.popAdmitted(at: 30) == 2)
        #expect(machine.popAdmitted(at: 30) == nil)
    }

    @Test("a limit of zero refuses everything")
    func zeroLimit() {
        var machine = machine(limit: 0, queue: 5)
        #expect(ask(&machine, .criticalPlus, at: 0) == .refused(.shed))
    }

    @Test("a limit below the calls under way retires places before it grants new ones; a higher one lets in who waits")
    func resize() {
        var machine = machine(limit: 3, queue: 5)
        for _ in 0..<3 { #expect(ask(&machine, at: 0) == .granted) }
        #expect(ask(&machine, at: 0) == .waits(id: 1, replaced: nil))
        machine.configure(LoadShedderOptions(limit: 1))
        machine.release(at: 1)
        #expect(machine.popAdmitted(at: 1) == nil)
        machine.configure(LoadShedderOptions(limit: 3))
        #expect(machine.popAdmitted(at: 1) == 1)
        #expect(machine.inFlight == 3)
    }

    @Test("in an overload refuses from the bottom, whole cohorts at a time, and keeps the most critical")
    func shedsFromTheBottom() {
        var machine = machine(limit: 1, queue: 2)
        var now: Int64 = 0
        var served: [Criticality: Int] = [:]
        var random = SplitMix64(seed: 5)
        // Ten calls come for each that can be served, for ten seconds.
        for step in 0..<10_000 {
            now += millisecond
            let criticality = Criticality.allCases[Int(random.next() % 4)]
            _ = machine.removeExpired(at: now)
            let decision = ask(&machine, criticality, cohort: UInt8(random.next() % 128), at: now)
            _ = machine.moveThreshold(at: now)
            if step > 5000, decision != .refused(.shed) { served[criticality, default: 0] += 1 }
            if step % 10 == 0 {
                if machine.inFlight > 0 { machine.release(at: now) }
                _ = machine.popAdmitted(at: now)
            }
        }
        #expect(machine.threshold.level > 256, "\(machine.threshold.level)")
        #expect(served[.sheddable, default: 0] == 0, "\(served)")
        #expect(served[.criticalPlus, default: 0] > 100, "\(served)")
        // The overload ends: after a few seconds nothing is refused any more.
        while machine.inFlight > 0 { machine.release(at: now) }
        for _ in 0..<5000 {
            now += millisecond
            _ = machine.removeExpired(at: now)
            while machine.popAdmitted(at: now) != nil {}
            while machine.inFlight > 0 { machine.release(at: now) }
            _ = ask(&machine, .allCases[Int(random.next() % 4)], cohort: UInt8(random.next() % 128), at: now)
            _ = machine.moveThreshold(at: now)
        }
        #expect(machine.threshold.level == 0)
    }

    @Test("forgets its threshold when nothing comes for a while")
    func idle() {
        var threshold = PriorityThreshold()
        _ = threshold.advance(to: 0, interval: 100 * millisecond, isOverloaded: false)
        for level in 0..<512 { _ = threshold.admits(level) }
        #expect(threshold.advance(to: 100 * millisecond, interval: 100 * millisecond, isOverloaded: true) == true)
        #expect(threshold.level > 20)
        #expect(threshold.advance(to: 10 * second, interval: 100 * millisecond, isOverloaded: false) == true)
        #expect(threshold.level == 0)
    }

    @Test("never refuses the highest level that calls come at, however long the overload")
    func keepsTheHighest() {
        var threshold = PriorityThreshold()
        for step in 0..<1000 {
            for level in [10, 200, 300] { _ = threshold.admits(level) }
            _ = threshold.advance(to: Int64(step) * 100 * millisecond, interval: 100 * millisecond, isOverloaded: true)
        }
        #expect(threshold.admits(300) && !threshold.admits(200))
    }

    @Test("an observer lets everything pass and says what it would have refused")
    func observe() {
        var machine = machine(limit: 1, queue: 1)
        let reasons = (0..<3).map { _ in machine.observe(.critical, Cohort(0), deadline: .max, at: 0) }
        #expect(reasons == [nil, nil, .shed])
        #expect(machine.observe(.critical, Cohort(0), deadline: 0, at: 0) == .deadlineTooShort)
        #expect(machine.inFlight == 4)
    }

    @Test("a user's cohort is the same in every process and spread evenly")
    func cohorts() {
        #expect(Cohort(user: "alice") == Cohort(user: "alice"))
        var counts = [Int](repeating: 0, count: 128)
        for user in 0..<12_800 { counts[Int(Cohort(user: "user-\(user)").number)] += 1 }
        #expect(counts.allSatisfy { (40...180).contains($0) }, "\(counts)")
        let moved = (0..<1000).count { Cohort(user: "user-\($0)") != Cohort(user: "user-\($0)", epoch: 1) }
        #expect(moved > 900)
    }
}
