// SPDX-License-Identifier: Apache-2.0

extension AdaptiveThrottle {
    /// The throttle without lock and clock: a value that is told the time, in nanoseconds.
    ///
    /// Client-side throttling of the Site Reliability Engineering book (chapter "Handling Overload"):
    /// p = max(0, (requests − K · accepts) / (requests + 1)), at most the cap. Requests are all calls of the window,
    /// with those that the throttle itself refused; accepts are the ones that succeeded.
    ///
    /// A call is counted when it is made, not when it returns, so that a callee that answers nothing at all is
    /// throttled too. It is given `patience` to answer first: without it a burst of calls after a start would be
    /// refused only because the first answers are still on the way.
    @usableFromInline
    struct StateMachine: Sendable {
        /// What a call carries until its result is known.
        @usableFromInline
        struct Ticket: Sendable, Equatable {
            /// The number of the bucket that the call was counted in.
            var bucket: Int64
            /// Which window that was: after a change the same number stands for another time.
            var epoch = 0
        }

        private struct Bucket: Sendable {
            /// Calls without an answer so far.
            var pending: Int32 = 0
            /// Calls with an answer, and refused ones.
            var settled: Int32 = 0
            var accepted: Int32 = 0
        }

        static let bucketCount: Int64 = 60

        private(set) var options: AdaptiveThrottleOptions
        private var buckets = [Bucket](repeating: Bucket(), count: Int(bucketCount))
        /// The number of the newest bucket; its time is `newest · width`.
        private var newest: Int64 = .min / 2
        private var width: Int64
        /// Counts the changes of the window.
        private var epoch = 0
        /// A bucket that is at least this much older than the newest has run out of patience.
        private var patientBuckets: Int64
        /// Sums over the window: calls that count, and accepted ones.
        private(set) var requests = 0
        private(set) var accepts = 0
        private var random: SplitMix64

        init(options: AdaptiveThrottleOptions, seed: UInt64) {
            self.options = options
            (width, patientBuckets) = Self.measures(options)
            random = SplitMix64(seed: seed)
        }

        private static func measures(_ options: AdaptiveThrottleOptions) -> (width: Int64, patient: Int64) {
            let width = max(1, options.window.nanosecondsSaturated / bucketCount)
            // One bucket more, because a call may come at the very end of its bucket: nobody is blamed early.
            let patience = options.patience.nanosecondsSaturated
            return (width, patience == 0 ? 0 : min(bucketCount - 1, patience / width + 1))
        }

        /// The share of calls that is refused at `now`.
        mutating func rejectionShare(at now: Int64) -> Double {
            advance(to: now)
            if requests < options.minimumCalls { return 0 }
            let excess = Double(requests) - options.multiplier * Double(accepts)
            return min(options.maximumRejection, max(0, excess / Double(requests + 1)))
        }

        /// Counts a call; nil when it is to be refused.
        mutating func acquire(at now: Int64) -> Ticket? {
            let share = rejectionShare(at: now)
            let slot = self.slot(newest)
            if share > 0, random.unit() < share {
                buckets[slot].settled += 1
                requests += 1
                return nil
            }
            return count()
        }

        /// Counts a call that passes whatever the throttle says; true when it would have been refused.
        mutating func observe(at now: Int64) -> (ticket: Ticket, wouldRefuse: Bool) {
            let share = rejectionShare(at: now)
            let wouldRefuse = share > 0 && random.unit() < share
            return (count(), wouldRefuse)
        }

        private mutating func count() -> Ticket {
            buckets[slot(newest)].pending += 1
            if patientBuckets == 0 { requests += 1 }
            return Ticket(bucket: newest, epoch: epoch)
        }

        /// Takes a result into account; one that comes after its call has left the window, or after a change of the
        /// window, changes nothing.
        mutating func record(_ ticket: Ticket, _ verdict: Verdict, at now: Int64) {
            if ticket.epoch != epoch { return }
            advance(to: now)
            let age = newest - ticket.bucket
            guard age >= 0, age < Self.bucketCount, buckets[slot(ticket.bucket)].pending > 0 else { return }
            let slot = self.slot(ticket.bucket)
            let isCounted = age >= patientBuckets
            buckets[slot].pending -= 1
            if verdict == .ignore {
                if isCounted { requests -= 1 }
                return
            }
            buckets[slot].settled += 1
            if !isCounted { requests += 1 }
            if verdict == .success {
                buckets[slot].accepted += 1
                accepts += 1
            }
        }

        /// Takes new options. The counts stay unless the window is another.
        mutating func configure(_ new: AdaptiveThrottleOptions) {
            let keepsWindow = new.window == options.window && new.patience == options.patience
            options = new
            if keepsWindow { return }
            (width, patientBuckets) = Self.measures(new)
            buckets = [Bucket](repeating: Bucket(), count: Int(Self.bucketCount))
            newest = .min / 2
            epoch += 1
            requests = 0
            accepts = 0
        }

        /// Moves the window: buckets that leave it are subtracted, pending calls of buckets that ran out of patience
        /// begin to count.
        private mutating func advance(to now: Int64) {
            let current = now >= 0 ? now / width : (now - width + 1) / width
            if current <= newest { return }
            if current - newest >= Self.bucketCount {
                for index in buckets.indices { buckets[index] = Bucket() }
                requests = 0
                accepts = 0
                newest = current
                return
            }
            while newest < current {
                newest += 1
                let leaving = buckets[slot(newest)]
                requests -= Int(leaving.settled) + Int(leaving.pending)
                accepts -= Int(leaving.accepted)
                buckets[slot(newest)] = Bucket()
                if patientBuckets > 0 { requests += Int(buckets[slot(newest - patientBuckets)].pending) }
            }
        }

        private func slot(_ bucket: Int64) -> Int {
            let rest = bucket % Self.bucketCount
            return Int(rest < 0 ? rest + Self.bucketCount : rest)
        }
    }
}
