// SPDX-License-Identifier: Apache-2.0

/// Something that happens at an instant unless it is cancelled before. Dropping the value without cancelling leaves the
/// action armed.
///
/// On the machine's clock all actions share one sleeping task. On a clock of somebody else's each has a task that sleeps
/// there, so that a test sees who waits for what.
struct DelayedAction: Sendable {
    /// On the machine's clock.
    private final class Timer: QueuedTimer, @unchecked Sendable {
        /// Never changes, so that every thread may read it.
        private let action: @Sendable () -> Void

        init(_ action: @escaping @Sendable () -> Void) {
            self.action = action
        }

        override func fire() {
            action()
        }
    }

    private let timer: QueuedTimer?
    private let task: Task<Void, Never>?

    /// Runs `action` at `instant` or later, never earlier, on the concurrent executor. Other actions don't wait for
    /// it.
    init(at instant: MonotonicInstant, on time: TimeSource, action: @escaping @Sendable () -> Void) {
        self.init(Timer(action), at: instant, on: time)
    }

    /// Lets a timer that is not armed fire at `instant` or later, never earlier, on the concurrent executor.
    init(_ timer: QueuedTimer, at instant: MonotonicInstant, on time: TimeSource) {
        if time.isSystem {
            self.timer = timer
            task = nil
            TimerQueue.system.arm(timer, at: instant)
            return
        }
        self.timer = nil
        // Unstructured on purpose: it is owned by this value, and whoever made it cancels it when it has what it waited
        // for.
        task = Task {
            do {
                try await time.sleep(until: instant)
                timer.fire()
            } catch {}
        }
    }

    /// Afterwards the action runs only if it is about to at this moment.
    func cancel() {
        if let timer { TimerQueue.system.cancel(timer) }
        task?.cancel()
    }
}
