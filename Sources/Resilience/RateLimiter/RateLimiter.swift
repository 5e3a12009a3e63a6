// SPDX-License-Identifier: Apache-2.0

public import Synchronization

/// Lets so many calls through in so much time, evenly, with a burst after a pause (the generic cell rate algorithm).
///
/// A call that can't be served within the wait that it may have is refused at once, with the exact time after which
/// it would be. All methods may be called from any thread; only `acquire` and `run` wait.
public final class RateLimiter: Sendable {
    /// How a wait ended.
    enum Resolution: Sendable, Equatable {
        case granted
        case refused(Rejection)
        case cancelled
    }

    private struct Core {
        var machine: StateMachine
        var setting: PolicySetting<RateLimiterOptions>
        var room = WaitingRoom<Resolution>()
    }

    /// What has to be done after the lock was released.
    private struct Afterwards {
        var wakeups: [Wakeup<Resolution>] = []
        var staleAlarm: DelayedAction?

        func callAsFunction() {
            staleAlarm?.cancel()
            for wakeup in wakeups { wakeup() }
        }
    }

    /// The answer to a call that asks to be let through.
    enum Admission: Sendable, Equatable {
        case admitted(wouldRefuse: Rejection.Reason?)
        case refused(Rejection)
        /// The call stands in line and has to `wait`.
        case wait(UInt64)
    }

    private let core: Mutex<Core>
    @usableFromInline let active: Atomic<Bool>
    private let listener: PolicyListener<RateLimiterEvent>
    private let metrics: PolicyMetrics?
    private let time: TimeSource

    /// A limiter whose burst is full.
    ///
    /// - Parameters:
    ///   - name: The name under which metrics are exported; nil exports none.
    ///   - onEvent: Called outside of every lock, on the caller's thread; has to be quick.
    /// - Throws: Everything that is wrong with the options.
    public convenience init(
        _ options: RateLimiterOptions, mode: PolicyMode = .enforced, name: String? = nil, time: TimeSource = .system,
        onEvent: (@Sendable (RateLimiterEvent) -> Void)? = nil
    ) throws(ConfigurationFaults) {
        self.init(
            setting: try .checked(options, mode), time: time, listener: PolicyListener(onEvent),
            metrics: PolicyMetrics("rate-limiter", name: name, reasons: [.rateLimited, .deadlineTooShort]))
    }

    /// A limiter with settings that were checked already.
    init(
        setting: PolicySetting<RateLimiterOptions>, time: TimeSource, listener: PolicyListener<RateLimiterEvent>,
        metrics: PolicyMetrics? = nil
    ) {
        core = Mutex(Core(machine: StateMachine(options: setting.options ?? .blank), setting: setting))
        active = Atomic(setting.mode != .disabled)
        self.listener = listener
        self.metrics = metrics
        self.time = time
    }

    /// Admits a call now or not at all.
    ///
    /// - Throws: The refusal, a trivial value; its `retryAfter` says when a call would be admitted without a wait.
    @inlinable
    public func acquireNow() throws(Rejection) {
        if active.load(ordering: .relaxed) { try admitNow() }
    }

    @usableFromInline
    func admitNow() throws(Rejection) {
        let now = time.now()
        // A call that may not wait is never told to.
        if case .refused(let rejection) = admit(at: now, deadline: .max, mayWait: false) { throw rejection }
    }

    /// Admits a call, after a wait if need be. A call that is cancelled while it waits gives its turn to the next.
    ///
    /// - Parameter deadline: When nobody waits for the call any more.
    /// - Throws: `.rejected` or `.cancelled`.
    public func acquire(deadline: MonotonicInstant? = nil) async throws(ResilienceError<Never>) {
        guard active.load(ordering: .relaxed) else { return }
        let start = time.now()
        switch admit(at: start, deadline: deadline?.nanoseconds ?? .max, mayWait: true) {
        case .admitted: return
        case .refused(let rejection): throw .rejected(rejection, last: nil)
        case .wait(let id): try finish(await wait(id), since: start)
        }
    }

    /// What a wait came to; a turn that its caller has no use for any more goes to the next.
    func finish(
        _ resolution: Resolution, since start: MonotonicInstant
    ) throws(ResilienceError<Never>) {
        switch resolution {
        case .granted:
            if Task.isCancelled {
                refund()
                throw .cancelled(last: nil)
            }
            let waited = start.duration(to: time.now())
            metrics?.waited(waited)
            listener.report(.waited(waited))
        case .refused(let rejection):
            report(rejection.reason, shadow: false)
            throw .rejected(rejection, last: nil)
        case .cancelled: throw .cancelled(last: nil)
        }
    }

    /// Runs an operation when its turn has come. The deadline is the one of `CallContext.current`.
    public func run<Success, Failure: Error>(
        _ operation: () async throws(Failure) -> Success
    ) async throws(ResilienceError<Failure>) -> Success {
        do throws(ResilienceError<Never>) {
            try await acquire(deadline: CallContext.current?.deadline)
        } catch {
            throw error.widened()
        }
        do throws(Failure) {
            return try await operation()
        } catch {
            throw .operation(error)
        }
    }

    /// Gives back an admitted call that was not made.
    public func refund() {
        let now = time.now().nanoseconds
        core.withLock { core in
            core.machine.refund()
            return settle(&core, at: now)
        }()
    }

