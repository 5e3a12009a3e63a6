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
    /// closed → open when a rule trips; open → half open at the first call after the open time; half open → closed (or
    /// ramping, where that is configured) or open as soon as the probes still missing can't change the result, or → open
    /// when they are overdue; ramping → closed step by step, or → open when a rule trips. Every transition starts a new
    /// generation, and results of older generations decide nothing.
    struct StateMachine: Sendable {
        private(set) var options: CircuitBreakerOptions
        private(set) var limits: Limits
        private(set) var state: State = .closed
        private(set) var generation: UInt32 = 0
        private(set) var window: Window
        private(set) var consecutiveFailures = 0
        /// Openings since the breaker was last closed for as long as its window.
        private(set) var openings = 0
        /// When the open time ends, or the probes are overdue.
        private(set) var until: Int64 = 0
        private var closedSince = Int64.min
        private var probes = Probes()
        private var ramp = Ramp()
        private var inFlight: InFlight
        /// Changes with the slow-call duration: the slots of tickets from before mean nothing any more.
        private var inFlightVersion: UInt32 = 1
        /// The rules have changed since they were last asked.
        private var hasNewRules = false
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
            inFlight = InFlight(slowNanoseconds: limits.slowNanoseconds)
            random = SplitMix64(seed: seed)
        }

        /// Begins open instead of closed, for one open time.
        mutating func startOpen(at now: Int64) {
            _ = move(to: .open, cause: .reset, at: now)
        }

        /// Whether a call may be made at `now`; half open it takes a probe's slot. Its time runs from `begin`.
        mutating func acquire(at now: Int64) -> (admission: Admission, transition: Transition?) {
            var transition: Transition?
            switch state {
            case .open:
                if now < until { return (refusal(at: now), nil) }
                transition = move(to: .halfOpen, cause: .openTimePassed, at: now)
            case .halfOpen:
                transition =
                    now >= until
                    ? move(to: .open, cause: .probesOverdue, at: now) : decide(at: now, retryAfter: 0)
            case .ramping, .closed:
                transition = slowCallsNow(at: now) > 0 ? trip(at: now) : nil
                if transition == nil, state == .ramping { transition = climb(at: now) }
            }
            switch state {
            case .open: return (refusal(at: now), transition)
            case .halfOpen:
                if probes.underWay + Int(probes.results.calls) >= limits.probes {
                    return (.refused(Rejection(.halfOpenFull, retryAfterNanoseconds: -1)), transition)
                }
                probes.underWay += 1
            case .ramping:
                if !ramp.admits(at: now) {
                    return (.refused(Rejection(.ramping, retryAfterNanoseconds: -1)), transition)
                }
            case .closed: break
            }
            return (.admitted(Ticket(generation: generation)), transition)
        }

        @inline(__always)
        private func refusal(at now: Int64) -> Admission {
            .refused(Rejection(.circuitOpen, retryAfterNanoseconds: until - now))
        }

        /// Whether calls have to say when they start, so that they can be slow before they return.
        @inline(__always)
        var watchesCallsUnderWay: Bool {
            limits.hasSlowCalls
        }

        /// An admitted call starts; needed only where `watchesCallsUnderWay`.
        mutating func begin(_ ticket: inout Ticket, at now: Int64) {
            guard watchesCallsUnderWay, ticket.generation == generation else { return }
            ticket.slot = inFlight.begin(at: now)
            ticket.version = inFlightVersion
        }

        /// The calls under way that are slow already.
        mutating func slowCallsNow(at now: Int64) -> Int {
            limits.hasSlowCalls ? inFlight.slowCalls(at: now) : 0
        }

        /// Takes a result into account.
        ///
        /// - Parameter retryAfter: How long the callee asked to be left alone, in nanoseconds; 0 when it did not.
        /// - Returns: What came of it; `isLate` when the ticket is of an older generation.
        mutating func record(
            _ ticket: Ticket, _ verdict: Verdict, duration: Int64, retryAfter: Int64 = 0, at now: Int64
        ) -> (transition: Transition?, isLate: Bool) {
            guard ticket.generation == generation else { return (nil, true) }
            abandon(ticket)
            if verdict == .ignore { return (nil, false) }
            let tally = Tally.one(failed: verdict.isFailure, slow: duration > limits.slowNanoseconds)
            switch state {
            case .closed, .ramping:
                window.add(tally, at: now)
                ramp.hear()
                switch verdict {
                case .success: consecutiveFailures = 0
                case .failure: consecutiveFailures += 1
                case .throttled, .ignore: break
                }
                if let transition = trip(at: now, retryAfter: retryAfter) { return (transition, false) }
                return (state == .ramping ? climb(at: now) : nil, false)
            case .halfOpen:
                probes.results += tally
                return (decide(at: now, retryAfter: retryAfter), false)
            case .open:
                // Nothing is admitted in this state, so no ticket of this generation exists.
                return (nil, true)
            }
        }

        /// How many successes may be counted by `addQuickSuccesses` before the rules have to be looked at again, and
        /// until when.
        ///
        /// A success lowers every rate, so it only matters when it ends a row of failures, completes the minimum of
        /// calls, or when older results leave the window with it. Where calls have to say when they start every one of
        /// them matters.
        @inline(__always)
        var quickSuccesses: (count: UInt32, until: Int64) {
            guard state == .closed, !watchesCallsUnderWay, consecutiveFailures == 0, !hasNewRules else {
                return (0, .min)
            }
            let missing = limits.minimumCalls - Int(window.recorded.calls)
            return (missing > 0 ? UInt32(clamping: missing - 1) : .max, window.end)
        }

        /// Takes successes into account that came at times and in a number that `quickSuccesses` allowed.
        mutating func addQuickSuccesses(_ count: UInt32) {
            window.addSuccesses(count)
        }

        /// Gives a ticket back without a result: a probe's slot becomes free, anything else is unchanged.
        mutating func abandon(_ ticket: Ticket) {
            guard ticket.generation == generation else { return }
            if ticket.version == inFlightVersion { inFlight.end(ticket.slot) }
            if state == .halfOpen { probes.underWay -= 1 }
        }

        /// The results in the window and the calls that are slow already, each call once.
        private mutating func total(at now: Int64) -> Tally {
            let slow = UInt32(clamping: slowCallsNow(at: now))
            var total = window.total(at: now)
            total += Tally(calls: slow, failed: 0, slow: slow, bad: slow)
            return total
        }

        /// Opens the breaker if a rule says so; the rules are asked in a fixed order.
        private mutating func trip(at now: Int64, retryAfter: Int64 = 0) -> Transition? {
            hasNewRules = false
            var cause: CircuitBreakerEvent.Cause?
            if consecutiveFailures >= limits.consecutiveFailures {
                cause = .consecutiveFailures
            } else {
                let total = total(at: now)
                if Int(total.calls) >= limits.minimumCalls { cause = limits.cause(total) }
            }
            return cause.map { move(to: .open, cause: $0, at: now, atLeast: retryAfter) }
        }

        /// Half open, decides as soon as the result is certain. A probe that is slow already has come to a result.
        private mutating func decide(at now: Int64, retryAfter: Int64) -> Transition? {
            let slow = UInt32(clamping: slowCallsNow(at: now))
            var results = probes.results
            results += Tally(calls: 0, failed: 0, slow: slow, bad: slow)
            if limits.haveFailed(probes: results) {
                return move(to: .open, cause: .probesFailed, at: now, atLeast: retryAfter)
            }
            // What is slow already can still fail as well, but is slow whatever comes.
            let missing = UInt32(clamping: max(0, limits.probes - Int(probes.results.calls)))
            var worst = probes.results
            worst += Tally(calls: missing, failed: missing, slow: missing, bad: missing)
            if limits.haveFailed(probes: worst) { return nil }
            return move(to: limits.ramp == nil ? .closed : .ramping, cause: .probesSucceeded, at: now)
        }

        /// Ramping, goes on to the next step when this one has had its time and its calls came back well.
        ///
        /// A step that nobody calls in stays: it has shown nothing. One with bad results stays too until there are as
        /// many as half open has probes; then it is judged like those. And one whose calls bring no result at all,
        /// because they hang or are given up, is as bad as overdue probes are: once it has let as many calls through as
        /// half open would, and has waited as long for one of them, the breaker opens. The good probes before it are no
        /// reason to let more calls through, and a share must not stay for ever.
        private mutating func climb(at now: Int64) -> Transition? {
            guard let limits = limits.ramp else { return move(to: .closed, cause: .rampCompleted, at: now) }
            if now < ramp.end { return nil }
            let total = total(at: now)
            if total.calls == 0 {
                let isOverdue =
                    ramp.unheard >= self.limits.probes
                    && now.subtractingSaturated(ramp.unheardSince) >= self.limits.halfOpenNanoseconds
                return isOverdue ? move(to: .open, cause: .probesOverdue, at: now) : nil
            }
            if self.limits.cause(total) != nil {
                return Int(total.calls) < self.limits.probes ? nil : move(to: .open, cause: .rampFailed, at: now)
            }
            let next = ramp.step + 1
            if next >= limits.steps { return move(to: .closed, cause: .rampCompleted, at: now) }
            ramp.begin(step: next, of: limits, at: now)
            window.clear()
            return nil
        }

        /// The share of calls that pass while ramping; nil in other states.
        @inline(__always)
        var rampShare: Double? {
            state == .ramping ? ramp.part : nil
        }

        private mutating func move(
            to new: State, cause: CircuitBreakerEvent.Cause, at now: Int64, atLeast retryAfter: Int64 = 0
        ) -> Transition {
            let transition = Transition(from: state, to: new, cause: cause)
            if isLongClosed(at: now) || cause == .rampCompleted || cause == .reset { openings = 0 }
            state = new
            generation &+= 1
            probes = Probes()
            inFlight.clear()
            switch new {
            case .closed, .ramping:
                consecutiveFailures = 0
                window.clear()
                closedSince = now
                if new == .ramping, let ramp = limits.ramp { self.ramp.begin(step: 0, of: ramp, at: now) }
            case .open:
                openings += 1
                until = now.addingSaturated(openTime(atLeast: retryAfter))
            case .halfOpen:
                until = now.addingSaturated(limits.halfOpenNanoseconds)
            }
            return transition
        }

        /// Whether the breaker has been closed for a whole window: only then is an opening the first of a new row.
        @inline(__always)
        private func isLongClosed(at now: Int64) -> Bool {
            guard state == .closed else { return false }
            switch options.window {
            case .time(let duration): return now.subtractingSaturated(closedSince) >= duration.nanosecondsSaturated
            case .count(let calls): return Int(window.recorded.calls) >= calls
            }
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

        /// Takes new options and keeps state and window; only a window of another kind or size starts empty. Calls under
        /// way are not slow before they return if the slow-call duration changes.
        mutating func configure(_ new: CircuitBreakerOptions) {
            let old = limits
            if new.window != options.window { window = Window(new.window) }
            options = new
            limits = Limits(new)
            hasNewRules = true
            if limits.slowNanoseconds != old.slowNanoseconds {
                inFlight = InFlight(slowNanoseconds: limits.slowNanoseconds)
                inFlightVersion &+= 1
            }
        }

        /// The calls in the window at `now`.
        mutating func callsInWindow(at now: Int64) -> Int {
            Int(window.total(at: now).calls)
        }

        /// The rates at `now`; nil below the minimum number of calls.
        mutating func rates(at now: Int64) -> (failure: Double, slow: Double)? {
            let total = total(at: now)
            if total.calls == 0 || Int(total.calls) < limits.minimumCalls { return nil }
            return (Double(total.failed) / Double(total.calls), Double(total.slow) / Double(total.calls))
        }
    }
}
