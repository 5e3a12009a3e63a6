// SPDX-License-Identifier: Apache-2.0

internal import Measurement
internal import Resilience
internal import Synchronization

/// Reads the state of every pipeline about once a second while the load runs.
final class PolicySampler: Sendable {
    private let network: RunningNetwork
    private let samples = Mutex<[PolicySample]>([])

    init(network: RunningNetwork) { self.network = network }

    /// Everything sampled so far.
    var record: [PolicySample] { samples.withLock { $0 } }

    /// The latest state of each breaker.
    var breakers: [(pipeline: String, state: String)] {
        var latest: [String: String] = [:]
        for sample in record { latest[sample.pipeline] = sample.breaker }
        return latest.sorted { $0.key < $1.key }.map { (pipeline: $0.key, state: $0.value) }
    }

    /// Samples at once and then at each full second, until the task is cancelled. Each service by itself: one that a fault
    /// has stopped does not hold the others' samples up.
    func run(clock: RunClock) async {
        await withTaskGroup { group in
            for service in ServiceName.allCases {
                group.addTask { await self.run(service, clock) }
            }
        }
    }

    private func run(_ service: ServiceName, _ clock: RunClock) async {
        var second = 0
        while !Task.isCancelled {
            await sample(service, at: clock)
            second = max(second + 1, Int(clock.now / 1_000_000_000) + 1)
            do { try await clock.sleep(until: .seconds(second)) } catch { return }
        }
    }

    /// Takes one sample of every service. One that does not answer, because a fault has stopped it, is left out.
    func sample(at clock: RunClock) async {
        await withTaskGroup { group in
            for service in ServiceName.allCases {
                group.addTask { await self.sample(service, at: clock) }
            }
        }
    }

    private func sample(_ service: ServiceName, at clock: RunClock) async {
        guard let admin = try? await network.admin(of: service), let pipelines = try? await admin.pipelines()
        else { return }
        let now = clock.now
        samples.withLock { samples in
            samples += pipelines.map {
                PolicySample(
                    atNanoseconds: now, pipeline: $0.name, breaker: $0.breakerState?.rawValue, counters: $0.counters)
            }
        }
    }
}
