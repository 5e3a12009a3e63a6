// SPDX-License-Identifier: Apache-2.0

public import Synchronization

/// Keeps an overloaded server useful: works on a bounded number of calls, lets few wait, not long and the newest
/// first, and refuses the least critical ones before they cost anything.
///
/// All methods may be called from any thread; `acquire` and `run` may wait, at most for the queue's interval.
public final class LoadShedder: Sendable {
    /// How a wait ended.
    enum Resolution: Sendable, Equatable {
        case granted
        case refused(Rejection.Reason)
        case cancelled
    }

    private struct Core {
        var machine: StateMachine
        var setting: PolicySetting<LoadShedderOptions>
        var room = WaitingRoom<Resolution>()
        /// Whether there is an adaptive limit to take the limit over from.
        var follows = false
    }

    /// What has to be done after the lock was released.
    private struct Afterwards {
        var wakeups: [Wakeup<Resolution>] = []
        var staleAlarm: DelayedAction?
        var movedTo: Int?
    }

    /// The answer to a call that asks for a place.
    enum Admission: Sendable, Equatable {
        case admitted(holdsPlace: Bool)
        case refused(Rejection.Reason)
        case wait(UInt64)
    }

    private let core: Mutex<Core>
    @usableFromInline let active: Atomic<Bool>
    private let listener: PolicyListener<LoadShedderEvent>
    private let metrics: PolicyMetrics?
    private let time: TimeSource

    /// A shedder with all places free.
    ///
    /// - Parameters:
    ///   - options: The calls at once, and the queue before them.
    ///   - adaptiveLimit: Where an `adaptive` limit comes from. It has to see the same calls: acquire from it inside,
    ///     and give it their outcomes.
    ///   - mode: How far the shedder may act.
    ///   - name: The name under which metrics are exported; nil exports none.
    ///   - time: The clock that deadlines and waits are measured with.
    ///   - onEvent: Called outside of every lock, on the caller's thread; has to be quick.
    /// - Throws: Everything that is wrong with the options.
    public convenience init(
        _ options: LoadShedderOptions, adaptiveLimit: AdaptiveLimit? = nil, mode: PolicyMode = .enforced,
        name: String? = nil, time: TimeSource = .system, onEvent: (@Sendable (LoadShedderEvent) -> Void)? = nil
    ) throws(ConfigurationFaults) {
        self.init(
            setting: try Self.checked(try .checked(options, mode), follows: adaptiveLimit != nil), time: time,
            listener: PolicyListener(onEvent),
            metrics: PolicyMetrics("load-shedder", name: name, reasons: [.shed, .queueTimeout, .deadlineTooShort]))
        if let adaptiveLimit { follow(adaptiveLimit) }
    }

    private static func checked(
        _ setting: PolicySetting<LoadShedderOptions>, follows: Bool
    ) throws(ConfigurationFaults) -> PolicySetting<LoadShedderOptions> {
        guard setting.options?.limit == .adaptive, !follows else { return setting }
        let fault = ConfigurationFault(path: ["limit"], message: "adaptive needs an adaptive limit to follow")
        throw ConfigurationFaults([fault])
    }

    /// A shedder with settings that were checked already.
    init(
        setting: PolicySetting<LoadShedderOptions>, time: TimeSource, listener: PolicyListener<LoadShedderEvent>,
        metrics: PolicyMetrics? = nil
    ) {
        core = Mutex(Core(machine: StateMachine(options: setting.options ?? .blank), setting: setting))
        active = Atomic(setting.mode != .disabled)
        self.listener = listener
        self.metrics = metrics
        self.time = time
    }

    /// Takes the limit over wherever the options say `adaptive`, from now on and whenever it moves.
    func follow(_ adaptiveLimit: AdaptiveLimit) {
        core.withLock { $0.follows = true }
        adaptiveLimit.follow { [weak self, weak adaptiveLimit] in
            if let adaptiveLimit { self?.takeOver(adaptiveLimit) }
        }
        takeOver(adaptiveLimit)
    }

    private func takeOver(_ adaptiveLimit: AdaptiveLimit) {
        let now = time.now().nanoseconds
        perform(
            core.withLock { core in
                // Read in here: whoever comes last through the lock has the latest, in whatever order they were told.
                core.machine.follow(adaptiveLimit.current)
                return settle(&core, at: now)
            })
    }

    /// A place, given back when the permit is dropped.
    public struct Permit: ~Copyable, Sendable {
        @usableFromInline let shedder: LoadShedder
        @usableFromInline let holdsPlace: Bool

        @inlinable
        init(_ shedder: LoadShedder, holdsPlace: Bool) {
            self.shedder = shedder
            self.holdsPlace = holdsPlace
        }

