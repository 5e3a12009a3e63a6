// SPDX-License-Identifier: Apache-2.0

import Foundation
import Glibc
import Measurement
import Testing

@testable import LoadGenerator

/// The collector of a plan with four steps and two targets, fed by two workers.
private struct Feed {
    static let second: UInt64 = 1_000_000_000
    static let start: UInt64 = 7_000_000_123
    static let layout = SliceRecorder.Layout(steps: 4, targetOfStep: [0, 1, 0, 1], targets: ["web", "api"])

    var collector: Collector
    var counters = [WorkerCounters](repeating: WorkerCounters(), count: 2)

    /// Without folders nothing can be put away.
    init(_ store: SliceStore) {
        collector = Collector(
            start: Self.start, warmup: 3 * Self.second, workers: 2, layout: Self.layout, store: store)
    }

    /// Plays the ticks of some seconds with records that `random` chooses, most of them intended in the tick's second and some long ago, and
    /// returns what the ticks have brought.
    mutating func play(_ seconds: Range<Int>, random: inout SeededRandom, changesEvery: Int = 1) -> [Slice] {
        var told: [Slice] = []
        for second in seconds {
            for worker in 0..<2 { add(second, worker, &random) }
            let now = Self.start + UInt64(second + 1) * Self.second
            told.append(collector.slice(second))
            if second % changesEvery == 0 { told += collector.takeChanged(through: second, now: now) }
            collector.settle(before: second - 1)
            // Every tick rather than every tenth: many seconds are put away, and come again.
            collector.settleLate()
        }
        return told
    }

    private mutating func add(_ second: Int, _ worker: Int, _ random: inout SeededRandom) {
        var chunk = RecordChunk()
        defer { chunk.free() }
        let now = Self.start + UInt64(second) * Self.second
        for _ in 0..<Int.random(in: 0...12, using: &random) {
            let end = now + .random(in: 0..<Self.second, using: &random)
            let isLate = Int.random(in: 0..<4, using: &random) == 0
            let age: UInt64 = .random(in: 1...(isLate ? 20 * Self.second : Self.second / 2), using: &random)
            let intended = max(Self.start, end - min(age, end))
            chunk.records[chunk.count] = record(intended, end, &chunk, &random)
            chunk.count += 1
        }
        counters[worker].bytesReceived += .random(in: 0...100_000, using: &random)
        counters[worker].bytesSent += .random(in: 0...100_000, using: &random)
        counters[worker].journeysStarted += .random(in: 0...9, using: &random)
        counters[worker].inFlight = .random(in: 0...50, using: &random)
        // Now and then a worker sleeps through some seconds.
        let hasEnded = Int.random(in: 0..<5, using: &random) > 0
        collector.add(
            Handover(chunk: chunk, endedSecond: hasEnded ? second : nil, counters: counters[worker]), from: worker)
    }

    private func record(
        _ intended: UInt64, _ end: UInt64, _ chunk: inout RecordChunk, _ random: inout SeededRandom
    ) -> RequestRecord {
        let step: Int32 = .random(in: 0..<4, using: &random)
        func between() -> UInt64 { .random(in: intended...end, using: &random) }
        switch Int.random(in: 0..<4, using: &random) {
        case 0:
            return RequestRecord(
                intended: intended, pickedUp: 0, sent: 0, firstByte: 0, end: 0, step: step, outcome: .neverStarted,
                part: .wait)
        case 1:
            let times = [between(), between(), between(), between(), between()].sorted()
            chunk.details[chunk.detailCount] = RequestDetail(
                opened: times[0], resolved: times[1], connected: times[2], secured: 0, sentAll: times[3])
            chunk.detailCount += 1
            return RequestRecord(
                intended: intended, pickedUp: intended, sent: times[2], firstByte: times[4], end: end, step: step,
                outcome: OutcomeIndex.allCases.randomElement(using: &random)!,
                part: PartIndex.allCases.randomElement(using: &random)!, detail: UInt16(chunk.detailCount))
        default:
            let sent = between()
            return RequestRecord(
                intended: intended, pickedUp: sent, sent: sent, firstByte: end, end: end, step: step, outcome: .ok,
                part: .receive)
        }
    }
}

@Suite("Collector")
struct CollectorTests {
    private func json(_ slices: [Slice]) throws -> [String] {
        let encoder = JSONEncoder()
        encoder.outputFormatting = .sortedKeys
        return try slices.map { String(decoding: try encoder.encode($0), as: UTF8.self) }
    }

