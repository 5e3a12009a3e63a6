// SPDX-License-Identifier: Apache-2.0

internal import Benchmark
internal import HotPaths

let benchmarks: @Sendable () -> Void = {
    Benchmark.defaultConfiguration = .init(
        metrics: [.wallClock], timeUnits: .nanoseconds, warmupIterations: 10, scalingFactor: .kilo,
        maxDuration: .milliseconds(500), maxIterations: 100_000)
    for path in HotPath.loadGenerator() {
        Benchmark(path.name) { benchmark in
            try await path.run(benchmark.scaledIterations.count)
        }
    }
}
