// SPDX-License-Identifier: Apache-2.0

import TestSupport
import Testing

@testable import Resilience

@Suite("A load shedder, beside a naive one")
struct LoadShedderModelTests {
    @Test(
        "admits, refuses, drops and lets in the same calls, and never works on more than the limit",
        arguments: Seeds.some(60))
    func schedules(seed: UInt64) throws {
        var random = SplitMix64(seed: seed)
        let queue = AdmissionQueueOptions(
            capacity: random.int(in: 0...6), target: .milliseconds(5), interval: .milliseconds(40))
        var options = LoadShedderOptions(limit: .fixed(random.int(in: 0...3)), queue: queue)
        var machine = LoadShedder.StateMachine(options: options)
        var reference = Reference(options)
        var now: Int64 = 0
        for step in 0..<2_000 {
            let place = Comment(rawValue: "seed \(seed), step \(step)")
            switch random.int(in: 0...11) {
            case 0...5:
                let criticality = Criticality.allCases[random.int(in: 0...3)]
                let cohort = Cohort(UInt8(random.int(in: 0...127)))
                let deadline = random.chance(0.3) ? now + Int64(random.int(in: -2...60)) * 1_000_000 : .max
                let decision = machine.acquire(criticality, cohort, deadline: deadline, at: now)
                try #require(decision == reference.acquire(criticality, cohort, deadline: deadline, at: now), place)
            case 6...8 where reference.inFlight > 0:
                machine.release(at: now)
                reference.inFlight -= 1
            case 9 where !reference.line.isEmpty:
                let id = reference.line.remove(at: random.int(in: 0...reference.line.count - 1)).id
                let left = [machine.cancel(id), machine.cancel(id)]
                try #require(left == [true, false], place)
            case 10 where random.chance(0.3):
                options.limit = .fixed(random.int(in: 0...3))
                options.queue.capacity = random.int(in: 0...6)
                machine.configure(options)
                reference.options = options
            default: now += Int64(random.int(in: 0...20)) * 1_000_000
            }
            // As the shell does after each event.
            let dropped = machine.removeExpired(at: now)
            let expected = reference.removeExpired(at: now)
            try #require(dropped.map(\.id) == expected.map(\.id), place)
            try #require(dropped.map(\.reason) == expected.map(\.reason), place)
            let hasMoved = machine.moveThreshold(at: now)
            try #require(hasMoved == reference.moveThreshold(at: now), place)
            try #require(machine.threshold.level == reference.threshold.level, place)
            while let id = machine.popAdmitted(at: now) {
                try #require(reference.next(at: now) == id, place)
                try #require(machine.inFlight <= machine.limit, place)
            }
            try #require(reference.next(at: now) == nil, place)
            try #require(machine.inFlight == reference.inFlight && machine.queued == reference.line.count, place)
            let alarm = machine.nextExpiry(at: now)
            if let expiry = reference.line.map(\.expires).min() {
                try #require((alarm ?? .max) <= max(expiry, now + 1_000_000), place)
            } else {
                try #require(alarm == nil, place)
            }
        }
    }

    /// One list of all who wait, in the order in which they came. The threshold is the real one: it has tests of its
    /// own.
    private struct Reference {
        struct Waiter {
            var id: UInt64
            var criticality: Criticality
            var expires: Int64
            var reason: Rejection.Reason
        }

        var options: LoadShedderOptions
        var inFlight = 0
        var line: [Waiter] = []
        var threshold = PriorityThreshold()
        private var busySince: Int64 = 0
        private var wasFull = false
        private var lastID: UInt64 = 0

        init(_ options: LoadShedderOptions) {
            self.options = options
        }

        private var limit: Int {
            if case .fixed(let number) = options.limit { number } else { 0 }
        }

        private func isCongested(at now: Int64) -> Bool {
            !line.isEmpty && now - busySince > options.queue.interval.nanosecondsSaturated
        }

        mutating func acquire(
            _ criticality: Criticality, _ cohort: Cohort, deadline: Int64, at now: Int64
        ) -> LoadShedder.StateMachine.Decision {
            if deadline <= now { return .refused(.deadlineTooShort) }
            if !threshold.admits(PriorityThreshold.level(criticality, cohort)) { return .refused(.shed) }
            if inFlight < limit, line.isEmpty {
                inFlight += 1
                return .granted
            }
            if limit == 0 { return .refused(.shed) }
            lastID += 1
            let wait = isCongested(at: now) ? options.queue.target : options.queue.interval
            let wasEmpty = line.isEmpty
            var replaced: UInt64?
            if line.count >= options.queue.capacity {
                wasFull = true
                // The oldest of the least critical ones, when it is less critical.
                guard let least = line.map(\.criticality).min(), least < criticality,
                    let index = line.firstIndex(where: { $0.criticality == least })
                else {
                    return .refused(.shed)
                }
                replaced = line.remove(at: index).id
            }
            let patience = now + wait.nanosecondsSaturated
            if wasEmpty { busySince = now }
            line.append(
                Waiter(
                    id: lastID, criticality: criticality, expires: min(patience, deadline),
                    reason: deadline < patience ? .deadlineTooShort : .queueTimeout))
            return .waits(id: lastID, replaced: replaced)
        }

        /// From the least critical to the most critical, each class in the order in which they came.
        mutating func removeExpired(at now: Int64) -> [Waiter] {
            let expired = line.filter { $0.expires <= now }
            line.removeAll { $0.expires <= now }
            return Criticality.allCases.flatMap { criticality in expired.filter { $0.criticality == criticality } }
        }

        mutating func moveThreshold(at now: Int64) -> Bool {
            let isOverloaded = wasFull || isCongested(at: now)
            let interval = options.queue.interval.nanosecondsSaturated
            guard let moved = threshold.advance(to: now, interval: interval, isOverloaded: isOverloaded) else {
                return false
            }
            wasFull = false
            return moved
        }

        mutating func next(at now: Int64) -> UInt64? {
            guard inFlight < limit, let most = line.map(\.criticality).max() else { return nil }
            let index =
                isCongested(at: now)
                ? line.lastIndex { $0.criticality == most } : line.firstIndex { $0.criticality == most }
            guard let index else { return nil }
            inFlight += 1
            return line.remove(at: index).id
        }
    }
}
