// SPDX-License-Identifier: Apache-2.0

internal import Synchronization

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
    }

    /// What has to be done after the lock was released.
    private struct Afterwards {
        var wakeups: [Wakeup<Resolution>] = []
        var staleAlarm: DelayedAction?
        var movedTo: Int?
    }

    private enum Admission {
        case admitted(holdsPlace: Bool, wouldRefuse: Rejection.Reason?)
        case refused(Rejection.Reason)
        case wait(UInt64)
    }

    private let core: Mutex<Core>
    private let active: Atomic<Bool>
    private let listener: PolicyListener<LoadShedderEvent>
    private let metrics: PolicyMetrics?
    private let time: TimeSource

    /// A shedder with all places free.
    ///
    /// - Parameters:
    ///   - name: The name under which metrics are exported; nil exports none.
    ///   - onEvent: Called outside of every lock, on the caller's thread; has to be quick.
    /// - Throws: Everything that is wrong with the options.
    public init(
        _ options: LoadShedderOptions, mode: PolicyMode = .enforced, name: String? = nil, time: TimeSource = .system,
        onEvent: (@Sendable (LoadShedderEvent) -> Void)? = nil
    ) throws(ConfigurationFaults) {
        let setting = try PolicySetting<LoadShedderOptions>.checked(options, mode)
        core = Mutex(Core(machine: StateMachine(options: options), setting: setting))
        active = Atomic(mode != .disabled)
        listener = PolicyListener(onEvent)
        metrics = PolicyMetrics("load-shedder", name: name, reasons: [.shed, .queueTimeout, .deadlineTooShort])
        self.time = time
    }

    /// A place, given back when the permit is dropped.
    public struct Permit: ~Copyable, Sendable {
        private let shedder: LoadShedder
        private let holdsPlace: Bool

        fileprivate init(_ shedder: LoadShedder, holdsPlace: Bool) {
            self.shedder = shedder
            self.holdsPlace = holdsPlace
        }

        deinit {
            if holdsPlace { shedder.release() }
        }

        /// The work is done.
        public consuming func release() {}
    }

    /// Asks for a place.
    ///
    /// - Parameters:
    ///   - criticality: How much is lost when the call is refused.
    ///   - cohort: Which part of its class goes first.
    ///   - deadline: When nobody waits for the answer any more.
    /// - Throws: `.rejected` or `.cancelled`.
    public func acquire(
        _ criticality: Criticality = .critical, cohort: Cohort = Cohort(127), deadline: MonotonicInstant? = nil
    ) async throws(ResilienceError<Never>) -> Permit {
        guard active.load(ordering: .relaxed) else { return Permit(self, holdsPlace: false) }
        let start = time.now()
        switch admit(criticality, cohort, deadline: deadline?.nanoseconds ?? .max, at: start.nanoseconds) {
        case .admitted(let holdsPlace, let reason):
            if let reason { report(reason, criticality, shadow: true) }
            return Permit(self, holdsPlace: holdsPlace)
        case .refused(let reason):
            report(reason, criticality, shadow: false)
            throw .rejected(Rejection(reason), last: nil)
        case .wait(let id):
            switch await wait(id) {
            case .granted:
                let permit = Permit(self, holdsPlace: true)
                if Task.isCancelled { throw .cancelled(last: nil) }
                let waited = start.duration(to: time.now())
                metrics?.waited(waited)
                listener.report(.waited(waited, criticality))
                return permit
            case .refused(let reason):
                report(reason, criticality, shadow: false)
                throw .rejected(Rejection(reason), last: nil)
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

    private func admit(_ criticality: Criticality, _ cohort: Cohort, deadline: Int64, at now: Int64) -> Admission {
        let (admission, afterwards) = core.withLock { core -> (Admission, Afterwards) in
            switch core.setting.mode {
            case .shadow:
                let reason = core.machine.observe(criticality, cohort, deadline: deadline, at: now)
                return (.admitted(holdsPlace: true, wouldRefuse: reason), settle(&core, at: now))
            case .enforced: break
            default: return (.admitted(holdsPlace: false, wouldRefuse: nil), Afterwards())
            }
            // What has expired must not fill the queue.
            var afterwards = core.machine.queued == 0 ? Afterwards() : settle(&core, at: now)
            let admission: Admission
            switch core.machine.acquire(criticality, cohort, deadline: deadline, at: now) {
            case .granted: admission = .admitted(holdsPlace: true, wouldRefuse: nil)
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
            return (admission, afterwards)
        }
        perform(afterwards)
        return admission
    }

    private func wait(_ id: UInt64) async -> Resolution {
        await withTaskCancellationHandler {
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
    }

    private func release() {
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
        take(try PolicySetting<LoadShedderOptions>.checked(options, mode))
    }

    /// Takes an edit in the form of configuration files: a mode, a limit, or a mapping.
    ///
    /// - Throws: Everything that is wrong with it; then nothing has changed.
    public func configure(_ edit: ConfigurationValue) throws(ConfigurationFaults) {
        take(try setting.edited(by: edit))
    }

    private func take(_ setting: PolicySetting<LoadShedderOptions>) {
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
        public var inFlight: Int
        public var queued: Int
        /// Calls of a lower level are refused: class of criticality times 128 plus cohort.
        public var threshold: Int
    }

    public var status: Status {
        core.withLock {
            Status(inFlight: $0.machine.inFlight, queued: $0.machine.queued, threshold: $0.machine.threshold.level)
        }
    }
}
