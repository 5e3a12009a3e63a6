// SPDX-License-Identifier: Apache-2.0

extension AdaptiveLimit {
    /// What a call carries until its result is known.
    @usableFromInline
    struct Ticket: Sendable, Equatable {
        /// Of a call that was let through without being looked at.
        static let none = Ticket(start: .min, inFlight: 0)

        /// When it was admitted, in nanoseconds.
        var start: Int64
        /// The calls under way then, with this one.
        var inFlight: Int
        /// The share of the limit that it belongs to.
        var share: LimitShares.Index?
    }

    /// What a call's end says about the callee's load.
    public enum Outcome: UInt8, Sendable, Hashable, CaseIterable {
        /// The call was served: its duration is a sample.
        case completed
        /// The call ran into a time-out or the callee refused it: the limit shrinks.
        case dropped
        /// Says nothing: a quick failure, a call that the caller gave up. Only its slot is given back.
        case ignored
    }

    /// The limit without lock and clock: a value that is told the time, in nanoseconds.
    ///
    /// Calls end in windows; each window moves the algorithm once. With a probe, the limit is now and then held down
    /// for a moment: calls that started before that moment, and calls that started during it but end after it, say
    /// nothing about the load that is then measured, and are disregarded.
    struct StateMachine: Sendable {
        /// What is decided about a call.
        enum Decision: Sendable, Equatable {
            case granted(Ticket)
            /// The call stands in the queue.
            case waits(UInt64)
            case refused
        }

        /// A call in the queue.
        private struct Waiter: Sendable {
            var expires: Int64
            var reason: Rejection.Reason
            var share: LimitShares.Index?
        }

        private enum Probe: Sendable {
            case off
            case due(Int64)
            case running(until: Int64, samples: [Int64])
        }

        private(set) var options: AdaptiveLimitOptions
        private(set) var algorithm: any LimitAlgorithm
        private(set) var inFlight = 0
        private(set) var shares = LimitShares()
        private var line = WaitingLine<Waiter>()
        /// Not later than the expiry of any waiter.
        private var earliestExpiry = Int64.max
        private var nextID: UInt64 = 0
        private var window = SampleWindow()
        private var probe = Probe.off
        /// The mean round trip of the last window.
        private(set) var lastRoundTrip: Int64?
        /// Calls that started earlier are no samples.
        private var epoch = Int64.min
        private var random: SplitMix64

        /// - Parameter algorithm: One of the caller's own, instead of the one that the options name.
        init(options: AdaptiveLimitOptions, algorithm: (any LimitAlgorithm)? = nil, seed: UInt64, at now: Int64) {
            self.options = options
            self.algorithm = algorithm ?? options.makeAlgorithm()
            random = SplitMix64(seed: seed)
            shares.configure(options.shares)
            scheduleProbe(after: now)
        }

        /// The calls that may be under way now: during a probe fewer, never more than the algorithm's limit.
        var limit: Int {
            if case .running = probe, let held = options.probe?.limit { return min(held, algorithm.limit) }
            return algorithm.limit
        }

        var isProbing: Bool {
            if case .running = probe { true } else { false }
        }

        /// The calls in the queue.
        var queued: Int {
            line.count
        }

        /// Asks for a slot.
        ///
        /// - Parameters:
        ///   - deadline: When nobody waits for the call any more.
        ///   - share: The share of the limit that the call belongs to.
        ///   - mayWait: False for a call that is admitted now or not at all.
        mutating func acquire(
            at now: Int64, deadline: Int64 = .max, share: CallShare = .none, mayWait: Bool = false
        ) -> Decision {
            moveProbe(to: now)
            let index = shares.isEmpty ? nil : shares.index(of: share)
            if inFlight < limit && line.isEmpty || shares.hasRoom(index, limit: limit) {
                return .granted(take(index, at: now))
            }
            let wait = options.maximumWait.nanosecondsSaturated
            if !mayWait || line.count >= options.queue || wait <= 0 || deadline <= now { return .refused }
            nextID += 1
            let patience = now.addingSaturated(wait)
            let expires = min(patience, deadline)
            earliestExpiry = line.isEmpty ? expires : min(earliestExpiry, expires)
            let reason: Rejection.Reason = deadline < patience ? .deadlineTooShort : .queueTimeout
            line.append(nextID, Waiter(expires: expires, reason: reason, share: index))
            shares.enter(nextID, index)
            return .waits(nextID)
        }

        private mutating func take(_ index: LimitShares.Index?, at now: Int64) -> Ticket {
            inFlight += 1
            shares.begin(index)
            return Ticket(start: now, inFlight: inFlight, share: index)
        }

        /// The next call of the queue that gets a slot: one whose share is not used up, else the first in line. Its time
        /// in the queue says nothing about the callee, so that it starts now.
        mutating func popAdmitted(at now: Int64) -> (id: UInt64, ticket: Ticket)? {
            guard !line.isEmpty else { return nil }
            moveProbe(to: now)
            if !shares.isEmpty, let id = shares.nextGuaranteed(limit: limit), let waiter = leave(id) {
                return (id, take(waiter.share, at: now))
            }
            guard inFlight < limit, let (id, waiter) = line.popFirst() else { return nil }
            shares.leave(id, waiter.share)
            return (id, take(waiter.share, at: now))
        }

