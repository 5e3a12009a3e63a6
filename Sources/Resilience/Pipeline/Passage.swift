// SPDX-License-Identifier: Apache-2.0

internal import Synchronization

/// What a caller says about its call.
@usableFromInline
struct CallRequest: Sendable {
    var idempotency: Idempotency
    var deadline: MonotonicInstant?
    /// Nil: that of the call that this task works for.
    var criticality: Criticality?
    /// Nil: that of the call that this task works for.
    var cohort: Cohort?
    /// Whether the operation ends by itself at its context's deadline.
    var endsAtDeadline: Bool
    /// Nil: that of the call that this task works for.
    var share: CallShare?

    @usableFromInline
    init(
        idempotency: Idempotency, deadline: MonotonicInstant?, criticality: Criticality?, cohort: Cohort?,
        share: CallShare?, endsAtDeadline: Bool
    ) {
        self.endsAtDeadline = endsAtDeadline
        self.idempotency = idempotency
        self.deadline = deadline
        self.criticality = criticality
        self.cohort = cohort
        self.share = share
    }
}

/// One logical call on its way through a pipeline.
@usableFromInline
struct PipelineCall: Sendable {
    @usableFromInline var context: CallContext
    /// Times the operation was run.
    @usableFromInline var attempts = 0
    /// The pause before this attempt in nanoseconds; decorrelated jitter goes on from it.
    @usableFromInline var delay: Int64 = 0
    /// Whether calls made inside the operation would miss something that they have to take over.
    @usableFromInline var bindsContext = false
    /// Whether the operation ends by itself at its context's deadline.
    @usableFromInline var endsAtDeadline = false
    /// When the call came in.
    var start = MonotonicInstant(nanoseconds: 0)
    /// The policies that were switched on when the call came in.
    var mask: PolicyMask = []
    /// Whether the call has a place of the load shedder's to give back.
    var holdsPlace = false

    /// A call that takes over from the one that this task works for what it does not say itself.
    @usableFromInline
    init(_ request: CallRequest) {
        context = CallContext(deadline: request.deadline, idempotency: request.idempotency)
        endsAtDeadline = request.endsAtDeadline
        guard let outer = CallContext.current else {
            context.criticality = request.criticality ?? context.criticality
            context.cohort = request.cohort ?? context.cohort
            context.share = request.share ?? context.share
            bindsContext =
                request.deadline != nil || request.criticality != nil || request.cohort != nil || request.share != nil
            return
        }
        if let latest = outer.deadline { context.deadline = min(latest, request.deadline ?? latest) }
        var criticality = request.criticality ?? outer.criticality
        // What is done for a repeated attempt is worth less than what is done for a first one.
        if outer.attempt > 1 || outer.isHedge { criticality = criticality.lowered }
        context.criticality = criticality
        context.cohort = request.cohort ?? outer.cohort
        context.share = request.share ?? outer.share
        bindsContext =
            context.deadline != outer.deadline || criticality != outer.criticality || context.cohort != outer.cohort
            || context.share != outer.share
    }
}

/// One attempt on its way through the policies that admit it: whom it still has to ask, and what it has taken from
/// those that it has passed.
///
/// Nothing in it is generic and nothing waits, so that the usual attempt is admitted by one plain function call.
@usableFromInline
struct Passage: Sendable {
    /// The instant of the last step; once admitted, when the operation starts.
    @usableFromInline var now = MonotonicInstant(nanoseconds: 0)
    /// The time that the operation has, in nanoseconds; `.max` without a limit.
    @usableFromInline var limit = Int64.max
    /// Whether that is the time left until the call's deadline and not the attempt's own limit.
    @usableFromInline var isLimitTotal = false
    /// Whether the retry budget is told when the attempt is admitted: it is the first of its call.
    var earnsRetries = false
    /// The policies that are to be asked.
    var pending: PolicyMask = []
    /// The policies that have to be told how it ends.
    var passed: PolicyMask = []
    var breakerTicket = CircuitBreaker.Ticket.none
    var throttleTicket = AdaptiveThrottle.StateMachine.Ticket(bucket: .min)
    var limitTicket = AdaptiveLimit.Ticket.none

    @usableFromInline
    init() {}
}

/// How far a call or an attempt has come.
@usableFromInline
enum Step: Sendable {
    /// The operation may run.
    case admitted
    case refused(Rejection)
    case cancelled
    case wait(Wait)
    /// The attempt may be hedged: several passages, each of which asks by itself.
    case race

