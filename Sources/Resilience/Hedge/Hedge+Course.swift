// SPDX-License-Identifier: Apache-2.0

internal import Synchronization

extension Hedge {
    /// What to do next in a call that may be hedged.
    @usableFromInline
    enum Step: Sendable {
        /// Start the attempt of that number.
        case start(Int)
        /// Cancel all attempts.
        case cancelAttempts
        /// Wait for `news`.
        case wait
        /// All attempts have ended; the outcome of this one counts.
        case settled(Int, isCancelled: Bool)
    }

    /// One call that may be hedged: its race, its timer, and whoever waits for what comes next.
    ///
    /// Attempts, timer and canceller tell it what has happened, from any thread; one task at a time asks it what to do.
    @usableFromInline
    final class Course: Sendable {
        private struct Core {
            var race: Race
            var timer: (at: Int64, action: DelayedAction)?
            var hasNews = false
            var waiter: CheckedContinuation<Void, Never>?
        }

        private let hedge: Hedge
        private let start: MonotonicInstant
        private let core: Mutex<Core>

        init(_ race: Race, from start: MonotonicInstant, of hedge: Hedge) {
            core = Mutex(Core(race: race))
            self.start = start
            self.hedge = hedge
        }

        /// An attempt has ended.
        @usableFromInline
        func end(_ number: Int, _ judgement: Judgement) {
            let now = hedge.time.now().nanoseconds
            signal { $0.race.ended(number, judgement, at: now) }
        }

        private func cancel() {
            let now = hedge.time.now().nanoseconds
            signal { $0.race.cancel(at: now) }
        }

        private func signal(_ change: (inout Core) -> Void) {
            let waiter = core.withLock { core in
                change(&core)
                core.hasNews = core.waiter == nil
                return core.waiter.take()
            }
            waiter?.resume()
        }

        /// What to do now. A hedge that it says to start has been paid for.
        @usableFromInline
        func next() -> Step {
            while true {
                let now = hedge.time.now()
                switch core.withLock({ $0.race.next(at: now.nanoseconds) }) {
                case .start(let cause): if let number = launch(cause, at: now) { return .start(number) }
                case .cancelAttempts: return .cancelAttempts
                case .wait(let instant):
                    arm(instant)
                    return .wait
                case .settled(.attempt(let number)): return .settled(number, isCancelled: false)
                case .settled(.cancelled(let number)): return .settled(number, isCancelled: true)
                }
            }
        }

        private func launch(_ cause: HedgeEvent.Cause, at now: MonotonicInstant) -> Int? {
            guard hedge.withdraw() else {
                core.withLock { $0.race.deny() }
                hedge.listener.report(.denied(shadow: false))
                return nil
            }
            guard let number = core.withLock({ $0.race.launch(at: now.nanoseconds) }) else {
                hedge.refund()
                return nil
            }
            hedge.listener.report(
                .started(number: number, cause: cause, after: start.duration(to: now), shadow: false))
            return number
        }

        /// Sees to it that the waiting task is woken at the instant; at nil that it is not.
        private func arm(_ instant: Int64?) {
            let old = core.withLock { core in
                instant == core.timer?.at ? nil : core.timer.take()
            }
            old?.action.cancel()
            guard let instant, core.withLock({ $0.timer == nil }) else { return }
            let action = DelayedAction(at: MonotonicInstant(nanoseconds: instant), on: hedge.time) {
                self.signal { _ in }
            }
            core.withLock { $0.timer = (instant, action) }
        }

        /// Waits until something has happened since the last time; the caller's cancellation is something.
        @usableFromInline
        func news() async {
            // Once is enough: the handler of a cancelled task would run at once each time.
            if core.withLock({ $0.race.isCancelled }) { return await wait() }
            await withTaskCancellationHandler {
                await wait()
            } onCancel: {
                cancel()
            }
        }

        private func wait() async {
            await withCheckedContinuation { continuation in
                let isThere = core.withLock { core in
                    if core.hasNews {
                        core.hasNews = false
                        return true
                    }
                    core.waiter = continuation
                    return false
                }
                if isThere { continuation.resume() }
            }
        }

        /// Everything has ended.
        @usableFromInline
        func conclude() {
            let (race, timer) = core.withLock { ($0.race, $0.timer.take()) }
            timer?.action.cancel()
            hedge.finish(race, from: start)
        }
    }
}