    @Test("what is put away comes back as if it had stayed", arguments: 1...2 as ClosedRange<UInt64>)
    func model(seed: UInt64) throws {
        var (stored, kept) = (Feed(SliceStore()), Feed(SliceStore(folders: [])))
        var (one, other) = (SeededRandom(seed: seed), SeededRandom(seed: seed))
        // Seconds that nobody takes for a while are put away as changed.
        let every = seed % 2 == 0 ? 1 : 9
        #expect(
            try json(stored.play(0..<40, random: &one, changesEvery: every))
                == json(kept.play(0..<40, random: &other, changesEvery: every)))
        #expect(stored.collector.secondsInMemory < 40 && kept.collector.secondsInMemory == 40)
        #expect((0..<40).contains { stored.collector.store.pieces(of: $0).count > 1 })
        #expect(stored.collector.scheduleLag == kept.collector.scheduleLag)
        let end = Feed.start + 41 * Feed.second + 5
        let (slices, expected) = (stored.collector.finish(end: end), kept.collector.finish(end: end))
        #expect(try json(slices) == json(expected))
        #expect(slices.count == 42)
        #expect(!stored.collector.scheduleLag.isEmpty)
        #expect(stored.collector.scheduleLag == kept.collector.scheduleLag)
        #expect(stored.collector.store.fault == nil && stored.collector.store.lostSeconds.isEmpty)
        #expect(stored.collector.accounting == kept.collector.accounting)
    }

    @Test("what is in memory does not grow with the length of the load")
    func constant() {
        var feed = Feed(SliceStore())
        var random = SeededRandom(seed: 5)
        _ = feed.play(0..<100, random: &random)
        // Late records come for the last 20 s, and a second is put away when there have been none for 3 ticks.
        #expect(feed.collector.secondsInMemory <= 25)
    }

    @Test("a file that can't be made leaves everything in memory, and says so")
    func noFile() {
        var feed = Feed(SliceStore(folders: ["/proc/no-such-folder"]))
        var random = SeededRandom(seed: 6)
        _ = feed.play(0..<20, random: &random)
        #expect(feed.collector.secondsInMemory == 20)
        #expect(
            feed.collector.store.fault
                == "making a temporary file in /proc/no-such-folder: No such file or directory")
    }

    @Test("a file that may not grow further leaves the rest in memory")
    func sizeLimit() {
        let store = SliceStore(sizeLimit: 5)
        #expect(store.append([1, 2, 3], to: 2) && store.append([4, 5], to: 0))
        #expect(!store.append([6], to: 2) && store.fault == "writing a temporary file: File too large")
        #expect(!store.append([], to: 2))
        #expect((0...3).map(store.pieces(of:)) == [[[4, 5]], [], [[1, 2, 3]], []])
        #expect(store.lostSeconds.isEmpty)
    }

    @Test("a disk that fills up leaves the rest in memory, and nothing is lost")
    func fullDisk() throws {
        var (full, kept) = (Feed(SliceStore()), Feed(SliceStore(folders: [])))
        var (one, other) = (SeededRandom(seed: 7), SeededRandom(seed: 7))
        _ = full.play(0..<20, random: &one)
        _ = kept.play(0..<20, random: &other)
        let file = dup(full.collector.store.descriptor)
        let device = open("/dev/full", O_RDWR | O_CLOEXEC)
        defer { for descriptor in [file, device] { close(descriptor) } }
        try #require(file >= 0 && device >= 0)
        dup2(device, full.collector.store.descriptor)
        for _ in 0..<5 {
            full.collector.settle(before: 30)
            full.collector.settleLate()
        }
        #expect(full.collector.store.fault == "writing a temporary file: No space left on device")
        #expect(full.collector.secondsInMemory > 0)
        dup2(file, full.collector.store.descriptor)
        let end = Feed.start + 20 * Feed.second
        #expect(try json(full.collector.finish(end: end)) == json(kept.collector.finish(end: end)))
        #expect(full.collector.store.lostSeconds.isEmpty)
    }

    @Test("a file that was cut short costs the seconds behind the cut, and they are told")
    func cutShort() throws {
        var feed = Feed(SliceStore())
        var random = SeededRandom(seed: 8)
        _ = feed.play(0..<20, random: &random)
        try #require(ftruncate(feed.collector.store.descriptor, 100) == 0)
        let slices = feed.collector.finish(end: Feed.start + 20 * Feed.second)
        #expect(slices.count == 21)
        #expect(!feed.collector.store.lostSeconds.isEmpty)
        #expect(feed.collector.store.loss == "reading a temporary file: it ends early")
    }

    @Test("bytes that are no piece of a second are no piece of a second")
    func malformed() {
        var recorder = SliceRecorder(Feed.layout)
        recorder.bytesSent = 300
        recorder.addNeverStarted(step: 2, age: 5_000_000, count: 3)
        recorder.addRefused(step: 1, sinceStartOfSecond: 17)
        var bytes: [UInt8] = []
        recorder.append(to: &bytes)
        #expect(recorder.adding(bytes)?.bytesSent == 600)
        for length in bytes.indices { #expect(recorder.adding(Array(bytes[..<length])) == nil) }
        #expect(recorder.adding(bytes + [0]) == nil)
        #expect(recorder.adding([UInt8](repeating: 0xff, count: bytes.count)) == nil)
        for position in bytes.indices {
            var damaged = bytes
            damaged[position] ^= 0x80
            // Whatever it is taken for, it does not trap.
            _ = recorder.adding(damaged)?.slice(0)
        }
    }
}
