// SPDX-License-Identifier: Apache-2.0

import TestSupport
import Testing

@testable import Resilience

@Suite("An adaptive limit's queue, beside a naive one")
struct AdaptiveLimitModelTests {
    private typealias Machine = AdaptiveLimit.StateMachine

    private static let shares: [[String: Double]] = [[:], ["a": 0.3, "b": 0.5]]

    @Test(
        "admits, refuses, drops and lets in the same calls, and never more than the limit and what is guaranteed",
        arguments: Seeds.some(40), shares)
    func schedules(seed: UInt64, shares: [String: Double]) throws {
        var random = SplitMix64(seed: seed)
        var options = AdaptiveLimitOptions(
            algorithm: .aimd, initial: 3, minimum: 3, maximum: 3, queue: random.int(in: 0...6),
            maximumWait: .milliseconds(random.int(in: 0...40)), shares: shares)
        var machine = Machine(options: options, seed: seed, at: 0)
        var reference = Reference(options)
        var now: Int64 = 0
        var tickets: [AdaptiveLimit.Ticket] = []
        for step in 0..<1_500 {
            let place = Comment(rawValue: "seed \(seed), step \(step)")
            switch random.int(in: 0...11) {
            case 0...4:
                let name = ["a", "b", "c"][random.int(in: 0...2)]
                let deadline = random.chance(0.4) ? now + Int64(random.int(in: -1...30)) * 1_000_000 : .max
                let mayWait = random.chance(0.8)
                let decision = machine.acquire(at: now, deadline: deadline, share: CallShare(name), mayWait: mayWait)
                let expected = reference.acquire(name, deadline: deadline, mayWait: mayWait, at: now)
                switch decision {
                case .granted(let ticket):
                    tickets.append(ticket)
                    try #require(expected == .granted, place)
                case .waits(let id): try #require(expected == .waits(id), place)
                case .refused: try #require(expected == .refused, place)
                }
            case 5...7 where !tickets.isEmpty:
                let index = random.int(in: 0...tickets.count - 1)
                _ = machine.finish(tickets.remove(at: index), .ignored, at: now)
                reference.finish(index)
            case 8 where !reference.line.isEmpty:
                let id = reference.line.remove(at: random.int(in: 0...reference.line.count - 1)).id
                let left = [machine.cancel(id), machine.cancel(id)]
                try #require(left == [true, false], place)
            case 9:
                options.maximum = random.int(in: 1...6)
                (options.initial, options.minimum) = (options.maximum, options.maximum)
                options.queue = random.int(in: 0...6)
                machine.configure(options, at: now)
                reference.options = options
            default: now += Int64(random.int(in: 0...15)) * 1_000_000
            }
            // As the shell does after each event.
            let expired = machine.removeExpired(at: now)
            try #require(expired.map(\.id) == reference.removeExpired(at: now).map(\.id), place)
            while let (id, ticket) = machine.popAdmitted(at: now) {
                tickets.append(ticket)
                try #require(reference.next() == id, place)
                let share = ticket.share == nil ? nil : reference.underWay.last
                let isGuaranteed = share.map { reference.inFlight($0) <= reference.places($0) } ?? false
                try #require(machine.inFlight <= options.maximum || isGuaranteed, place)
            }
            try #require(reference.next() == nil, place)
            try #require(machine.inFlight == tickets.count && machine.queued == reference.line.count, place)
            try #require(machine.inFlight == reference.underWay.count, place)
            for name in shares.keys { try #require(machine.shares.inFlight[name] == reference.inFlight(name), place) }
            if let expiry = reference.line.map(\.expires).min() {
                // The timer may ring in vain, but never after somebody's time is over.
                let alarm = machine.nextExpiry(at: now)
                try #require((alarm ?? .max) <= max(expiry, now + 1_000_000), place)
            } else {
                try #require(machine.nextExpiry(at: now) == nil, place)
            }
        }
    }

    /// Lists that are gone through from the beginning each time.
    private struct Reference {
        enum Decision: Equatable {
            case granted
            case waits(UInt64)
            case refused
        }

        var options: AdaptiveLimitOptions
        var underWay: [String] = []
        var line: [(id: UInt64, name: String, expires: Int64)] = []
        private var lastID: UInt64 = 0

        init(_ options: AdaptiveLimitOptions) {
            self.options = options
        }

        func inFlight(_ name: String) -> Int {
            underWay.count { $0 == name }
        }

        func places(_ name: String) -> Int {
            options.shares[name].map { max(1, Int(($0 * Double(options.maximum) - 1e-9).rounded(.up))) } ?? 0
        }

        private func isGuaranteed(_ name: String) -> Bool {
            inFlight(name) < places(name)
        }

        mutating func acquire(_ name: String, deadline: Int64, mayWait: Bool, at now: Int64) -> Decision {
            let ahead = line.contains { $0.name == name }
            if underWay.count < options.maximum && line.isEmpty || isGuaranteed(name) && !ahead {
                underWay.append(name)
                return .granted
            }
            let wait = options.maximumWait.nanosecondsSaturated
            if !mayWait || line.count >= options.queue || wait == 0 || deadline <= now { return .refused }
            lastID += 1
            line.append((lastID, name, min(deadline, now + wait)))
            return .waits(lastID)
        }

        mutating func finish(_ index: Int) {
            underWay.remove(at: index)
        }

        mutating func removeExpired(at now: Int64) -> [(id: UInt64, name: String, expires: Int64)] {
            let expired = line.filter { $0.expires <= now }
            line.removeAll { $0.expires <= now }
            return expired
        }

        /// The next one that is let in.
        mutating func next() -> UInt64? {
            for name in options.shares.keys.sorted() where isGuaranteed(name) {
                if let index = line.firstIndex(where: { $0.name == name }) { return admit(index) }
            }
            return underWay.count < options.maximum && !line.isEmpty ? admit(0) : nil
        }

        private mutating func admit(_ index: Int) -> UInt64 {
            let waiter = line.remove(at: index)
            underWay.append(waiter.name)
            return waiter.id
        }
    }
}