        @inlinable
        deinit {
            if holdsPlace { shedder.release() }
        }

        /// The work is done.
        @inlinable
        public consuming func release() {}
    }

    /// Whether calls have to ask at all.
    @inlinable
    var isActive: Bool {
        active.load(ordering: .relaxed)
    }

    /// Asks for a place.
    ///
    /// - Parameters:
    ///   - criticality: How much is lost when the call is refused.
    ///   - cohort: Which part of its class goes first.
    ///   - deadline: When nobody waits for the answer any more.
    /// - Throws: `.rejected` or `.cancelled`.
    @inlinable
    public func acquire(
        _ criticality: Criticality = .critical, cohort: Cohort = Cohort(127), deadline: MonotonicInstant? = nil
    ) async throws(ResilienceError<Never>) -> Permit {
        if !isActive { return Permit(self, holdsPlace: false) }
        return try await acquireActive(criticality, cohort, deadline)
    }

    @usableFromInline
    func acquireActive(
        _ criticality: Criticality, _ cohort: Cohort, _ deadline: MonotonicInstant?
    ) async throws(ResilienceError<Never>) -> Permit {
        let start = time.now()
        switch admit(criticality, cohort, deadline: deadline?.nanoseconds ?? .max, at: start.nanoseconds) {
        case .admitted(let holdsPlace): return Permit(self, holdsPlace: holdsPlace)
        case .refused(let reason): throw .rejected(Rejection(reason), last: nil)
        case .wait(let id):
            switch await wait(id, criticality, since: start) {
            case .granted: return Permit(self, holdsPlace: true)
            case .refused(let reason): throw .rejected(Rejection(reason), last: nil)
            case .cancelled: throw .cancelled(last: nil)
            }
        }
    }

    /// Runs an operation in a place. The deadline is the one of `CallContext.current`.
    public func run<Success, Failure: Error>(
        _ criticality: Criticality = .critical, cohort: Cohort = Cohort(127),
        _ operation: () async throws(Failure) -> Success
    ) async throws(ResilienceError<Failure>) -> Success {
        let permit: Permit
        do throws(ResilienceError<Never>) {
            permit = try await acquire(criticality, cohort: cohort, deadline: CallContext.current?.deadline)
        } catch {
            throw error.widened()
        }
        let result: Result<Success, Failure>
        do throws(Failure) {
            result = .success(try await operation())
        } catch {
            result = .failure(error)
        }
        permit.release()
        return try result.getOperation()
    }

    /// Asks for a place without waiting.
    func admit(_ criticality: Criticality, _ cohort: Cohort, deadline: Int64, at now: Int64) -> Admission {
        let (admission, wouldRefuse, afterwards) = core.withLock {
            core -> (Admission, Rejection.Reason?, Afterwards) in
            switch core.setting.mode {
            case .shadow:
                let reason = core.machine.observe(criticality, cohort, deadline: deadline, at: now)
                return (.admitted(holdsPlace: true), reason, settle(&core, at: now))
            case .enforced: break
            default: return (.admitted(holdsPlace: false), nil, Afterwards())
            }
            // What has expired must not fill the queue.
            var afterwards = core.machine.queued == 0 ? Afterwards() : settle(&core, at: now)
            let admission: Admission
            switch core.machine.acquire(criticality, cohort, deadline: deadline, at: now) {
            case .granted: admission = .admitted(holdsPlace: true)
            case .refused(let reason): admission = .refused(reason)
            case .waits(let id, let replaced):
                core.room.register(id)
                if let wakeup = replaced.flatMap({ core.room.resolve($0, .refused(.shed)) }) {
                    afterwards.wakeups.append(wakeup)
                }
                admission = .wait(id)
            }
            let later = settle(&core, at: now)
            afterwards.wakeups += later.wakeups
            afterwards.staleAlarm = later.staleAlarm ?? afterwards.staleAlarm
            afterwards.movedTo = later.movedTo ?? afterwards.movedTo
            return (admission, nil, afterwards)
        }
        perform(afterwards)
        if let wouldRefuse { report(wouldRefuse, criticality, shadow: true) }
        if case .refused(let reason) = admission { report(reason, criticality, shadow: false) }
        return admission
    }

