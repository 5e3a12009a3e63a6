// SPDX-License-Identifier: Apache-2.0

internal import Glibc
internal import HotPaths

/// Times paths against each other on a machine that is never quite still.
enum Timing {
    /// How long one path is played in a round: long against the clock and the loop around it, short against what else changes.
    private static let batchNanoseconds = 20_000_000.0

    /// Plays every path once a round, so that what disturbs one round disturbs all of them, and prints the medians.
    static func table(_ paths: [HotPath], rounds: Int) async throws {
        var counts: [Int] = []
        for path in paths { counts.append(try await countForABatch(path)) }
        var samples = [[Double]](repeating: [], count: paths.count)
        for _ in 0..<rounds {
            for (index, path) in paths.enumerated() {
                samples[index].append(try await nanoseconds(path, counts[index]) / Double(counts[index]))
            }
        }
        print("path                                              ns median     lowest    highest    (\(rounds) rounds)")
        for (path, values) in zip(paths, samples) {
            let sorted = values.sorted()
            let name = path.name + String(repeating: " ", count: max(1, 48 - path.name.utf8.count))
            print(name + [sorted[sorted.count / 2], sorted[0], sorted[sorted.count - 1]].map(column).joined())
        }
    }

    private static func countForABatch(_ path: HotPath) async throws -> Int {
        var count = 100
        while count < 1 << 40 {
            let time = try await nanoseconds(path, count)
            if time > batchNanoseconds / 10 { return max(1, Int(Double(count) * batchNanoseconds / time)) }
            count *= 4
        }
        throw CommandProblem("\(path.name) takes no time: the optimizer has seen through it")
    }

    private static func nanoseconds(_ path: HotPath, _ count: Int) async throws -> Double {
        let start = now()
        try await path.run(count)
        return Double(now() - start)
    }

    private static func now() -> Int64 {
        var time = timespec()
        clock_gettime(CLOCK_MONOTONIC, &time)
        return Int64(time.tv_sec) * 1_000_000_000 + Int64(time.tv_nsec)
    }

    private static func column(_ value: Double) -> String {
        let tenths = Int((value * 10).rounded())
        let text = "\(tenths / 10).\(tenths % 10)"
        return String(repeating: " ", count: max(1, 11 - text.utf8.count)) + text
    }
}