    /// What has to be waited for before the next step.
    @usableFromInline
    enum Wait: Sendable {
        /// A place of the load shedder's.
        case place(UInt64)
        /// The turn that the rate limiter gives.
        case turn(UInt64)
        /// A slot of the bulkhead's.
        case slot(UInt64, atMost: Int64)
        /// A slot of the adaptive limit's.
        case limit(UInt64)
    }

    @inlinable
    var isAdmitted: Bool {
        if case .admitted = self { true } else { false }
    }

    @inlinable
    var isWaiting: Bool {
        if case .wait = self { true } else { false }
    }
}

extension ResiliencePipeline {
    /// A call comes in.
    ///
    /// - Returns: How far it came without waiting.
    @usableFromInline
    func begin(_ call: inout PipelineCall, _ passage: inout Passage) -> Step {
        call.mask = PolicyMask(rawValue: active.load(ordering: .relaxed))
        let now = time.now()
        call.start = now
        passage.now = now
        if call.mask.contains(.deadline) {
            let latest = deadline.deadline(outer: call.context.deadline, start: now)
            if latest != call.context.deadline { call.bindsContext = true }
            call.context.deadline = latest
        }
        if call.mask.contains(.loadShedder) {
            // What nobody waits for must not take a place, and must not be charged anywhere.
            if Task.isCancelled { return .cancelled }
            switch loadShedder.admit(
                call.context.sheddingCriticality, call.context.cohort,
                deadline: call.context.deadline?.nanoseconds ?? .max, at: now.nanoseconds)
            {
            case .admitted(let holdsPlace): call.holdsPlace = holdsPlace
            case .refused(let reason): return .refused(Rejection(reason))
            case .wait(let id): return .wait(.place(id))
            }
        }
        return open(&call, &passage)
    }

    /// The call has its place: its first attempt begins.
    private func open(_ call: inout PipelineCall, _ passage: inout Passage) -> Step {
        passage.earnsRetries = call.mask.contains(.retry)
        call.context.attempt = 1
        return ask(&passage, mask: call.mask, call.context, mayRace: true)
    }

    /// Another attempt of a call begins.
    @usableFromInline
    func openAgain(_ call: inout PipelineCall, _ passage: inout Passage) -> Step {
        call.context.attempt += 1
        call.bindsContext = true
        passage.now = time.now()
        let mask = PolicyMask(rawValue: active.load(ordering: .relaxed))
        return ask(&passage, mask: mask, call.context, mayRace: true)
    }

    /// One of the attempts of a hedged call begins, the first one (0) or one beside it.
    @usableFromInline
    func openHedged(_ number: Int, _ call: inout PipelineCall, _ passage: inout Passage) -> Step {
        if number > 0 {
            call.context.isHedge = true
            call.bindsContext = true
        } else {
            passage.earnsRetries = call.mask.contains(.retry) && call.context.attempt == 1
        }
        passage.now = time.now()
        let mask = PolicyMask(rawValue: active.load(ordering: .relaxed))
        return ask(&passage, mask: mask, call.context, mayRace: false)
    }

    /// An attempt asks all policies that admit it.
    private func ask(
        _ passage: inout Passage, mask: PolicyMask, _ context: CallContext, mayRace: Bool
    ) -> Step {
        if Task.isCancelled { return .cancelled }
        if let deadline = context.deadline, passage.now >= deadline { return .refused(deadlineRejection()) }
        // A call that may not be repeated is made once, whatever the policy says.
        if mask.contains(.hedge), mayRace, context.idempotency.isRepeatable { return .race }
        passage.pending = mask.intersection(.admission)
        return proceed(&passage, context)
    }

    /// Asks the policies that are still to be asked, until one refuses or makes the attempt wait.
    private func proceed(_ passage: inout Passage, _ context: CallContext) -> Step {
        if !passage.pending.isEmpty {
            let step = askPending(&passage, context)
            if !step.isAdmitted { return step }
        }
        if passage.passed.contains(.circuitBreaker) { circuitBreaker.begin(&passage.breakerTicket, at: passage.now) }
        // Not earlier: a call that an open breaker refuses is no load, and must not pay for the retries of others.
        if passage.earnsRetries { retry.begin(at: passage.now) }
        passage.limit = attemptTimeout.enforcedLimit
        if let deadline = context.deadline {
            let left = max(0, deadline.nanoseconds.subtractingSaturated(passage.now.nanoseconds))
            passage.isLimitTotal = left < passage.limit
            if passage.isLimitTotal { passage.limit = left }
        }
        return .admitted
    }

