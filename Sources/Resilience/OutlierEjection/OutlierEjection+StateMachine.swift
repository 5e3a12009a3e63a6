// SPDX-License-Identifier: Apache-2.0

/// What a call to an endpoint carries until its result is known. Knows nothing of the endpoint's type, so that handing it
/// back is no generic code.
@usableFromInline
struct EndpointTicket: Sendable, Equatable {
    /// Where the endpoint's record was. It may be another endpoint's by now; then the generation is another, too.
    var slot: Int
    var generation: UInt64
}

extension OutlierEjection {
    typealias Ticket = EndpointTicket

    /// The ejection without lock and clock: a value that is told the time, in nanoseconds.
    ///
    /// endpoint called → ejected when it breaks a rule and not too many are; ejected → called when its time is over,
    /// which is seen when somebody asks. Each change starts a new generation of the endpoint: results of calls made
    /// before it count for nothing. In shadow mode the same is noted, and nobody is left out.
    struct StateMachine: Sendable {
        typealias Event = OutlierEjectionEvent<Endpoint>

        private(set) var options: OutlierEjectionOptions
        /// In the order in which they were given.
        private(set) var endpoints: [Endpoint] = []
        /// Where the record of each is, in that order.
        private var order: [Int] = []
        private var slots: [Endpoint: Int] = [:]
        /// The records stay where they are while the list changes, so that a call finds its own without looking.
        private var records: [EndpointHealth] = []
        private var freeSlots: [Int] = []
        private var lastGeneration: UInt64 = 0
        private var width: Int64

        init(options: OutlierEjectionOptions) {
            self.options = options
            width = Self.width(options)
        }

        private static func width(_ options: OutlierEjectionOptions) -> Int64 {
            max(1, options.window.nanosecondsSaturated / EndpointHealth.bucketCount)
        }

        private mutating func nextGeneration() -> UInt64 {
            lastGeneration += 1
            return lastGeneration
        }

        /// Replaces the list of endpoints; those that stay keep their record, doubles count once.
        ///
        /// - Returns: The end of the ejections of those that are gone.
        @discardableResult
        mutating func update(_ new: [Endpoint], at now: Int64) -> [Event] {
            var kept: [Endpoint: Int] = [:]
            var unique: [Endpoint] = []
            for endpoint in new where kept[endpoint] == nil {
                kept[endpoint] = slots.removeValue(forKey: endpoint) ?? makeSlot(at: now)
                unique.append(endpoint)
            }
            let left = endpoints.filter { isEjected($0) }
            for slot in slots.values {
                // A call under way to an endpoint that is gone finds that its generation is over.
                records[slot].restore(generation: nextGeneration(), at: now)
                freeSlots.append(slot)
            }
            slots = kept
            endpoints = unique
            order = unique.compactMap { kept[$0] }
            return left.map { .returned($0) }
        }

        private mutating func makeSlot(at now: Int64) -> Int {
            let record = EndpointHealth(generation: nextGeneration(), at: now)
            if let slot = freeSlots.popLast() {
                records[slot] = record
                return slot
            }
            records.append(record)
            return records.count - 1
        }

        /// Ends the ejections whose time is over. Those of shadow mode end in silence: nobody was left out.
        mutating func advance(to now: Int64) -> [Event] {
            var events: [Event] = []
            for (place, slot) in order.enumerated() {
                if let until = records[slot].ejectedUntil, now >= until {
                    events.append(restore(place, at: now))
                } else {
                    endShadow(slot, at: now)
                }
            }
            // A list that has shrunk may hold more ejected endpoints than it may: those whose time is over soonest
            // come back.
            while ejectedCount > allowance, let next = soonest() { events.append(restore(next, at: now)) }
            return events
        }

        /// The endpoints that are called; never empty unless there are none at all.
        var available: [Endpoint] {
            endpoints.indices.filter { records[order[$0]].ejectedUntil == nil }.map { endpoints[$0] }
        }

        /// The endpoints that are left out.
        var ejected: [Endpoint] {
            endpoints.indices.filter { records[order[$0]].ejectedUntil != nil }.map { endpoints[$0] }
        }

        func isEjected(_ endpoint: Endpoint) -> Bool {
            slots[endpoint].map { records[$0].ejectedUntil != nil } ?? false
        }

