// SPDX-License-Identifier: Apache-2.0

package import Resilience
internal import Synchronization

/// A clock that a test moves by hand. Whoever sleeps on it wakes when the test has moved it far enough.
package final class ManualClock: Sendable {
    private struct Sleeper {
        var id: UInt64
        var deadline: MonotonicInstant
        var continuation: CheckedContinuation<Bool, Never>
    }

    private struct Core {
        var now: MonotonicInstant
        var sleepers: [Sleeper] = []
        var nextID: UInt64 = 0
        var cancelled: Set<UInt64> = []
    }

    private let core: Mutex<Core>

    /// - Parameter start: Not zero by default, so that a test notices where "never" and "at zero" are mixed up.
    package init(start: Duration = .seconds(1_000)) {
        core = Mutex(Core(now: MonotonicInstant(nanoseconds: 0).advanced(by: start)))
    }

    package var now: MonotonicInstant {
        core.withLock { $0.now }
    }

    /// Tasks that sleep on this clock now.
    package var sleeperCount: Int {
        core.withLock { $0.sleepers.count }
    }

    /// The clock for what is tested.
    package var source: TimeSource {
        TimeSource(
            now: { self.now }, sleep: { deadline throws(CancellationError) in try await self.sleep(until: deadline) })
    }

    /// Moves the clock and wakes those whose time has come, the earliest first.
    package func advance(by duration: Duration) {
        let due = core.withLock { core -> [Sleeper] in
            core.now = core.now.advanced(by: duration)
            let due = core.sleepers.filter { $0.deadline <= core.now }
            core.sleepers.removeAll { $0.deadline <= core.now }
            return due.sorted { $0.deadline < $1.deadline }
        }
        for sleeper in due { sleeper.continuation.resume(returning: true) }
    }

    private func sleep(until deadline: MonotonicInstant) async throws(CancellationError) {
        let id = core.withLock { core in
            core.nextID += 1
            return core.nextID
        }
        let isDue = await withTaskCancellationHandler {
            await withCheckedContinuation { continuation in
                let answer = core.withLock { core -> Bool? in
                    if core.cancelled.remove(id) != nil { return false }
                    if deadline <= core.now { return true }
                    core.sleepers.append(Sleeper(id: id, deadline: deadline, continuation: continuation))
                    return nil
                }
                if let answer { continuation.resume(returning: answer) }
            }
        } onCancel: {
            let continuation = core.withLock { core -> CheckedContinuation<Bool, Never>? in
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
