// SPDX-License-Identifier: Apache-2.0

import Dispatch
import Resilience
import ResilienceTesting
import TestSupport
import Testing

/// A caller that keeps its work on an executor of its own, as an event loop does, keeps it there under a time limit.
@Suite("Under the caller's executor an attempt timeout", .timeLimit(.minutes(1)))
struct PreferredExecutorTests {
    /// One thread at a time, which knows its own.
    final class Executor: TaskExecutor {
        private static let mark = DispatchSpecificKey<Bool>()
        private let queue = DispatchQueue(label: "preferred-executor")

        init() {
            queue.setSpecific(key: Self.mark, value: true)
        }

        func enqueue(_ job: consuming ExecutorJob) {
            let job = UnownedJob(job)
            queue.async { job.runSynchronously(on: self.asUnownedTaskExecutor()) }
        }

        /// Whether the caller runs on it.
        var isCurrent: Bool {
            DispatchQueue.getSpecific(key: Self.mark) == true
        }
    }

    let clock = ManualClock()

    func pipeline() throws -> ResiliencePipeline {
        try ResiliencePipeline(name: "p", time: clock.source) { AttemptTimeoutOptions(limit: .milliseconds(100)) }
    }

    @Test("runs the operation there, before and after it waited")
    func staysThere() async throws {
        let executor = Executor()
        let pipeline = try pipeline()
        let seen = try await withTaskExecutorPreference(executor) {
            try await pipeline.execute { _ in
                let before = executor.isCurrent
                await Task.yield()
                return [before, executor.isCurrent]
            }
        }
        #expect(seen == [true, true])
    }

    @Test("ends what takes too long, and passes the caller's cancellation on")
    func ends() async throws {
        let executor = Executor()
        let pipeline = try pipeline()
        let script = OutcomeScript<Int, any Error>(on: clock, [.hang])
        let clock = clock
        func call() -> Task<ResilienceError<any Error>?, Never> {
            Task(executorPreference: executor) {
                do throws(ResilienceError<any Error>) {
                    _ = try await pipeline.execute(operation: script.run)
                    return nil
                } catch {
                    return error
                }
            }
        }
        let late = call()
        await clock.sleepers(2)
        clock.advance(by: .milliseconds(100))
        #expect(await late.value?.timeout == Timeout(.attempt, limit: .milliseconds(100)))

        let cancelled = call()
        await clock.sleepers(2)
        cancelled.cancel()
        guard case .cancelled = await cancelled.value else {
            Issue.record("not cancelled")
            return
        }
        #expect(pipeline.counters.timeouts == 1)
        try await waitUntil("nobody sleeps any more") { clock.sleeperCount == 0 }
    }
}
