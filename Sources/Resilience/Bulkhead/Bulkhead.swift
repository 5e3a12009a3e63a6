// SPDX-License-Identifier: Apache-2.0

public import Synchronization

/// Bounds the calls that are under way at once, so that one slow callee can't take all of the caller's resources.
public final class Bulkhead: Sendable {
    /// How a wait ended.
    enum Resolution: Sendable, Equatable {
        case granted
        case refused(Rejection.Reason)
        case cancelled
    }

    /// Between "is in the queue" and "is suspended" a waiter can already be granted its slot: the resolution then waits
    /// for the continuation.
    private enum Waiter {
        case registered
        case suspended(CheckedContinuation<Resolution, Never>)
        case resolved(Resolution)
    }

    private struct Core {
        var machine: StateMachine
        var mode: PolicyMode
        var waiters: [WaiterID: Waiter] = [:]

        /// Records how a wait ended.
        ///
        /// - Returns: The continuation to resume, outside of the lock, if the waiter is suspended already.
        mutating func resolve(_ id: WaiterID, _ resolution: Resolution) -> CheckedContinuation<Resolution, Never>? {
            switch waiters[id] {
            case .suspended(let continuation):
                waiters[id] = nil
                return continuation
            case .registered:
                waiters[id] = .resolved(resolution)
                return nil
            case .resolved, nil: return nil
            }
        }
    }

    /// A slot, or not.
    @usableFromInline
    enum Slot: Sendable, Equatable {
        /// The call holds a slot and has to release it.
        case taken
        /// The bulkhead is disabled: nothing to release.
        case none
    }

    @usableFromInline
    enum Admission: Sendable, Equatable {
        case admitted(Slot)
        case refused(Rejection)
        case wait(UInt64, atMost: Int64)
    }

    @usableFromInline
    enum WaitResult: Sendable, Equatable {
        case admitted
        case refused(Rejection)
        case cancelled
    }

    private let core: Mutex<Core>
    /// Slots that are free to take without the lock. Negative while calls have to ask under it: somebody waits or
    /// changes something, the limit is exceeded, or the bulkhead is not enforced. Only whoever holds the lock makes it
    /// negative or not negative again, and takes over before what has happened meanwhile.
    private let free: Atomic<Int>
    @usableFromInline let active: Atomic<Bool>
    private let listener: PolicyListener<BulkheadEvent>
    let time: TimeSource

    init(
        setting: PolicySetting<BulkheadOptions>, time: TimeSource, listener: PolicyListener<BulkheadEvent>
    ) {
        let machine = StateMachine(options: setting.options ?? .blank)
        core = Mutex(Core(machine: machine, mode: setting.mode))
        free = Atomic(setting.mode == .enforced ? machine.freeSlots ?? -1 : -1)
        active = Atomic(setting.mode != .disabled)
        self.listener = listener
        self.time = time
    }

    @inlinable
    var isActive: Bool {
        active.load(ordering: .relaxed)
    }

    /// The one way to the machine.
    private func update<Result: Sendable>(_ body: (inout Core) -> Result) -> Result {
        core.withLock { core in
            let left = free.exchange(-1, ordering: .acquiring)
            if left >= 0 { core.machine.settle(freeSlots: left) }
            let result = body(&core)
            if core.mode == .enforced, let slots = core.machine.freeSlots { free.store(slots, ordering: .releasing) }
            return result
        }
    }

    /// Takes a free slot, or gives one back, without the lock.
    ///
    /// - Returns: False when it has to be done under it.
    @inline(__always)
    private func moveFree(by change: Int) -> Bool {
        var slots = free.load(ordering: .relaxed)
        while slots >= 0, slots &+ change >= 0 {
            let (isDone, now) = free.weakCompareExchange(
                expected: slots, desired: slots &+ change, successOrdering: .acquiringAndReleasing,
                failureOrdering: .relaxed)
            if isDone { return true }
            slots = now
        }
        return false
    }

    /// Takes new settings. Calls under way keep their slots; waiting ones are let in where the new settings allow it.
    func apply(_ setting: PolicySetting<BulkheadOptions>) {
        let resumable = update { core -> [CheckedContinuation<Resolution, Never>] in
            core.mode = setting.mode
            var granted: [WaiterID] = []
            if let options = setting.options { granted = core.machine.configure(options) }
            if setting.mode != .enforced { granted += core.machine.open() }
            return granted.compactMap { core.resolve($0, .granted) }
        }
        active.store(setting.mode != .disabled, ordering: .relaxed)
        for continuation in resumable { continuation.resume(returning: .granted) }
    }

