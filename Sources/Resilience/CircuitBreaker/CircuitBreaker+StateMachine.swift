// SPDX-License-Identifier: Apache-2.0

extension CircuitBreaker {
    typealias State = CircuitBreakerEvent.State

    /// A state change, for events and metrics.
    struct Transition: Sendable, Equatable {
        var from: State
        var to: State
        var cause: CircuitBreakerEvent.Cause
    }

    /// The breaker without lock, clock and listeners: a value that is told the time.
    ///
    /// closed → open when a rule trips; open → half open at the first call after the open time; half open → closed or
    /// open as soon as the probes still missing can't change the result, or → open when they are overdue. Every
    /// transition starts a new generation, and results of older generations decide nothing.
    struct StateMachine: Sendable {
        private(set) var options: CircuitBreakerOptions
        private(set) var limits: Limits
        private(set) var state: State = .closed
        private(set) var generation: UInt32 = 0
        private(set) var window: Window
        private(set) var consecutiveFailures = 0
        /// Openings since the breaker was last closed.
        private(set) var openings = 0
        /// When the open time ends, or the probes are overdue.
        private(set) var until: Int64 = 0
        private var probes = Probes()
        private var random: SplitMix64

        /// Calls let through while half open.
        private struct Probes: Sendable {
            var underWay = 0
            var results = Tally()
        }

        init(options: CircuitBreakerOptions, seed: UInt64) {
            self.options = options
            limits = Limits(options)
            window = Window(options.window)
            random = SplitMix64(seed: seed)
        }

        /// Whether a call may be made at `now`; half open it takes a probe's slot.
        mutating func acquire(at now: Int64) -> (admission: Admission, transition: Transition?) {
            switch state {
            case .closed:
                return (.admitted(Ticket(generation: generation)), nil)
            case .open:
                if now < until { return (.refused(Rejection(.circuitOpen, retryAfterNanoseconds: until - now)), nil) }
                let transition = move(to: .halfOpen, cause: .openTimePassed, at: now)
                probes.underWay = 1
                return (.admitted(Ticket(generation: generation)), transition)
            case .halfOpen:
                if now >= until {
                    let transition = move(to: .open, cause: .probesOverdue, at: now)
                    return (.refused(Rejection(.circuitOpen, retryAfterNanoseconds: until - now)), transition)
                }
                if probes.underWay + Int(probes.results.calls) >= limits.probes {
                    return (.refused(Rejection(.halfOpenFull, retryAfterNanoseconds: -1)), nil)
                }
                probes.underWay += 1
                return (.admitted(Ticket(generation: generation)), nil)
            }
        }

        /// Takes a result into account.
        ///
        /// - Parameter retryAfter: How long the callee asked to be left alone, in nanoseconds; 0 when it did not.
        /// - Returns: What came of it; `isLate` when the ticket is of an older generation.
        mutating func record(
            _ ticket: Ticket, _ verdict: Verdict, duration: Int64, retryAfter: Int64 = 0, at now: Int64
        ) -> (transition: Transition?, isLate: Bool) {
            guard ticket.generation == generation else { return (nil, true) }
            if verdict == .ignore {
                abandon(ticket)
                return (nil, false)
            }
            let tally = Tally.one(failed: verdict.isFailure, slow: duration > limits.slowNanoseconds)
            switch state {
            case .closed:
                window.add(tally, at: now)
                switch verdict {
                case .success: consecutiveFailures = 0
                case .failure: consecutiveFailures += 1
                case .throttled, .ignore: break
                }
                return (cause(at: now).map { move(to: .open, cause: $0, at: now, atLeast: retryAfter) }, false)
            case .halfOpen:
                probes.underWay -= 1
                probes.results += tally
                return (decide(at: now, retryAfter: retryAfter), false)
            case .open:
                // Nothing is admitted in this state, so no ticket of this generation exists.
                return (nil, true)
            }
        }

        /// The usual case of `record`: a success that was not slow, in the closed state, that can't trip a rule.
        ///
        /// Such a result lowers every rate, so it only matters when it completes the minimum of calls, or when older
        /// results leave the window with it.
        ///
        /// - Returns: False, with nothing changed, when the whole way has to be gone.
        mutating func recordQuickSuccess(_ ticket: Ticket, duration: Int64, at now: Int64) -> Bool {
            guard ticket.generation == generation, state == .closed, duration <= limits.slowNanoseconds,
                window.addQuickSuccess(at: now, unlessCallsReach: limits.minimumCalls)
            else { return false }
            consecutiveFailures = 0
            return true
        }

        /// Gives a ticket back without a result: a probe's slot becomes free, anything else is unchanged.
        mutating func abandon(_ ticket: Ticket) {
            if ticket.generation == generation, state == .halfOpen { probes.underWay -= 1 }
        }

        /// The first rule that trips, in a fixed order.
        private mutating func cause(at now: Int64) -> CircuitBreakerEvent.Cause? {
            if consecutiveFailures >= limits.consecutiveFailures { return .consecutiveFailures }
            let total = window.total(at: now)
            if Int(total.calls) < limits.minimumCalls { return nil }
            let calls = Double(total.calls)
            if Double(total.failed) >= limits.failureRate * calls { return .failureRate }
            if Double(total.slow) >= limits.slowRate * calls { return .slowCallRate }
            if Double(total.bad) >= limits.badRate * calls { return .badRate }
            return nil
        }

