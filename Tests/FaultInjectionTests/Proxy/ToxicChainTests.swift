// SPDX-License-Identifier: Apache-2.0

import Testing

@testable import FaultInjection

@Suite("A chain of toxics")
struct ToxicChainTests {
    private static let millisecond: Int64 = 1_000_000

    private func chain(_ kinds: Toxic.Kind..., seed: UInt64 = 1) -> ToxicChain {
        var chain = ToxicChain(seed: seed)
        for (index, kind) in kinds.enumerated() { _ = chain.set(Toxic(name: "t\(index)", kind: kind), now: 0) }
        return chain
    }

    @Test("without toxics is clear and passes chunks at once")
    func clear() {
        var chain = ToxicChain(seed: 1)
        #expect(chain.isClear)
        #expect(chain.pass(10, at: 5) == .init(pieces: [.init(length: 10, release: 5)]))
    }

    @Test("delays each chunk from its own arrival, so that chunks wait side by side")
    func latencyIsPipelined() {
        var chain = chain(.latency(.milliseconds(100), jitter: .zero))
        let releases = (0..<5).map { chain.pass(1, at: Int64($0) * Self.millisecond).pieces[0].release }
        #expect(releases == (0..<5).map { (100 + Int64($0)) * Self.millisecond })
    }

    @Test("keeps the order of chunks under any jitter", arguments: UInt64(0)..<20)
    func jitterKeepsOrder(seed: UInt64) {
        var chain = chain(.latency(.milliseconds(10), jitter: .milliseconds(10)), seed: seed)
        var last: Int64 = 0
        for index in 0..<200 {
            let now = Int64(index) * 100_000
            let release = chain.pass(1, at: now).pieces[0].release
            #expect(
                release >= last && release >= now && release <= max(last, now + 20 * Self.millisecond), "seed \(seed)")
            last = release
        }
    }

    @Test("lets a bandwidth limit spread bytes evenly, over chunks too")
    func bandwidth() {
        var chain = chain(.bandwidth(bytesPerSecond: 10_000))
        let first = chain.pass(2_500, at: 0).pieces
        #expect(first.map(\.length) == [1_000, 1_000, 500])
        #expect(first.map(\.release) == [100, 200, 250].map { $0 * Self.millisecond })
        #expect(chain.pass(1_000, at: 0).pieces.last?.release == 350 * Self.millisecond)
    }

    @Test("treats a bandwidth of 0 as no limit")
    func bandwidthZero() {
        var chain = chain(.bandwidth(bytesPerSecond: 0))
        #expect(chain.pass(2_500, at: 7).pieces == [.init(length: 2_500, release: 7)])
    }

    @Test("slices without losing a byte", arguments: UInt64(0)..<20)
    func slicer(seed: UInt64) {
        var chain = chain(.slicer(averageSize: 10, variation: 9, delay: .microseconds(5)), seed: seed)
        let pieces = chain.pass(1_000, at: 0).pieces
        #expect(pieces.reduce(0) { $0 + $1.length } == 1_000, "seed \(seed)")
        #expect(pieces.allSatisfy { (1...19).contains($0.length) })
        #expect(zip(pieces, pieces.dropFirst()).allSatisfy { $1.release - $0.release == 5_000 })
    }

    @Test("ends the stream exactly after the bytes of a data limit")
    func limitData() {
        var chain = chain(.limitData(bytes: 15))
        #expect(chain.pass(10, at: 0) == .init(pieces: [.init(length: 10, release: 0)]))
        #expect(chain.pass(10, at: 1) == .init(pieces: [.init(length: 5, release: 1)], endsStream: true))
    }

    @Test("holds everything back under a timeout, and asks to close when that is removed")
    func timeout() {
        var chain = chain(.timeout(.zero))
        #expect(chain.pass(10, at: 0) == .init())
        let mustClose = chain.remove("t0")
        #expect(mustClose)
    }

    @Test("does not ask to close when a timeout is removed that has swallowed nothing")
    func idleTimeout() {
        var chain = chain(.timeout(.zero))
        let mustClose = chain.remove("t0")
        #expect(!mustClose)
        #expect(chain.isClear)
    }

    @Test("says when a connection ends because of a timeout or a reset")
    func endings() {
        var chain = ToxicChain(seed: 1)
        #expect(chain.set(Toxic(name: "a", kind: .timeout(.milliseconds(5))), now: 1) == .close(at: 5_000_001))
        #expect(chain.set(Toxic(name: "b", kind: .resetPeer(.zero)), now: 1) == .reset(at: 1))
        #expect(chain.set(Toxic(name: "c", kind: .timeout(.zero)), now: 1) == nil)
    }

    @Test("delays the end of the stream by a slow close")
    func slowClose() {
        #expect(chain(.slowClose(.milliseconds(3))).end(at: 1) == 3 * Self.millisecond + 1)
    }

    @Test("is exactly free at a toxicity of 0, and strikes about its share of the connections otherwise")
    func toxicity() {
        func struck(_ toxicity: Double) -> Int {
            (0..<1_000).filter { seed in
                var chain = ToxicChain(seed: UInt64(seed))
                _ = chain.set(Toxic(name: "t", kind: .timeout(.zero), toxicity: toxicity), now: 0)
                return !chain.isClear
            }.count
        }
        #expect(struck(0) == 0)
        #expect(struck(1) == 1_000)
        #expect((250...350).contains(struck(0.3)))
    }

    @Test(
        "refuses attributes that make no sense",
        arguments: [
            ("latency", ["latency": -1]), ("slicer", [:]), ("slicer", ["average_size": 5, "size_variation": 5]),
            ("latency", ["latency": 2_000_000_000]), ("no_such", [:]),
        ] as [(String, [String: Int])])
    func invalid(type: String, attributes: [String: Int]) {
        #expect(throws: Toxic.Kind.Invalid.self) { try Toxic.Kind(type: type, attributes: attributes) }
    }

    @Test("writes the attributes that it reads")
    func roundTrip() throws {
        for (type, attributes) in [
            ("latency", ["latency": 800, "jitter": 100]), ("bandwidth", ["rate": 5]), ("slow_close", ["delay": 7]),
            ("timeout", ["timeout": 9]), ("reset_peer", ["timeout": 0]), ("limit_data", ["bytes": 3]),
            ("slicer", ["average_size": 5, "size_variation": 2, "delay": 40]),
        ] {
            let kind = try Toxic.Kind(type: type, attributes: attributes)
            #expect(kind.type == type)
            #expect(kind.attributes == attributes)
        }
    }
}
