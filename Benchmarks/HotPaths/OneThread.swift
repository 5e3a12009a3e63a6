// SPDX-License-Identifier: Apache-2.0

internal import Dispatch
internal import Synchronization

/// Runs the tasks that prefer it on one thread of its own, as an event loop does.
///
/// A task that suspends on the global pool is resumed by whichever of its threads wakes first; with one task and nothing else
/// to do the threads hand it back and forth, and what is measured is the pool. Here a suspension costs the same every time.
final class OneThread: TaskExecutor {
    static let shared = OneThread()

    private let jobs = Mutex<[UnownedJob]>([])
    /// One signal per job.
    private let available = DispatchSemaphore(value: 0)

    private init() {
        DispatchQueue(label: "one-thread").async { [self] in
            while true {
                available.wait()
                // Safe because a signal follows its job.
                let job = jobs.withLock { $0.removeFirst() }
                job.runSynchronously(on: asUnownedTaskExecutor())
            }
        }
    }

    func enqueue(_ job: consuming ExecutorJob) {
        let job = UnownedJob(job)
        jobs.withLock { $0.append(job) }
        available.signal()
    }
}