    /// Asks for a turn.
    func admit(at now: MonotonicInstant, deadline: Int64, mayWait: Bool) -> Admission {
        let (admission, afterwards) = core.withLock { core -> (Admission, Afterwards) in
            if core.setting.mode == .disabled { return (.admitted(wouldRefuse: nil), Afterwards()) }
            if core.setting.mode == .shadow {
                return (
                    .admitted(
                        wouldRefuse: core.machine.observe(at: now.nanoseconds, deadline: deadline, mayWait: mayWait)),
                    Afterwards()
                )
            }
            // Who is due goes first, even when the timer is late.
            var afterwards = core.machine.waiting == 0 ? Afterwards() : settle(&core, at: now.nanoseconds)
            switch core.machine.acquire(at: now.nanoseconds, deadline: deadline, mayWait: mayWait) {
            case .granted: return (.admitted(wouldRefuse: nil), afterwards)
            case .refused(let rejection): return (.refused(rejection), afterwards)
            case .waits(let id, _):
                core.room.register(id)
                let later = settle(&core, at: now.nanoseconds)
                afterwards.wakeups += later.wakeups
                afterwards.staleAlarm = later.staleAlarm ?? afterwards.staleAlarm
                return (.wait(id), afterwards)
            }
        }
        afterwards()
        switch admission {
        case .admitted(let reason?): report(reason, shadow: true)
        case .refused(let rejection): report(rejection.reason, shadow: false)
        case .admitted, .wait: break
        }
        return admission
    }

    /// Waits for the turn of a call that was told to; every such call has to come here exactly once.
    func wait(_ id: UInt64) async -> Resolution {
        await withTaskCancellationHandler {
            await withCheckedContinuation { continuation in
                let early = core.withLock { $0.room.suspend(id, continuation) }
                if let early { continuation.resume(returning: early) }
            }
        } onCancel: {
            let now = time.now().nanoseconds
            core.withLock { core -> Afterwards in
                guard core.machine.cancel(id) else { return Afterwards() }
                let wakeup = core.room.resolve(id, .cancelled)
                var afterwards = settle(&core, at: now)
                if let wakeup { afterwards.wakeups.append(wakeup) }
                return afterwards
            }()
        }
    }

    /// Wakes those whose turn has come, and sets the timer for the next.
    private func settle(_ core: inout Core, at now: Int64) -> Afterwards {
        var afterwards = Afterwards()
        while let id = core.machine.popDue(at: now) {
            if let wakeup = core.room.resolve(id, .granted) { afterwards.wakeups.append(wakeup) }
        }
        let next = core.machine.nextTurn(at: now)
        if core.room.needsAlarm(next) {
            afterwards.staleAlarm = core.room.setAlarm(next, on: time) { [weak self] in self?.ring() }
        }
        return afterwards
    }

    private func ring() {
        let now = time.now().nanoseconds
        core.withLock { core in
            core.room.alarmFired()
            return settle(&core, at: now)
        }()
    }

    private func report(_ reason: Rejection.Reason, shadow: Bool) {
        metrics?.rejected(reason, shadow: shadow)
        listener.report(.rejected(reason, shadow: shadow))
    }

    /// Takes new settings. What was used stays used; waiting calls stay in line, unless their turn now comes too late
    /// or nothing is enforced any more.
    ///
    /// - Throws: Everything that is wrong with them; then nothing has changed.
    public func configure(_ options: RateLimiterOptions, mode: PolicyMode = .enforced) throws(ConfigurationFaults) {
        apply(try PolicySetting<RateLimiterOptions>.checked(options, mode))
    }

    /// Takes an edit in the form of configuration files: a mode, a rate, or a mapping with `rate`, `burst`,
    /// `max-wait`, `mode`.
    ///
    /// - Throws: Everything that is wrong with it; then nothing has changed.
    public func configure(_ edit: ConfigurationValue) throws(ConfigurationFaults) {
        apply(try setting.edited(by: edit))
    }

    /// Takes settings that were checked already.
    func apply(_ setting: PolicySetting<RateLimiterOptions>) {
        let now = time.now().nanoseconds
        core.withLock { core in
            core.setting = setting
            // Who is due at the old rate has had its turn at that rate, even when the timer is late.
            let due = core.machine.waiting == 0 ? Afterwards() : settle(&core, at: now)
            var wakeups = due.wakeups
            if let options = setting.options {
                for id in core.machine.configure(options, at: now) {
                    let turn = core.machine.turn(at: now) - now
                    let rejection = Rejection(.rateLimited, retryAfterNanoseconds: max(1, turn))
                    if let wakeup = core.room.resolve(id, .refused(rejection)) { wakeups.append(wakeup) }
                }
            }
            if setting.mode != .enforced {
                wakeups += core.machine.admitAll().compactMap { core.room.resolve($0, .granted) }
            }
            var afterwards = settle(&core, at: now)
            afterwards.wakeups += wakeups
            afterwards.staleAlarm = afterwards.staleAlarm ?? due.staleAlarm
            return afterwards
        }()
        active.store(setting.mode != .disabled, ordering: .relaxed)
    }

    /// Mode and options now.
    public var setting: PolicySetting<RateLimiterOptions> {
        core.withLock { $0.setting }
    }

    /// What the limiter knows about itself.
    public struct Status: Sendable, Equatable {
        /// The calls that would be admitted at once.
        public var available: Int
        /// The calls that stand in line.
        public var waiting: Int
    }

    /// The limiter now.
    public var status: Status {
        let now = time.now().nanoseconds
        return core.withLock { Status(available: $0.machine.available(at: now), waiting: $0.machine.waiting) }
    }
}

extension ResilienceError where Failure == Never {
    /// The same error for a call that could have failed.
    @usableFromInline
    func widened<Other: Error>(to other: Other.Type = Other.self) -> ResilienceError<Other> {
        switch self {
        case .rejected(let rejection, _): .rejected(rejection, last: nil)
        case .timedOut(let timeout, _): .timedOut(timeout, last: nil)
        case .cancelled: .cancelled(last: nil)
        }
    }
}
