// SPDX-License-Identifier: Apache-2.0

internal import Synchronization

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
        // Earlier attempts may all have been refused by this process.
        passage.earnsRetries = call.attempts == 0
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
            passage.earnsRetries = call.mask.contains(.retry) && call.attempts == 0
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
}
