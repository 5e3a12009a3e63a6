// SPDX-License-Identifier: Apache-2.0

internal import Synchronization

extension AttemptTimeout {
    /// Whether an attempt has returned, told without waiting. It lies in the frame of the function that runs the
    /// attempt, because most attempts that are asked have.
    @usableFromInline
    struct Landing: ~Copyable, Sendable {
        private let hasReturned = Atomic<Bool>(false)

        @usableFromInline
        init() {}

        /// The last thing that an attempt does.
        @usableFromInline
        func touchDown() {
            hasReturned.store(true, ordering: .releasing)
        }

        var isDown: Bool {
            hasReturned.load(ordering: .acquiring)
        }
    }

    /// The timer of an attempt that did not return at once.
    ///
    /// `@unchecked Sendable` as its superclass says: what it adds never changes or is atomic.
    private final class Alarm: QueuedTimer, @unchecked Sendable {
        let race = StateMachine()
        private let task: Task<Void, any Error>

        init(_ task: Task<Void, any Error>) {
            self.task = task
        }

        override func fire() {
            if race.settle(.expired) { task.cancel() }
        }

        /// The caller gave up.
        func abandon() {
            _ = race.settle(.abandoned)
            task.cancel()
        }
    }

    /// Runs an attempt in a task of its own, because only it must be cancelled when its time is up, and waits until it
    /// has ended.
    ///
    /// - Parameters:
    ///   - deadline: When it is cancelled.
    ///   - context: What it finds in `CallContext.current`.
    ///   - attempt: Touches down at its end.
    /// - Returns: Whether its time was up before it ended and before the caller gave up.
    @usableFromInline
    static func run(
        until deadline: MonotonicInstant, on time: TimeSource, binding context: CallContext,
        _ landing: borrowing Landing, _ attempt: @Sendable () async -> Void
    ) async -> Bool {
        if prefersExecutor { return await runAsChild(until: deadline, on: time, binding: context, landing, attempt) }
        // Safe because this function waits for the task that uses the closure.
        return await withoutActuallyEscaping(attempt) { attempt in
            // It starts on this thread at once: an attempt that returns without waiting needs no timer and no other
            // thread.
            let task = start(attempt, binding: context)
            if landing.isDown {
                // It has nothing to say; but only when it is over nobody has the closure any more.
                try? await task.value
                return false
            }
            let alarm = Alarm(task)
            let timer = DelayedAction(alarm, at: deadline, on: time)
            await withTaskCancellationHandler {
                try? await task.value
            } onCancel: {
                alarm.abandon()
            }
            timer.cancel()
            _ = alarm.race.settle(.returned)
            return alarm.race.isExpired
        }
    }

    /// Starts an attempt.
    ///
    /// The task can throw and the call stands in a loop for the same reason, a hundred nanoseconds: a task that can't
    /// throw is wrapped in one that can, and what is not inlined here tells the runtime at length that there is no
    /// executor to prefer. The optimizer inlines calls in loops more readily. `make counts` notices when it doesn't.
    private static func start(
        _ attempt: @escaping @Sendable () async -> Void, binding context: CallContext
    ) -> Task<Void, any Error> {
        var task: Task<Void, any Error>?
        while task == nil {
            task = .immediate { () async throws -> Void in
                await CallContext.$current.withValue(context) { await attempt() }
            }
        }
        // Safe because the loop ends with a task.
        return task!
    }

    // MARK: - Under an executor of the caller's choice

    /// Whether the caller wants its work done by an executor of its own.
    private static var prefersExecutor: Bool {
        withUnsafeCurrentTask { $0?.unownedTaskExecutor != nil }
    }

    /// The same in a child task. Only that one takes the caller's executor over; it costs a task more, which waits for
    /// the deadline.
    private static func runAsChild(
        until deadline: MonotonicInstant, on time: TimeSource, binding context: CallContext,
        _ landing: borrowing Landing, _ attempt: @Sendable () async -> Void
    ) async -> Bool {
        await withoutActuallyEscaping(attempt) { attempt in
            await withTaskGroup(of: StateMachine.End.self) { group in
                group.addImmediateTask {
                    await CallContext.$current.withValue(context) { await attempt() }
                    return .returned
                }
                if !landing.isDown {
                    group.addImmediateTask {
                        do throws(CancellationError) {
                            try await time.sleep(until: deadline)
                            return .expired
                        } catch {
                            return .abandoned
                        }
                    }
                }
                // Who is first decides; the group waits for the other.
                let first = await group.next()
                group.cancelAll()
                if first == .abandoned, await group.next() == nil { return false }
                return first == .expired
            }
        }
    }
}