        /// Takes out the calls whose wait is over.
        ///
        /// The line is gone through only when somebody in it may have to leave, not at each call that comes or ends.
        mutating func removeExpired(at now: Int64) -> [(id: UInt64, reason: Rejection.Reason)] {
            if line.isEmpty || now < earliestExpiry { return [] }
            var earliest = Int64.max
            let expired = line.removeAll { waiter in
                if waiter.expires <= now { return true }
                earliest = min(earliest, waiter.expires)
                return false
            }
            earliestExpiry = earliest
            for (id, waiter) in expired { shares.leave(id, waiter.share) }
            return expired.map { ($0.id, $0.element.reason) }
        }

        /// When the queue has to be looked at again; nil while nobody waits. For expired calls not sooner than a
        /// millisecond from now, so that a long line is not gone through for each of its calls.
        func nextExpiry(at now: Int64) -> Int64? {
            if line.isEmpty { return nil }
            let expiry = max(earliestExpiry, now.addingSaturated(1_000_000))
            // The end of a probe makes room though no call ends.
            if case .running(let until, _) = probe { return min(until, expiry) }
            return expiry
        }

        /// Takes out a call that gave up.
        ///
        /// - Returns: False when it had its slot already.
        mutating func cancel(_ id: UInt64) -> Bool {
            leave(id) != nil
        }

        private mutating func leave(_ id: UInt64) -> Waiter? {
            guard let waiter = line.remove(id) else { return nil }
            shares.leave(id, waiter.share)
            return waiter
        }

        /// Lets in everybody who waits, for a limit that is not enforced any more.
        mutating func admitAll(at now: Int64) -> [(id: UInt64, ticket: Ticket)] {
            line.removeAll { _ in true }.map { id, waiter in
                shares.leave(id, waiter.share)
                return (id, take(waiter.share, at: now))
            }
        }

        /// Takes a slot whatever the limit. No probes are made: nothing could be held down for them.
        mutating func observe(at now: Int64, share: CallShare = .none) -> (ticket: Ticket, wouldRefuse: Bool) {
            cancelProbe(at: now)
            let index = shares.isEmpty ? nil : shares.index(of: share)
            let wouldRefuse = inFlight >= algorithm.limit && !shares.hasRoom(index, limit: algorithm.limit)
            return (take(index, at: now), wouldRefuse)
        }

        /// Gives a slot back.
        ///
        /// - Returns: The limits before and after, when they differ.
        mutating func finish(_ ticket: Ticket, _ outcome: Outcome, at now: Int64) -> (from: Int, to: Int)? {
            inFlight -= 1
            shares.end(ticket.share)
            moveProbe(to: now)
            if outcome == .ignored || ticket.start < epoch { return nil }
            let roundTrip = outcome == .completed ? max(1, now.subtractingSaturated(ticket.start)) : nil
            if case .running(let until, var samples) = probe {
                if let roundTrip { samples.append(roundTrip) }
                probe = .running(until: until, samples: samples)
                if samples.count >= options.probe?.samples ?? 0 { finishProbe(at: now) }
                return nil
            }
            let sample = window.add(
                roundTrip, inFlight: ticket.inFlight, at: now, duration: options.window.nanosecondsSaturated,
                minimum: options.minimumCalls)
            guard let sample else { return nil }
            lastRoundTrip = sample.roundTripNanoseconds ?? lastRoundTrip
            let before = algorithm.limit
            algorithm.update(sample)
            return algorithm.limit == before ? nil : (before, algorithm.limit)
        }

        /// Takes new options. The limit and, with the same algorithm, everything that it has learnt stay; calls under
        /// way keep their slots.
        mutating func configure(_ new: AdaptiveLimitOptions, at now: Int64) {
            let old = options
            options = new
            shares.configure(new.shares)
            if new.algorithm == old.algorithm {
                algorithm.configure(new.bounds)
            } else {
                algorithm = new.makeAlgorithm(startingAt: algorithm.limit)
            }
            if new.probe != old.probe || new.algorithm != old.algorithm {
                probe = .off
                epoch = now
                window = SampleWindow()
                scheduleProbe(after: now)
            }
        }

        private mutating func scheduleProbe(after now: Int64) {
            guard options.algorithm == .vegas, let probe = options.probe else { return self.probe = .off }
            // Spread, so that many callers of one callee don't probe together.
            let interval = Double(probe.interval.nanosecondsSaturated) * (1 + 0.15 * random.unit())
            self.probe = .due(now.addingSaturated(Int64(interval)))
        }

        private mutating func moveProbe(to now: Int64) {
            switch probe {
            case .due(let start) where now >= start:
                let longest = options.probe?.maximumDuration.nanosecondsSaturated ?? 0
                probe = .running(until: now.addingSaturated(longest), samples: [])
                epoch = now
                window = SampleWindow()
            case .running(let until, _) where now >= until: finishProbe(at: now)
            default: break
            }
        }

        /// Ends a probe with the median of what it has measured; a probe that measured nothing changes nothing.
        private mutating func finishProbe(at now: Int64) {
            if case .running(_, let samples) = probe, !samples.isEmpty {
                algorithm.rebase(roundTripNanoseconds: samples.sorted()[samples.count / 2])
            }
            epoch = now
            scheduleProbe(after: now)
        }

        private mutating func cancelProbe(at now: Int64) {
            switch probe {
            case .running:
                epoch = now
                scheduleProbe(after: now)
            case .due(let start) where now >= start: scheduleProbe(after: now)
            default: break
            }
        }
    }
}
