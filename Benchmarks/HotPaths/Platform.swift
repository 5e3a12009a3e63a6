// SPDX-License-Identifier: Apache-2.0

internal import Resilience

/// Something to bind, as large as a small context.
private enum Bound {
    @TaskLocal static var value = 0
}

extension HotPath {
    /// What the standard library costs where the resilience library has to choose: the reasons for its own clock, its
    /// nanoseconds in an `Int64`, its generator of random numbers, and for binding a context only where there is one.
    package static func platform() -> [HotPath] {
        let continuous = ContinuousClock()
        let suspending = SuspendingClock()
        return [
            HotPath("platform-continuous-clock") { count in
                let first = continuous.now
                for _ in 0..<count where continuous.now < first { throw UnexpectedResult("the clock went backwards") }
            },
            HotPath("platform-suspending-clock") { count in
                let first = suspending.now
                for _ in 0..<count where suspending.now < first { throw UnexpectedResult("the clock went backwards") }
            },
            HotPath("platform-duration-sum") { count in
                try sum(of: (1...1024).map { Duration.nanoseconds($0) }, upTo: .seconds(1), from: .zero, count, +)
            },
            HotPath("platform-nanoseconds-sum") { count in
                try sum(of: Array(1...1024), upTo: 1_000_000_000, from: Int64(0), count, &+)
            },
            HotPath("platform-system-random") { count in
                var generator = SystemRandomNumberGenerator()
                var sum: UInt64 = 0
                for _ in 0..<count { sum &+= generator.next() }
                if sum == 0, count > 0 { throw UnexpectedResult("random numbers add up to nothing") }
            },
            HotPath("platform-seeded-random") { count in
                var generator = SplitMix64(seed: 1)
                var sum: UInt64 = 0
                for _ in 0..<count { sum &+= generator.next() }
                if sum == 0, count > 0 { throw UnexpectedResult("random numbers add up to nothing") }
            },
            HotPath("platform-task-local-read") { count in
                var sum = 0
                for _ in 0..<count { sum &+= Bound.value }
                consume(sum)
            },
            HotPath("platform-task-local-binding") { count in
                var sum = 0
                for number in 0..<count {
                    sum &+= await Bound.$value.withValue(number) { await read() }
                }
                consume(sum)
            },
            HotPath("platform-task") { count in
                var sum = 0
                for number in 0..<count { sum &+= await Task.immediate { await pass(number) }.value }
                consume(sum)
            },
        ]
    }

    /// Adds and compares in a way that no optimizer can foresee.
    @inline(__always)
    private static func sum<Time: Comparable>(
        of times: [Time], upTo limit: Time, from zero: Time, _ count: Int, _ add: (Time, Time) -> Time
    ) throws {
        var sum = zero
        for number in 0..<count {
            sum = add(sum, times[number & 1023])
            if sum > limit { sum = zero }
        }
        if sum < zero { throw UnexpectedResult("times add up to less than nothing") }
    }

    @inline(never)
    private static func read() async -> Int {
        Bound.value
    }

    @inline(never)
    private static func pass(_ number: Int) async -> Int {
        number
    }
}