    private func askPending(_ passage: inout Passage, _ context: CallContext) -> Step {
        let now = passage.now
        if passage.pending.remove(.circuitBreaker) != nil {
            // Its time runs once it has passed everybody: waiting for a slot does not make the callee slow.
            switch circuitBreaker.admit(at: now, starts: false) {
            case .admitted(let ticket):
                passage.breakerTicket = ticket
                passage.passed.insert(.circuitBreaker)
            case .refused(let rejection): return .refused(rejection)
            }
        }
        if passage.pending.remove(.adaptiveThrottle) != nil {
            switch adaptiveThrottle.admit(at: now) {
            case .admitted(nil): break
            case .admitted(let ticket?):
                passage.throttleTicket = ticket
                passage.passed.insert(.adaptiveThrottle)
            case .refused(let rejection): return refused(rejection, &passage)
            }
        }
        if passage.pending.remove(.rateLimiter) != nil {
            switch rateLimiter.admit(at: now, deadline: context.deadline?.nanoseconds ?? .max, mayWait: true) {
            case .admitted(nil): passage.passed.insert(.rateLimiter)
            // In shadow mode a call that would have been refused has used nothing.
            case .admitted: break
            case .refused(let rejection): return refused(rejection, &passage)
            case .wait(let id): return .wait(.turn(id))
            }
        }
        if passage.pending.remove(.bulkhead) != nil {
            switch bulkhead.admit() {
            case .admitted(.none): break
            case .admitted(.taken): passage.passed.insert(.bulkhead)
            case .refused(let rejection): return refused(rejection, &passage)
            case .wait(let id, let longest): return .wait(.slot(id, atMost: longest))
            }
        }
        if passage.pending.remove(.adaptiveLimit) != nil {
            switch adaptiveLimit.admit(at: now, deadline: context.deadline, share: context.share, mayWait: true) {
            case .admitted(nil): break
            case .admitted(let ticket?):
                passage.limitTicket = ticket
                passage.passed.insert(.adaptiveLimit)
            case .refused(let rejection): return refused(rejection, &passage)
            case .wait(let id): return .wait(.limit(id))
            }
        }
        return .admitted
    }

    /// Waits as often as a call or its attempt is told to.
    ///
    /// - Returns: How it ended: no step to wait for.
    @usableFromInline
    func settle(_ first: Step, _ call: inout PipelineCall, _ passage: inout Passage) async -> Step {
        var step = first
        while case .wait(let wait) = step {
            if case .place(let id) = wait {
                step = await waitForPlace(id, &call, &passage)
            } else {
                step = await self.wait(wait, &passage, call.context)
            }
        }
        return step
    }

    /// Waits for what an attempt was told to wait for, and lets it go on from there.
    private func wait(_ wait: Step.Wait, _ passage: inout Passage, _ context: CallContext) async -> Step {
        let since = passage.now
        switch wait {
        case .turn(let id):
            let resolution = await rateLimiter.wait(id)
            passage.now = time.now()
            do throws(ResilienceError<Never>) {
                try rateLimiter.finish(resolution, since: since)
            } catch {
                if case .rejected(let rejection, _) = error { return refused(rejection, &passage) }
                return cancelled(&passage)
            }
            passage.passed.insert(.rateLimiter)
        case .slot(let id, let longest):
            let result = await bulkhead.wait(id, since: since, atMost: longest, deadline: context.deadline)
            passage.now = time.now()
            switch result {
            case .admitted: passage.passed.insert(.bulkhead)
            case .refused(let rejection): return refused(rejection, &passage)
            case .cancelled: return cancelled(&passage)
            }
        case .limit(let id):
            let resolution = await adaptiveLimit.wait(id, since: since)
            passage.now = time.now()
            switch resolution {
            case .granted(let ticket):
                passage.limitTicket = ticket
                passage.passed.insert(.adaptiveLimit)
            case .refused(let reason): return refused(Rejection(reason), &passage)
            case .cancelled: return cancelled(&passage)
            }
        // Only a call waits for its place, before its first attempt.
        case .place: break
        }
        if let deadline = context.deadline, passage.now >= deadline {
            return refused(deadlineRejection(), &passage)
        }
        return proceed(&passage, context)
    }