    /// Waits for the place of a call that was told to; every such call has to come here exactly once.
    func wait(_ id: UInt64, _ criticality: Criticality, since start: MonotonicInstant) async -> Resolution {
        let resolution = await withTaskCancellationHandler {
            await withCheckedContinuation { continuation in
                let early = core.withLock { $0.room.suspend(id, continuation) }
                if let early { continuation.resume(returning: early) }
            }
        } onCancel: {
            let wakeup = core.withLock { core in
                core.machine.cancel(id) ? core.room.resolve(id, .cancelled) : nil
            }
            wakeup?()
        }
        switch resolution {
        case .granted:
            if Task.isCancelled {
                release()
                return .cancelled
            }
            let waited = start.duration(to: time.now())
            metrics?.waited(waited)
            listener.report(.waited(waited, criticality))
        case .refused(let reason): report(reason, criticality, shadow: false)
        case .cancelled: break
        }
        return resolution
    }

    /// Gives a place back.
    @usableFromInline
    func release() {
        let now = time.now().nanoseconds
        perform(
            core.withLock { core in
                core.machine.release(at: now)
                return settle(&core, at: now)
            })
    }

    /// Drops what has expired, lets in who has a place, moves the threshold and sets the timer.
    private func settle(_ core: inout Core, at now: Int64) -> Afterwards {
        var afterwards = Afterwards()
        for dropped in core.machine.removeExpired(at: now) {
            if let wakeup = core.room.resolve(dropped.id, .refused(dropped.reason)) {
                afterwards.wakeups.append(wakeup)
            }
        }
        if core.machine.moveThreshold(at: now) { afterwards.movedTo = core.machine.threshold.level }
        while let id = core.machine.popAdmitted(at: now) {
            if let wakeup = core.room.resolve(id, .granted) { afterwards.wakeups.append(wakeup) }
        }
        let next = core.machine.nextExpiry(at: now)
        if core.room.needsAlarm(next) {
            afterwards.staleAlarm = core.room.setAlarm(next, on: time) { [weak self] in self?.ring() }
        }
        return afterwards
    }

    private func perform(_ afterwards: Afterwards) {
        afterwards.staleAlarm?.cancel()
        for wakeup in afterwards.wakeups { wakeup() }
        if let level = afterwards.movedTo {
            listener.report(
                .thresholdMoved(
                    level == 0 ? nil : Criticality(rawValue: UInt8(level / 128)), Cohort(UInt8(level % 128))))
        }
    }

    private func ring() {
        let now = time.now().nanoseconds
        perform(
            core.withLock { core in
                core.room.alarmFired()
                return settle(&core, at: now)
            })
    }

    private func report(_ reason: Rejection.Reason, _ criticality: Criticality, shadow: Bool) {
        metrics?.rejected(reason, shadow: shadow)
        listener.report(.rejected(reason, criticality, shadow: shadow))
    }

    /// Takes new settings. Nobody is thrown out; when nothing is enforced any more, who waits is let in.
    ///
    /// - Throws: Everything that is wrong with them; then nothing has changed.
    public func configure(_ options: LoadShedderOptions, mode: PolicyMode = .enforced) throws(ConfigurationFaults) {
        apply(try Self.checked(try .checked(options, mode), follows: follows))
    }

    /// Takes an edit in the form of configuration files: a mode, a limit, or a mapping.
    ///
    /// - Throws: Everything that is wrong with it; then nothing has changed.
    public func configure(_ edit: ConfigurationValue) throws(ConfigurationFaults) {
        apply(try Self.checked(try setting.edited(by: edit), follows: follows))
    }

    private var follows: Bool {
        core.withLock { $0.follows }
    }

    /// Takes settings that were checked already.
    func apply(_ setting: PolicySetting<LoadShedderOptions>) {
        let now = time.now().nanoseconds
        let afterwards = core.withLock { core in
            core.setting = setting
            if let options = setting.options { core.machine.configure(options) }
            var wakeups: [Wakeup<Resolution>] = []
            if setting.mode != .enforced {
                wakeups = core.machine.admitAll().compactMap { core.room.resolve($0, .granted) }
            }
            var afterwards = settle(&core, at: now)
            afterwards.wakeups += wakeups
            return afterwards
        }
        active.store(setting.mode != .disabled, ordering: .relaxed)
        perform(afterwards)
    }

    /// Mode and options now.
    public var setting: PolicySetting<LoadShedderOptions> {
        core.withLock { $0.setting }
    }

    /// What the shedder knows about itself.
    public struct Status: Sendable, Equatable {
        /// The calls that are worked on.
        public var inFlight: Int
        /// The calls that are worked on at most.
        public var limit: Int
        /// The calls that wait for a place.
        public var queued: Int
        /// Calls of a lower level are refused: class of criticality times 128 plus cohort.
        public var threshold: Int
    }

    /// The shedder now.
    public var status: Status {
        core.withLock {
            Status(
                inFlight: $0.machine.inFlight, limit: $0.machine.limit, queued: $0.machine.queued,
                threshold: $0.machine.threshold.level)
        }
    }
}
