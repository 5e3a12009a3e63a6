// SPDX-License-Identifier: Apache-2.0

public import Resilience
internal import Synchronization

/// A clock that a test moves by hand: `ManualClock.source` is the time source of what is tested, and whoever sleeps on
/// it wakes when the test has moved it far enough.
///
/// ```swift
/// let clock = ManualClock()
/// let policies = ResilienceRegistry(time: clock.source, seed: 1)
/// async let answer = policies.pipeline("shop -> stock").execute { … }
/// await clock.sleepers(1)                  // the call waits before its second attempt
/// clock.advance(by: .milliseconds(50))
/// ```
///
/// Where the steps in between don't matter, `run(quiet:_:)` moves it by itself. All methods may be called from any
/// thread.
public final class ManualClock: Sendable {
    private struct Sleeper {
        var id: UInt64
        var deadline: MonotonicInstant
        var continuation: CheckedContinuation<Bool, Never>
    }

    private struct Watcher {
        var count: Int
        var continuation: CheckedContinuation<Void, Never>
    }

    private struct Core {
        var now: MonotonicInstant
        var sleepers: [Sleeper] = []
        var nextID: UInt64 = 0
        var cancelled: Set<UInt64> = []
        var watchers: [Watcher] = []
        /// Counts whoever fell asleep or woke up.
        var changes: UInt64 = 0

        /// Those that waited for so many sleepers.
        mutating func satisfiedWatchers() -> [Watcher] {
            let satisfied = watchers.filter { $0.count <= sleepers.count }
            if !satisfied.isEmpty { watchers.removeAll { $0.count <= sleepers.count } }
            return satisfied
        }
    }

    private let core: Mutex<Core>

    /// A clock that stands still.
    ///
    /// - Parameter start: What it shows; not zero by default, so that a test notices where "never" and "at zero" are
    ///   mixed up.
    public init(start: Duration = .seconds(1_000)) {
        core = Mutex(Core(now: MonotonicInstant(nanoseconds: 0).advanced(by: start)))
    }

    /// What the clock shows.
    public var now: MonotonicInstant {
        core.withLock { $0.now }
    }

    /// Tasks that sleep on this clock now.
    public var sleeperCount: Int {
        core.withLock { $0.sleepers.count }
    }

    /// The clock for what is tested.
    public var source: TimeSource {
        TimeSource(
            now: { self.now }, sleep: { deadline throws(CancellationError) in try await self.sleep(until: deadline) })
    }

    /// Waits, in real time, until at least so many tasks sleep on this clock: then nothing of what is tested comes
    /// before the clock is moved.
    ///
    /// A test that waits for more sleepers than there will be waits for ever; give it a time limit.
    public func sleepers(_ count: Int) async {
        await withCheckedContinuation { continuation in
            let isThere = core.withLock { core in
                if core.sleepers.count >= count { return true }
                core.watchers.append(Watcher(count: count, continuation: continuation))
                return false
            }
            if isThere { continuation.resume() }
        }
    }

    /// Moves the clock and wakes those whose time has come, the earliest first.
    ///
    /// - Parameter duration: Not negative: time doesn't run backwards.
    public func advance(by duration: Duration) {
        wake { core in core.now = max(core.now, core.now.advanced(by: duration)) }
    }

    /// Moves the clock to the instant at which the next sleeper wakes, and wakes it.
    ///
    /// - Returns: False when nobody sleeps, or only for ever; then the clock stays.
    @discardableResult
    public func advanceToNextSleeper() -> Bool {
        wake { core in
            let next = core.sleepers.lazy.map(\.deadline).min()
            if let next, next < .distantFuture { core.now = max(core.now, next) }
        }
    }

    @discardableResult
    private func wake(after move: (inout Core) -> Void) -> Bool {
        let due = core.withLock { core -> [Sleeper] in
            move(&core)
            let due = core.sleepers.filter { $0.deadline <= core.now }
            core.sleepers.removeAll { $0.deadline <= core.now }
            core.changes += UInt64(due.count)
            return due.sorted { $0.deadline < $1.deadline }
        }
        for sleeper in due { sleeper.continuation.resume(returning: true) }
        return !due.isEmpty
    }

    /// Runs an operation with a clock that moves by itself: to the next sleeper's instant, as soon as nobody has fallen
    /// asleep or woken up for a while.
    ///
    /// What sleeps wakes in the right order and at exactly its instant, however long the test takes. Only a computation
    /// longer than `quiet` between two sleeps may find that time has passed meanwhile; where that matters move the
    /// clock by hand. On a busy machine the clock waits longer, up to fifty times as long.
    ///
    /// - Parameters:
    ///   - quiet: How long, in real time, nothing has to happen before the clock moves.
    ///   - operation: What to run, in the caller's task.
    public func run<Success, Failure: Error>(
        quiet: Duration = .milliseconds(4), _ operation: () async throws(Failure) -> Success
    ) async throws(Failure) -> Success {
        let driver = Task { await self.drive(quiet: quiet) }
        defer { driver.cancel() }
        return try await operation()
    }

    /// Counts rounds of its own through the pool of threads, not only time: what was ready to run before a round has
    /// been started before the next. While its rounds come late the machine is busy, and quiet says nothing.
    private func drive(quiet: Duration) async {
        let real = ContinuousClock()
        let rounds = 8
        var seen = core.withLock { $0.changes }
        var calm = 0
        var latest = real.now.advanced(by: quiet * 50)
        while !Task.isCancelled {
            let due = real.now.advanced(by: quiet / rounds)
            try? await Task.sleep(until: due, tolerance: .zero, clock: real)
            await Task.yield()
            let changes = core.withLock { $0.changes }
            calm = changes == seen && real.now < due.advanced(by: quiet) ? calm + 1 : 0
            if changes == seen, calm >= rounds || real.now >= latest {
                advanceToNextSleeper()
                calm = 0
            } else if changes == seen {
                continue
            }
            seen = core.withLock { $0.changes }
            latest = real.now.advanced(by: quiet * 50)
        }
    }

    private func sleep(until deadline: MonotonicInstant) async throws(CancellationError) {
        let id = core.withLock { core in
            core.nextID += 1
            return core.nextID
        }
        let isDue = await withTaskCancellationHandler {
            await withCheckedContinuation { continuation in
                let (answer, watchers) = core.withLock { core -> (Bool?, [Watcher]) in
                    core.changes += 1
                    if core.cancelled.remove(id) != nil { return (false, []) }
                    if deadline <= core.now { return (true, []) }
                    core.sleepers.append(Sleeper(id: id, deadline: deadline, continuation: continuation))
                    return (nil, core.satisfiedWatchers())
                }
                if let answer { continuation.resume(returning: answer) }
                for watcher in watchers { watcher.continuation.resume() }
            }
        } onCancel: {
            let continuation = core.withLock { core -> CheckedContinuation<Bool, Never>? in
                core.changes += 1
                guard let index = core.sleepers.firstIndex(where: { $0.id == id }) else {
                    // Not asleep yet, or awake already; the id of the latter is never asked for again.
                    core.cancelled.insert(id)
                    return nil
                }
                return core.sleepers.remove(at: index).continuation
            }
            continuation?.resume(returning: false)
        }
        if !isDue { throw CancellationError() }
    }
}
