// SPDX-License-Identifier: Apache-2.0

internal import CLinux
internal import Foundation
internal import Synchronization

/// Starts processes from one thread that lives as long as this process.
///
/// The kernel's parent-death signal fires when the *thread* that forked ends, and threads of Swift's pool come and go.
/// Only with a thread that stays does a child live exactly until this process ends, SIGKILL included.
enum ProcessLauncher {
    /// Failure of fork or exec.
    struct Failure: Error {
        var errno: Int32
    }

    /// Starts a program and returns its process id.
    static func start(
        path: String, arguments: [String], environment: [String: String], standardOutput: Int32, standardError: Int32
    ) async throws -> pid_t {
        let result: Result<pid_t, Failure> = await withCheckedContinuation { continuation in
            thread.run {
                continuation.resume(
                    returning: spawn(path, arguments, environment, standardOutput, standardError))
            }
        }
        return try result.get()
    }

    private static let thread = LauncherThread()

    private static func spawn(
        _ path: String, _ arguments: [String], _ environment: [String: String], _ standardOutput: Int32,
        _ standardError: Int32
    ) -> Result<pid_t, Failure> {
        // Copies that live until the call below has returned; the child has its own copy of the memory.
        let argumentList = ([path] + arguments).map { strdup($0) } + [nil]
        let environmentList = environment.map { strdup("\($0.key)=\($0.value)") } + [nil]
        defer { for text in argumentList + environmentList { free(text) } }
        var child: pid_t = 0
        let failure = seawall_spawn(path, argumentList, environmentList, standardOutput, standardError, &child)
        return failure == 0 ? .success(child) : .failure(Failure(errno: failure))
    }
}

/// A thread that runs jobs in order and never ends.
private final class LauncherThread: Sendable {
    private let jobs = Mutex<[@Sendable () -> Void]>([])
    private let available = DispatchSemaphore(value: 0)

    init() {
        // The thread is owned by the process: it must not end before it.
        let thread = Thread { [self] in
            while true {
                available.wait()
                jobs.withLock { $0.isEmpty ? nil : $0.removeFirst() }?()
            }
        }
        thread.name = "seawall-launcher"
        thread.start()
    }

    func run(_ job: @escaping @Sendable () -> Void) {
        jobs.withLock { $0.append(job) }
        available.signal()
    }
}
