// SPDX-License-Identifier: Apache-2.0

extension LoadShedder {
    /// The shedder without lock, clock and timers: a value that is told the time, in nanoseconds.
    ///
    /// A call passes three gates: it must not have expired; its level must not be below the threshold; and there must
    /// be a place for it, now or after a wait in the queue. A call that expires in the queue never takes a place.
    struct StateMachine: Sendable {
        /// What is decided about a call.
        enum Decision: Equatable {
            case granted
            /// The call waits in the queue; `replaced` had to leave it to make room.
            case waits(id: UInt64, replaced: UInt64?)
            case refused(Rejection.Reason)
        }

        private(set) var options: LoadShedderOptions
        /// The calls that are worked on at once.
        private(set) var limit: Int
        /// What an adaptive limit allows.
        private var adaptiveLimit = 0
        private(set) var inFlight = 0
        private(set) var threshold = PriorityThreshold()
        private var queue: AdmissionQueue
        private var interval: Int64
        /// Whether a call found the queue full in this interval.
        private var wasFull = false
        /// In shadow mode nobody waits: since when more calls than the limit have been under way.
        private var overLimitSince: Int64?
        private var nextID: UInt64 = 0

        init(options: LoadShedderOptions) {
            self.options = options
            limit = 0
            queue = AdmissionQueue(options.queue)
            interval = options.queue.interval.nanosecondsSaturated
            updateLimit()
        }

        private mutating func updateLimit() {
            limit = if case .fixed(let number) = options.limit { number } else { adaptiveLimit }
        }

        /// An adaptive limit has moved; it only counts where the options say so.
        mutating func follow(_ number: Int) {
            // A rule of somebody's own may say "any number", to which nothing can be added.
            adaptiveLimit = min(number, .max / 2)
            updateLimit()
        }

        var queued: Int {
            queue.count
        }

        /// Asks for a place.
        mutating func acquire(
            _ criticality: Criticality, _ cohort: Cohort, deadline: Int64, at now: Int64
        ) -> Decision {
            if deadline <= now { return .refused(.deadlineTooShort) }
            if !threshold.admits(PriorityThreshold.level(criticality, cohort)) { return .refused(.shed) }
            if inFlight < limit, queue.count == 0 {
                inFlight += 1
                return .granted
            }
            if limit == 0 { return .refused(.shed) }
            nextID += 1
            switch queue.enter(nextID, criticality, deadline: deadline, at: now) {
            case .queued: return .waits(id: nextID, replaced: nil)
            case .replaced(let victim):
                wasFull = true
                return .waits(id: nextID, replaced: victim)
            case .full:
                wasFull = true
                return .refused(.shed)
            }
        }

        /// Takes a place whatever the limit, and says why the call would have been refused.
        mutating func observe(
            _ criticality: Criticality, _ cohort: Cohort, deadline: Int64, at now: Int64
        ) -> Rejection.Reason? {
            inFlight += 1
            if inFlight <= limit { overLimitSince = nil } else if overLimitSince == nil { overLimitSince = now }
            if deadline <= now { return .deadlineTooShort }
            if !threshold.admits(PriorityThreshold.level(criticality, cohort)) { return .shed }
            if inFlight <= limit + options.queue.capacity { return nil }
            wasFull = true
            return .shed
        }

        /// Moves the threshold when an interval is over.
        ///
        /// - Returns: Whether it has moved.
        mutating func moveThreshold(at now: Int64) -> Bool {
            let isOverLimit = overLimitSince.map { now.subtractingSaturated($0) > interval } ?? false
            let isOverloaded = wasFull || isOverLimit || queue.isCongested(at: now)
            guard let moved = threshold.advance(to: now, interval: interval, isOverloaded: isOverloaded) else {
                return false
            }
            wasFull = false
            return moved
        }

        /// Gives a place back.
        mutating func release(at now: Int64) {
            inFlight -= 1
            if inFlight <= limit { overLimitSince = nil }
        }

        /// The calls whose wait in the queue is over without a place.
        mutating func removeExpired(at now: Int64) -> [AdmissionQueue.Dropped] {
            queue.removeExpired(at: now)
        }

        /// The next call that gets a place; expired ones must have been removed before.
        mutating func popAdmitted(at now: Int64) -> UInt64? {
            guard inFlight < limit, queue.count > 0, let (id, _) = queue.next(at: now) else { return nil }
            inFlight += 1
            return id
        }

        /// When waiting calls have to be looked at again.
        func nextExpiry(at now: Int64) -> Int64? {
            queue.nextExpiry(at: now)
        }

        /// Takes out a call that gave up.
        ///
        /// - Returns: False when it had its place already, and has to release it.
        mutating func cancel(_ id: UInt64) -> Bool {
            queue.leave(id)
        }

        /// Lets in everybody who waits, for a shedder that is not enforced any more.
        mutating func admitAll() -> [UInt64] {
            let all = queue.removeAll()
            inFlight += all.count
            return all
        }

        /// Takes new options. Nobody is thrown out: places retire as they come back, and who waits keeps the wait it
        /// was given.
        mutating func configure(_ new: LoadShedderOptions) {
            options = new
            updateLimit()
            queue.configure(new.queue)
            interval = new.queue.interval.nanosecondsSaturated
        }
    }
}