        /// Decides as soon as the result is certain.
        private mutating func decide(at now: Int64, retryAfter: Int64) -> Transition? {
            let results = probes.results
            if Int(results.failed) >= limits.failedProbes || Int(results.slow) >= limits.slowProbes
                || Int(results.bad) >= limits.badProbes
            {
                return move(to: .open, cause: .probesFailed, at: now, atLeast: retryAfter)
            }
            let missing = limits.probes - Int(results.calls)
            let canStillFail =
                Int(results.failed) + missing >= limits.failedProbes || Int(results.slow) + missing >= limits.slowProbes
                || Int(results.bad) + missing >= limits.badProbes
            return canStillFail ? nil : move(to: .closed, cause: .probesSucceeded, at: now)
        }

        private mutating func move(
            to new: State, cause: CircuitBreakerEvent.Cause, at now: Int64, atLeast retryAfter: Int64 = 0
        ) -> Transition {
            let transition = Transition(from: state, to: new, cause: cause)
            state = new
            generation &+= 1
            probes = Probes()
            switch new {
            case .closed:
                openings = 0
                consecutiveFailures = 0
                window.clear()
            case .open:
                openings += 1
                until = now.addingSaturated(openTime(atLeast: retryAfter))
            case .halfOpen:
                until = now.addingSaturated(limits.halfOpenNanoseconds)
            }
            return transition
        }

        /// base × multiplier^(openings − 1), at most the cap, spread by ± jitter; never below what the callee asked for
        /// within the cap.
        private mutating func openTime(atLeast retryAfter: Int64) -> Int64 {
            var time = limits.openNanoseconds
            // A loop instead of a power: it ends at the cap long before it could overflow.
            for _ in 1..<max(1, min(openings, 64)) where time < limits.openCapNanoseconds {
                time *= options.open.multiplier
            }
            time = min(time, limits.openCapNanoseconds)
            time *= 1 + options.open.jitter * (2 * random.unit() - 1)
            let asked = min(Double(retryAfter), limits.openCapNanoseconds)
            return max(1, Int64(max(time, asked)))
        }

        /// Back to closed with an empty window, whatever the state.
        mutating func reset(at now: Int64) -> Transition? {
            let transition = move(to: .closed, cause: .reset, at: now)
            return transition.from == .closed ? nil : transition
        }

        /// Takes new options and keeps state and window; only a window of another kind or size starts empty.
        mutating func configure(_ new: CircuitBreakerOptions) {
            let keepsWindow = new.window == options.window
            options = new
            limits = Limits(new)
            if !keepsWindow { window = Window(new.window) }
        }

        /// The calls in the window at `now`.
        mutating func callsInWindow(at now: Int64) -> Int {
            Int(window.total(at: now).calls)
        }

        /// The rates in the window at `now`; nil below the minimum number of calls.
        mutating func rates(at now: Int64) -> (failure: Double, slow: Double)? {
            let total = window.total(at: now)
            if total.calls == 0 || Int(total.calls) < limits.minimumCalls { return nil }
            return (Double(total.failed) / Double(total.calls), Double(total.slow) / Double(total.calls))
        }
    }

    /// The options in the units of the state machine; "off" is a limit that nothing reaches.
    struct Limits: Sendable {
        var slowNanoseconds: Int64
        var failureRate: Double
        var slowRate: Double
        var badRate: Double
        var consecutiveFailures: Int
        var minimumCalls: Int
        var openNanoseconds: Double
        var openCapNanoseconds: Double
        var halfOpenNanoseconds: Int64
        var probes: Int
        var failedProbes: Int
        var slowProbes: Int
        var badProbes: Int

        init(_ options: CircuitBreakerOptions) {
            slowNanoseconds = options.slowCall?.duration.nanosecondsSaturated ?? .max
            failureRate = options.failureRate ?? .infinity
            slowRate = options.slowCall?.rate ?? .infinity
            badRate = options.badRate ?? .infinity
            consecutiveFailures = options.consecutiveFailures ?? .max
            minimumCalls = options.minimumCalls
            // A count window never holds more than its size: a larger minimum would switch the rates off unseen.
            if case .count(let size) = options.window { minimumCalls = min(minimumCalls, size) }
            openNanoseconds = Double(options.open.base.nanosecondsSaturated)
            openCapNanoseconds = Double(options.open.effectiveCap.nanosecondsSaturated)
            let longest = max(options.open.base, (options.slowCall?.duration ?? .zero) * 2, .seconds(10))
            halfOpenNanoseconds = (options.halfOpen.maximumDuration ?? longest).nanosecondsSaturated
            let count = options.halfOpen.probes
            probes = count
            func share(_ rate: Double?) -> Int { rate.map { max(1, Int(($0 * Double(count)).rounded(.up))) } ?? .max }
            // Without a failure rate one failed probe is one too many.
            failedProbes = options.failureRate == nil ? 1 : share(options.failureRate)
            slowProbes = share(options.slowCall?.rate)
            badProbes = share(options.badRate)
        }
    }
}
