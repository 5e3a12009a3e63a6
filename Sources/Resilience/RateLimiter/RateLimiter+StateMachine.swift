// SPDX-License-Identifier: Apache-2.0

extension RateLimiter {
    /// The limiter without lock, clock and timers: a value that is told the time, in nanoseconds.
    ///
    /// Calls that may wait stand in a line. Nothing is reserved for them: the turn of the k-th follows from TAT, so
    /// that everybody behind a waiter who gives up moves forward, and all of them move when the rate is changed.
    struct StateMachine: Sendable {
        /// What is decided about a call.
        enum Decision: Equatable {
            case granted
            /// The call stands in the line; its turn comes at the given instant or earlier.
            case waits(id: UInt64, until: Int64)
            case refused(Rejection)
        }

        private(set) var options: RateLimiterOptions
        private var cell: CellRate
        private var maximumWait: Int64
        private var tat = CellRate.idle
        /// The instant until which each waiter would wait.
        private var line = WaitingLine<Int64>()
        private var nextID: UInt64 = 0

        init(options: RateLimiterOptions) {
            self.options = options
            cell = CellRate(options.rate, burst: options.effectiveBurst)
            maximumWait = options.maximumWait.nanosecondsSaturated
        }

        /// Asks for a call at `now`.
        ///
        /// Waiters whose turn has come must have been taken out with `popDue` before: nobody overtakes them.
        ///
        /// - Parameters:
        ///   - deadline: A call whose turn comes later is of no use to anyone.
        ///   - mayWait: False for a call that is admitted now or not at all.
        mutating func acquire(at now: Int64, deadline: Int64 = .max, mayWait: Bool = true) -> Decision {
            let turn = cell.conformance(of: tat, behind: line.count, at: now)
            if line.isEmpty, turn <= now {
                cell.admit(&tat, at: now)
                return .granted
            }
            // Who can't be served in time is told so now, not after having waited in vain.
            let latest = mayWait ? now.addingSaturated(maximumWait) : now
            // A due waiter whose timer is late still goes first.
            if !mayWait, turn <= now { return .refused(Rejection(.rateLimited, retryAfterNanoseconds: 1)) }
            if turn > latest { return .refused(Rejection(.rateLimited, retryAfterNanoseconds: turn - latest)) }
            if turn > deadline { return .refused(Rejection(.deadlineTooShort, retryAfterNanoseconds: -1)) }
            nextID += 1
            line.append(nextID, min(latest, deadline))
            return .waits(id: nextID, until: turn)
        }

        /// The same question in a mode that lets everything pass: calls that would have waited are charged as if they
        /// had, those that would have been refused are not.
        mutating func observe(at now: Int64, deadline: Int64 = .max, mayWait: Bool = true) -> Rejection.Reason? {
            let turn = cell.conformance(of: tat, at: now)
            if turn > (mayWait ? now.addingSaturated(maximumWait) : now) { return .rateLimited }
            if turn > deadline { return .deadlineTooShort }
            cell.admit(&tat, at: now)
            return nil
        }

        /// Takes the first waiter out of the line if its turn has come.
        mutating func popDue(at now: Int64) -> UInt64? {
            guard !line.isEmpty, cell.conformance(of: tat, at: now) <= now else { return nil }
            cell.admitInTurn(&tat)
            return line.popFirst()?.id
        }

        /// When the first waiter's turn comes; nil while nobody waits.
        func nextTurn(at now: Int64) -> Int64? {
            line.isEmpty ? nil : cell.conformance(of: tat, at: now)
        }

        /// When a call that came now and could wait would have its turn.
        func turn(at now: Int64) -> Int64 {
            cell.conformance(of: tat, behind: line.count, at: now)
        }

        /// Takes out a waiter that gave up; everybody behind it moves forward.
        ///
        /// - Returns: False when it is not in the line any more: then its call was granted, and has to be given back
        ///   with `refund`.
        mutating func cancel(_ id: UInt64) -> Bool {
            line.remove(id) != nil
        }

        /// Gives back a call that was granted and not made.
        mutating func refund() {
            cell.refund(&tat)
        }

        /// Takes new options. What was used of the old burst stays used, waiters stay in the line.
        ///
        /// Waiters whose turn has come must have been taken out with `popDue` before: their calls count at the old rate.
        ///
        /// - Returns: The waiters whose turn now comes later than they would wait for it; they are out of the line.
        mutating func configure(_ new: RateLimiterOptions, at now: Int64) -> [UInt64] {
            let changed = CellRate(new.rate, burst: new.effectiveBurst)
            tat = cell.converted(tat, to: changed, at: now)
            cell = changed
            options = new
            maximumWait = new.maximumWait.nanosecondsSaturated
            var ahead = 0
            return line.removeAll { latest in
                if cell.conformance(of: tat, behind: ahead, at: now) > latest { return true }
                ahead += 1
                return false
            }.map(\.id)
        }

        /// Lets in everybody who waits, for a limiter that is not enforced any more. They are charged as if they had
        /// waited, because those that are not made after all are given back.
        mutating func admitAll() -> [UInt64] {
            let waiters = line.removeAll { _ in true }.map(\.id)
            for _ in waiters { cell.admitInTurn(&tat) }
            return waiters
        }

        /// The calls that could be made at once.
        func available(at now: Int64) -> Int {
            line.isEmpty ? cell.available(tat, at: now) : 0
        }

        var waiting: Int {
            line.count
        }
    }
}
