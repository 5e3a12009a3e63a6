// SPDX-License-Identifier: Apache-2.0

extension Hedge {
    /// What the result of an attempt means for the others.
    @usableFromInline
    enum Judgement: UInt8, Sendable, CaseIterable {
        /// A result to return: a success, or an error that is not the callee's fault.
        case acceptable
        /// A failure that another attempt may not have.
        case failed
        /// The callee wants to be left alone: no attempt is added.
        case throttled
        /// A failure that every attempt would have: when it is the first one's, it ends the call.
        case hopeless
        /// A policy of this process refused the attempt; the callee was not asked.
        case refused
        /// The attempt ended because it was told to.
        case cancelled

        /// Whether the callee failed.
        var isFailure: Bool {
            self == .failed || self == .throttled || self == .hopeless
        }
    }

    /// One call with its attempts; number 0 is the first one, the primary.
    struct Race: Sendable {
        enum Action: Sendable, Equatable {
            /// Another attempt is wanted: ask the budget, then `launch` or `deny`.
            case start(HedgeEvent.Cause)
            /// All attempts under way have to be cancelled.
            case cancelAttempts
            /// Nothing to do until an attempt ends or, if there is one, until the instant.
            case wait(until: Int64?)
            /// Every attempt has ended.
            case settled(Settlement)
        }

        enum Settlement: Sendable, Equatable {
            /// The result of this attempt is the call's.
            case attempt(Int)
            /// The caller gave up, and no attempt had an acceptable result all the same. The attempt is the one with
            /// the last real error, if there is one.
            case cancelled(Int)
        }

        private let plan: Plan
        private let deadline: Int64
        private var due: Int64
        private var startsNow = false
        private var mayStart: Bool
        private var ended = 0
        /// The attempt with the first acceptable result.
        private(set) var winner: Int?
        /// The first attempt that failed in earnest.
        private var failure: Int?
        private var isHopeless = false
        private(set) var isCancelled = false
        private var needsCancel = false
        /// Attempts so far; at least 1.
        private(set) var started = 1
        private(set) var wasDenied = false
        /// Hedges that a policy of this process refused.
        private(set) var refusedHedges = 0
        private(set) var primary: (end: Int64, judgement: Judgement)?
        /// When the attempts under way were told to end.
        private(set) var cancelInstant: Int64?
        /// When the first acceptable result was there.
        private(set) var decided: Int64?

        /// The primary starts.
        ///
        /// - Parameter deadline: No attempt is started at or after it.
        init(_ plan: Plan, start: Int64, deadline: Int64 = .max) {
            self.plan = plan
            self.deadline = deadline
            due = start.addingSaturated(plan.delay)
            mayStart = plan.hedges > 0
        }

        /// An attempt has ended.
        mutating func ended(_ number: Int, _ judgement: Judgement, at now: Int64) {
            ended += 1
            if number == 0 { primary = (now, judgement) }
            if judgement.isFailure { failure = min(number, failure ?? number) }
            switch judgement {
            case .acceptable:
                if winner == nil, !isHopeless {
                    winner = number
                    decide(at: now)
                }
            case .hopeless where number == 0:
                // An error that comes after the caller's cancellation may come from it.
                if winner == nil, !isCancelled {
                    isHopeless = true
                    decide(at: now)
                }
            case .failed: startsNow = true
            case .hopeless, .throttled, .cancelled: mayStart = false
            case .refused:
                if number > 0 {
                    refusedHedges += 1
                    wasDenied = true
                }
                mayStart = false
            }
        }

        private mutating func decide(at now: Int64) {
            decided = now
            stop(at: now)
        }

        private mutating func stop(at now: Int64) {
            mayStart = false
            if cancelInstant != nil || ended == started { return }
            cancelInstant = now
            needsCancel = true
        }

        /// The caller gave up.
        mutating func cancel(at now: Int64) {
            isCancelled = true
            stop(at: now)
        }

        /// What to do now.
        mutating func next(at now: Int64) -> Action {
            if needsCancel {
                needsCancel = false
                return .cancelAttempts
            }
            let isOpen = mayStart && started <= plan.hedges
            if isOpen, startsNow || now >= due, now < deadline { return .start(startsNow ? .failed : .slow) }
            if ended == started {
                if let winner { return .settled(.attempt(winner)) }
                if isHopeless { return .settled(.attempt(0)) }
                // The primary's error unless it has none, because it was refused.
                return .settled(isCancelled ? .cancelled(failure ?? 0) : .attempt(failure ?? 0))
            }
            return .wait(until: isOpen && due < deadline ? due : nil)
        }

        /// The attempt that was wanted is started.
        ///
        /// - Returns: Its number; nil when it is not wanted any more.
        mutating func launch(at now: Int64) -> Int? {
            guard mayStart else { return nil }
            startsNow = false
            due = now.addingSaturated(plan.delay)
            started += 1
            return started - 1
        }

        /// The attempt that was wanted can't be started. What is under way goes on.
        mutating func deny() {
            mayStart = false
            wasDenied = true
        }
    }
}