        /// A call is made to the endpoint; nil when it is not in the list.
        func ticket(for endpoint: Endpoint) -> Ticket? {
            slots[endpoint].map { Ticket(slot: $0, generation: records[$0].generation) }
        }

        /// Takes a result into account.
        mutating func record(_ ticket: Ticket, _ verdict: Verdict, at now: Int64, shadow: Bool = false) -> Event? {
            let slot = ticket.slot
            guard verdict != .ignore, slot < records.count, records[slot].generation == ticket.generation else {
                return nil
            }
            if shadow, endShadow(slot, at: now) { return nil }
            records[slot].add(verdict, at: now, width: width)
            guard records[slot].ejectedUntil == nil, !shadow || records[slot].shadowUntil == nil,
                let cause = records[slot].cause(options, at: now, width: width)
            else {
                return nil
            }
            return eject(slot, cause, at: now, shadow: shadow)
        }

        private mutating func eject(
            _ slot: Int, _ cause: OutlierEjectionCause, at now: Int64, shadow: Bool
        ) -> Event? {
            guard let place = order.firstIndex(of: slot) else { return nil }
            if (shadow ? shadowCount(at: now) : ejectedCount) >= allowance {
                // Its record starts anew, so that a spared endpoint is not reported for every further failure.
                records[slot].forget()
                return .spared(endpoints[place], cause: cause)
            }
            let time = records[slot].eject(options, generation: nextGeneration(), at: now, shadow: shadow)
            return .ejected(endpoints[place], cause: cause, for: .nanoseconds(time), shadow: shadow)
        }

        /// How many may be ejected at once: the share, but one even if that comes to none, and never all.
        private var allowance: Int {
            if options.maximumShare == 0 { return 0 }
            // What is missing by the rounding of a product (0.29 · 100) takes no place away.
            let share = Int(options.maximumShare * Double(endpoints.count) + 1e-9)
            return min(endpoints.count - 1, max(1, share))
        }

        private var ejectedCount: Int {
            order.count { records[$0].ejectedUntil != nil }
        }

        /// How many would be ejected now, had shadow mode acted.
        private func shadowCount(at now: Int64) -> Int {
            order.count { slot in records[slot].shadowUntil.map { now < $0 } ?? false }
        }

        /// The place in the list of the ejected endpoint whose time is over first.
        private func soonest() -> Int? {
            order.indices.filter { records[order[$0]].ejectedUntil != nil }.min { until($0) < until($1) }
        }

        private func until(_ place: Int) -> Int64 {
            records[order[place]].ejectedUntil ?? .max
        }

        private mutating func restore(_ place: Int, at now: Int64) -> Event {
            records[order[place]].restore(generation: nextGeneration(), at: now)
            return .returned(endpoints[place])
        }

        /// Ends an ejection that shadow mode would have made, when its time is over.
        ///
        /// - Returns: Whether it has ended now: a new generation of the endpoint has begun.
        @discardableResult
        private mutating func endShadow(_ slot: Int, at now: Int64) -> Bool {
            guard let until = records[slot].shadowUntil, now >= until else { return false }
            records[slot].restore(generation: nextGeneration(), at: now)
            return true
        }

        /// Calls the endpoint again before its time, because a health check found it well.
        mutating func restore(wellFound endpoint: Endpoint, at now: Int64) -> Event? {
            guard let slot = slots[endpoint], let place = order.firstIndex(of: slot) else { return nil }
            let wasEjected = records[slot].ejectedUntil != nil
            if !wasEjected, records[slot].shadowUntil == nil { return nil }
            let event = restore(place, at: now)
            return wasEjected ? event : nil
        }

        /// Calls all endpoints again, and forgets whom shadow mode would have left out.
        mutating func restoreAll(at now: Int64) -> [Event] {
            endpoints.compactMap { restore(wellFound: $0, at: now) }
        }

        /// Takes new options. Ejections under way keep their end; windows stay unless they have another length.
        mutating func configure(_ new: OutlierEjectionOptions) {
            let keepsWindows = new.window == options.window
            options = new
            width = Self.width(new)
            if keepsWindows { return }
            for slot in order { records[slot].forget() }
        }
    }
}
