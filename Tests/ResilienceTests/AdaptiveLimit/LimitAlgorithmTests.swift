// SPDX-License-Identifier: Apache-2.0

internal import Testing

@testable internal import Resilience

private let millisecond: Int64 = 1_000_000

/// A healthy window with the limit used up.
private func window(
    _ milliseconds: Int64?, inFlight: Int, completed: Int = 10, dropped: Int = 0
) -> LimitSample {
    LimitSample(
        roundTripNanoseconds: milliseconds.map { $0 * millisecond }, maximumInFlight: inFlight, completed: completed,
        dropped: dropped)
}

@Suite("Limit algorithms")
struct LimitAlgorithmTests {
    private static let bounds = LimitBounds(minimum: 2, maximum: 100)

    private static func make(_ name: AdaptiveLimitOptions.Algorithm, initial: Int = 20, bounds: LimitBounds = bounds)
        -> any LimitAlgorithm
    {
        switch name {
        case .aimd: AIMDLimit(initial: initial, bounds: bounds)
        case .vegas: VegasLimit(initial: initial, bounds: bounds)
        case .gradient2: Gradient2Limit(initial: initial, bounds: bounds)
        }
    }

    @Test(
        "keep their promises on random windows", arguments: AdaptiveLimitOptions.Algorithm.allCases, [UInt64(1), 2, 3])
    func promises(name: AdaptiveLimitOptions.Algorithm, seed: UInt64) {
        var random = SplitMix64(seed: seed)
        var algorithm = Self.make(name)
        for step in 0..<3000 {
            let before = algorithm.limit
            let roundTrip = random.next() % 10 == 0 ? nil : Int64(random.next() % 2_000_000_000)
            let dropped = random.next() % 5 == 0 ? Int(random.next() % 5) : 0
            let sample = LimitSample(
                roundTripNanoseconds: roundTrip, maximumInFlight: Int(random.next() % 120),
                completed: roundTrip == nil ? 0 : 10,
                dropped: dropped)
            algorithm.update(sample)
            let place = "\(name), seed \(seed), step \(step): \(before) -> \(algorithm.limit) after \(sample)"
            #expect((2...100).contains(algorithm.limit), Comment(rawValue: place))
            if dropped > 0 { #expect(algorithm.limit <= before, Comment(rawValue: place)) }
            if sample.maximumInFlight * 2 < before { #expect(algorithm.limit <= before, Comment(rawValue: place)) }
            if random.next() % 100 == 0 { algorithm.rebase(roundTripNanoseconds: Int64(random.next() % 100_000_000)) }
        }
    }

    @Test("grow to the maximum while the callee keeps its pace", arguments: AdaptiveLimitOptions.Algorithm.allCases)
    func grow(name: AdaptiveLimitOptions.Algorithm) {
        var algorithm = Self.make(name)
        for _ in 0..<200 { algorithm.update(window(10, inFlight: algorithm.limit)) }
        #expect(algorithm.limit == 100)
    }

    @Test(
        "neither grow nor, without drops, shrink while the callers use less than half of the limit (failsafe-go: \"inflight dip\")",
        arguments: AdaptiveLimitOptions.Algorithm.allCases)
    func applicationLimited(name: AdaptiveLimitOptions.Algorithm) {
        var algorithm = Self.make(name)
        for step in 0..<100 { algorithm.update(window(Int64(10 + step % 3), inFlight: 9)) }
        #expect(algorithm.limit == 20)
    }

    @Test(
        "shrink to the minimum and no further when calls are dropped",
        arguments: AdaptiveLimitOptions.Algorithm.allCases)
    func dropped(name: AdaptiveLimitOptions.Algorithm) {
        var algorithm = Self.make(name)
        for _ in 0..<200 { algorithm.update(window(nil, inFlight: algorithm.limit, completed: 0, dropped: 1)) }
        #expect(algorithm.limit == 2)
    }

    @Test(
        "with a maximum healthy round trip shrink through an incident of any length (failsafe-go #127: the baseline follows it)",
        arguments: AdaptiveLimitOptions.Algorithm.allCases)
    func healthGuard(name: AdaptiveLimitOptions.Algorithm) {
        let bounds = LimitBounds(minimum: 2, maximum: 100, maximumHealthyNanoseconds: 50 * millisecond)
        var algorithm = Self.make(name, bounds: bounds)
        for _ in 0..<20 { algorithm.update(window(10, inFlight: algorithm.limit)) }
        for _ in 0..<5000 { algorithm.update(window(400, inFlight: algorithm.limit)) }
        #expect(algorithm.limit == 2)
        #expect((algorithm.baselineNanoseconds ?? 0) <= 50 * millisecond)
    }

    @Test("Gradient2 shrinks when the round trip doubles, and grows again afterwards")
    func gradient() {
        var algorithm = Gradient2Limit(initial: 50, bounds: Self.bounds)
        for _ in 0..<50 { algorithm.update(window(10, inFlight: algorithm.limit)) }
        let before = algorithm.limit
        for _ in 0..<10 { algorithm.update(window(40, inFlight: algorithm.limit)) }
        let during = algorithm.limit
        #expect(during < before / 2)
        for _ in 0..<50 { algorithm.update(window(10, inFlight: algorithm.limit)) }
        #expect(algorithm.limit > during)
    }

    @Test("Vegas settles where a short queue stands")
    func vegas() {
        // A callee that serves ten calls at once, 10 ms each: beyond ten the round trip grows in proportion.
        var algorithm = VegasLimit(initial: 4, bounds: LimitBounds(minimum: 1, maximum: 1000))
        for _ in 0..<500 {
            let roundTrip = max(10, Int64(algorithm.limit))
            algorithm.update(window(roundTrip, inFlight: algorithm.limit))
        }
        #expect((10...17).contains(algorithm.limit), "\(algorithm.limit)")
    }

    @Test("Vegas forgets a lucky minimum when a probe says otherwise (concurrency-limits #37)")
    func luckyMinimum() {
        var algorithm = VegasLimit(initial: 20, bounds: Self.bounds)
        algorithm.update(window(1, inFlight: 20))
        for _ in 0..<100 { algorithm.update(window(10, inFlight: algorithm.limit)) }
        #expect(algorithm.limit < 10)
        algorithm.rebase(roundTripNanoseconds: 10 * millisecond)
        for _ in 0..<100 { algorithm.update(window(10, inFlight: algorithm.limit)) }
        #expect(algorithm.limit == 100)
    }

    @Test("AIMD adds one per window and takes a tenth")
    func aimd() {
        var algorithm = AIMDLimit(initial: 50, bounds: Self.bounds)
        algorithm.update(window(10, inFlight: 50))
        #expect(algorithm.limit == 51)
        algorithm.update(window(10, inFlight: 51, dropped: 1))
        #expect(algorithm.limit == 45)
    }

    @Test("move into new bounds and keep what they learnt", arguments: AdaptiveLimitOptions.Algorithm.allCases)
    func configure(name: AdaptiveLimitOptions.Algorithm) {
        var algorithm = Self.make(name)
        for _ in 0..<200 { algorithm.update(window(10, inFlight: algorithm.limit)) }
        let baseline = algorithm.baselineNanoseconds
        algorithm.configure(LimitBounds(minimum: 1, maximum: 30))
        #expect(algorithm.limit == 30)
        #expect(algorithm.baselineNanoseconds == baseline)
        algorithm.configure(LimitBounds(minimum: 60, maximum: 90))
        #expect(algorithm.limit == 60)
    }

    @Test("never trap, whatever bounds and round trips they are given")
    func extremes() {
        let unbounded = LimitBounds(minimum: 1, maximum: .max)
        for name in AdaptiveLimitOptions.Algorithm.allCases {
            var algorithm = Self.make(name, initial: .max, bounds: unbounded)
            #expect(algorithm.limit > 1_000_000_000)
            algorithm.update(LimitSample(roundTripNanoseconds: .max, maximumInFlight: .max, completed: 1))
            algorithm.update(LimitSample(roundTripNanoseconds: .min, maximumInFlight: .min, completed: .max))
            #expect(algorithm.limit >= 1)
            #expect(algorithm.baselineNanoseconds ?? 1 >= 1)
        }
        var slow = Gradient2Limit(initial: 1, bounds: unbounded)
        slow.update(LimitSample(roundTripNanoseconds: .max, maximumInFlight: 1, completed: 1))
        #expect(slow.baselineNanoseconds == .max)
    }

    @Test("one that bounds nothing traps nowhere")
    func unlimited() async throws {
        struct Unlimited: LimitAlgorithm {
            var limit: Int { .max }
            mutating func update(_ sample: LimitSample) {}
            mutating func configure(_ bounds: LimitBounds) {}
        }
        let limit = try AdaptiveLimit(algorithm: Unlimited())
        let shedder = try LoadShedder(LoadShedderOptions(limit: .adaptive), adaptiveLimit: limit, mode: .shadow)
        try await shedder.acquire().release()
        #expect(shedder.status.limit > 1_000_000_000)
        var shares = LimitShares()
        shares.configure(["all": 1])
        #expect(shares.hasRoom(shares.index(of: "all"), limit: limit.status.limit))
    }
}