    /// Waits for a place of the load shedder's, and begins the first attempt with it.
    private func waitForPlace(_ id: UInt64, _ call: inout PipelineCall, _ passage: inout Passage) async -> Step {
        let resolution = await loadShedder.wait(id, call.context.sheddingCriticality, since: passage.now)
        passage.now = time.now()
        switch resolution {
        case .granted:
            call.holdsPlace = true
            return open(&call, &passage)
        case .refused(let reason): return .refused(Rejection(reason))
        case .cancelled: return .cancelled
        }
    }

    // MARK: - The end of a passage

    private func refused(_ rejection: Rejection, _ passage: inout Passage) -> Step {
        undo(&passage)
        return .refused(rejection)
    }

    private func cancelled(_ passage: inout Passage) -> Step {
        undo(&passage)
        return .cancelled
    }

    /// The attempt is not made: gives everything back as if it had never asked. A refusal by a policy further in says
    /// nothing about the callee.
    private func undo(_ passage: inout Passage) {
        let passed = passage.passed
        passage.passed = []
        if passed.contains(.adaptiveLimit) { adaptiveLimit.finish(passage.limitTicket, .ignored, at: passage.now) }
        if passed.contains(.bulkhead) { bulkhead.release() }
        if passed.contains(.rateLimiter) { rateLimiter.refund() }
        if passed.contains(.adaptiveThrottle) {
            adaptiveThrottle.record(passage.throttleTicket, .ignore, at: passage.now)
        }
        if passed.contains(.circuitBreaker) { circuitBreaker.abandon(passage.breakerTicket) }
    }

    /// The attempt was made: tells every policy that it has passed how it ended, from the innermost to the outermost.
    @usableFromInline
    func leave(
        _ passage: Passage, _ verdict: Verdict, retryAfter: Duration?, isTimeout: Bool, at end: MonotonicInstant
    ) {
        let duration = max(0, end.nanoseconds &- passage.now.nanoseconds)
        if passage.passed.contains(.adaptiveLimit) {
            // A call that ran into its limit has found the callee overloaded.
            let outcome = isTimeout ? .dropped : AdaptiveLimit.Outcome(verdict)
            adaptiveLimit.finish(passage.limitTicket, outcome, at: end)
        }
        if passage.passed.contains(.bulkhead) { bulkhead.release() }
        if passage.passed.contains(.adaptiveThrottle) {
            adaptiveThrottle.record(passage.throttleTicket, verdict, at: end)
        }
        if passage.passed.contains(.circuitBreaker) {
            circuitBreaker.record(passage.breakerTicket, verdict, duration: duration, retryAfter: retryAfter, at: end)
        }
        attemptTimeout.watch(duration: duration)
    }

    /// Whether a failed attempt is followed by another one.
    @usableFromInline
    func decide(_ failed: Retry.Failed, _ call: PipelineCall, at now: MonotonicInstant) -> Retry.Decision? {
        // A call that the load shedder refused stands outside of the retry.
        call.mask.contains(.retry) && call.context.attempt > 0 ? retry.decide(failed, at: now) : nil
    }

    /// The call has ended.
    @usableFromInline
    func end(_ call: PipelineCall, _ outcome: CallOutcome, at now: MonotonicInstant) {
        let duration = now.nanoseconds &- call.start.nanoseconds
        if call.holdsPlace { loadShedder.release() }
        if call.mask.contains(.deadline) { deadline.watch(duration: duration) }
        telemetry.finish(outcome, attempts: call.attempts, duration: duration)
    }

    /// The usual end: the first attempt has succeeded.
    @usableFromInline
    func endQuickly(_ call: PipelineCall, _ passage: Passage, _ verdict: Verdict) {
        let now = time.now()
        var call = call
        call.attempts = 1
        leave(passage, verdict, retryAfter: nil, isTimeout: false, at: now)
        end(call, outcome(verdict, duration: now.nanoseconds &- passage.now.nanoseconds), at: now)
    }

    // MARK: - Time limits

    /// An attempt's time was up.
    ///
    /// - Returns: Which limit it was.
    @usableFromInline
    func timeout(_ passage: Passage) -> Timeout {
        if passage.isLimitTotal {
            deadline.reportExpiry(limit: passage.limit)
        } else {
            attemptTimeout.reportTimeout(limit: passage.limit)
        }
        return Timeout(passage.isLimitTotal ? .total : .attempt, limit: .nanoseconds(passage.limit))
    }

    private func deadlineRejection() -> Rejection {
        telemetry.report(.rejected(.deadlineTooShort))
        return Rejection(.deadlineTooShort)
    }
}
