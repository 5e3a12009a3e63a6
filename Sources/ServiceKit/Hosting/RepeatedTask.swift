// SPDX-License-Identifier: Apache-2.0

package import Logging
internal import ServiceLifecycle

/// Does something again and again while a service runs, such as deleting what has expired.
package struct RepeatedTask: Service {
    private let name: String
    private let interval: Duration
    private let logger: Logger
    private let work: @Sendable () async throws -> Void

    /// A task that waits for the interval before each time.
    ///
    /// - Parameters:
    ///   - name: for the log, which tells when the work fails; it is then tried again after the interval.
    package init(
        _ name: String, every interval: Duration, logger: Logger, work: @escaping @Sendable () async throws -> Void
    ) {
        self.name = name
        self.interval = interval
        self.logger = logger
        self.work = work
    }

    /// Works until the service shuts down or the task is cancelled.
    package func run() async throws {
        await cancelWhenGracefulShutdown {
            while (try? await Task.sleep(for: interval)) != nil {
                do {
                    try await work()
                } catch {
                    logger.error("task failed", metadata: ["task": "\(name)", "error": "\(error)"])
                }
            }
        }
    }
}