    /// Asks for a slot without waiting.
    ///
    /// - Parameter mayWait: False for a call that is admitted now or not at all.
    @usableFromInline
    func admit(mayWait: Bool = true) -> Admission {
        moveFree(by: -1) ? .admitted(.taken) : admitSlowly(mayWait: mayWait)
    }

    private func admitSlowly(mayWait: Bool) -> Admission {
        let (admission, wouldRefuse) = update { core -> (Admission, Bool) in
            switch core.mode {
            case .disabled, .forcedOpen, .forcedClosed: return (.admitted(.none), false)
            case .shadow: return (.admitted(.taken), core.machine.acquireUnconditionally())
            case .enforced: break
            }
            switch core.machine.acquire(mayWait: mayWait) {
            case .granted: return (.admitted(.taken), false)
            case .refused: return (.refused(Rejection(.bulkheadFull)), false)
            case .wait(let id):
                core.waiters[id] = .registered
                return (.wait(id, atMost: core.machine.options.maximumWait.nanosecondsSaturated), false)
            }
        }
        if case .refused = admission { listener.report(.rejected(.bulkheadFull, shadow: false)) }
        if wouldRefuse { listener.report(.rejected(.bulkheadFull, shadow: true)) }
        return admission
    }

    /// Waits for the slot of a call that was told to wait; every such call has to come here exactly once.
    ///
    /// - Parameters:
    ///   - start: When it was told to.
    ///   - longest: How long it may wait, in nanoseconds.
    ///   - deadline: When nobody waits for the call any more.
    func wait(
        _ id: UInt64, since start: MonotonicInstant, atMost longest: Int64, deadline: MonotonicInstant?
    ) async -> WaitResult {
        let patience = MonotonicInstant(nanoseconds: start.nanoseconds.addingSaturated(longest))
        let latest = min(patience, deadline ?? patience)
        let reason: Rejection.Reason = latest < patience ? .deadlineTooShort : .queueTimeout
        let timer = DelayedAction(at: latest, on: time) { self.giveUp(id, .refused(reason)) }
        let resolution = await withTaskCancellationHandler {
            await withCheckedContinuation { continuation in
                let early = update { core -> Resolution? in
                    if case .resolved(let resolution) = core.waiters[id] {
                        core.waiters[id] = nil
                        return resolution
                    }
                    core.waiters[id] = .suspended(continuation)
                    return nil
                }
                if let early { continuation.resume(returning: early) }
            }
        } onCancel: {
            giveUp(id, .cancelled)
        }
        timer.cancel()
        switch resolution {
        case .granted:
            // Nobody has a use for the call any more: its slot goes to the next.
            if Task.isCancelled {
                release()
                return .cancelled
            }
            listener.report(.waited(start.duration(to: time.now())))
            return .admitted
        case .refused(let reason):
            listener.report(.rejected(reason, shadow: false))
            return .refused(Rejection(reason))
        case .cancelled:
            return .cancelled
        }
    }

    /// Ends a wait from outside, unless the slot was granted before.
    private func giveUp(_ id: WaiterID, _ resolution: Resolution) {
        let continuation = update { core in
            core.machine.leave(id) ? core.resolve(id, resolution) : nil
        }
        continuation?.resume(returning: resolution)
    }

    /// Gives a slot back.
    @usableFromInline
    func release() {
        if !moveFree(by: 1) { releaseSlowly() }
    }

    private func releaseSlowly() {
        let continuation = update { core in
            core.machine.release().flatMap { core.resolve($0, .granted) }
        }
        continuation?.resume(returning: .granted)
    }

    /// What the bulkhead knows about itself.
    public struct Status: Sendable, Equatable {
        /// The calls that hold a slot.
        public var inFlight: Int
        /// The calls that wait for one.
        public var queued: Int
        /// The calls that may hold one.
        public var limit: Int
    }

    /// The bulkhead now.
    public var status: Status {
        update {
            Status(inFlight: $0.machine.inFlight, queued: $0.machine.queued, limit: $0.machine.options.limit)
        }
    }
}
