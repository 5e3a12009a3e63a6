// SPDX-License-Identifier: Apache-2.0

internal import Synchronization

/// The metrics of partitions, which come and go: without taking them back a backend would grow with every host and
/// tenant that there has ever been.
///
/// Two pipelines of one partition, one that made room and its successor, share their handles; the last one to go takes
/// them back. Both happens under one lock, so that no handle is taken back while another one of the same name is made.
final class MetricsPool: Sendable {
    private struct Entry: Sendable {
        var metrics: PipelineMetrics
        var users: Int
    }

    private let entries = Mutex<[String: Entry]>([:])

    /// The metrics of a partition; `PipelineTelemetry` gives them back.
    func take(_ key: String, name: String, partition: String) -> PipelineMetrics {
        entries.withLock { entries in
            if let metrics = entries[key]?.metrics {
                entries[key]?.users += 1
                return metrics
            }
            let metrics = PipelineMetrics(
                // Holds the pool: a partition may outlive its registry. Its entry goes with its last user, and with it
                // the closure.
                pipeline: name, partition: partition, giveBack: { self.giveBack(key) })
            entries[key] = Entry(metrics: metrics, users: 1)
            return metrics
        }
    }

    private func giveBack(_ key: String) {
        entries.withLock { entries in
            entries[key]?.users -= 1
            guard entries[key]?.users == 0 else { return }
            entries.removeValue(forKey: key)?.metrics.destroy()
        }
    }
}
