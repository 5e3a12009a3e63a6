// SPDX-License-Identifier: Apache-2.0

internal import Measurement

/// Turns the workers' records into slices. Runs on a thread of its own, so that no worker ever stops to count.
///
/// A slice holds the requests *intended* in its second, however late they end, so slices stay open; the histograms of a second that
/// is some way past are kept in their sparse form, and late records are merged into it.
struct Collector {
    private static let second: UInt64 = 1_000_000_000

    private struct Refused: Hashable {
        var step: Int32
        var second: Int
    }

    private let start: UInt64
    private let warmup: UInt64
    private let layout: SliceRecorder.Layout
    private var seconds: [SliceRecorder] = []
    /// Requests that were not started, by when in their second they were intended. Their age is taken at the end.
    private var refused: [Refused: RecordingHistogram] = [:]
    private var settledUpTo = 0
    private var byOutcome = [UInt64](repeating: 0, count: SliceRecorder.Layout.outcomes)
    private var counters: [WorkerCounters]
    /// End of the last second that each worker has handed over.
    private var endedSeconds: [Int]
    private(set) var reports: [WorkerReport] = []
    /// Nanoseconds of the measured time in which each worker's loop was not waiting.
    private(set) var busy: [UInt64]
    private(set) var stalls = LatencyHistogram()
    private(set) var canary = LatencyHistogram()
    private(set) var lastEnd: UInt64 = 0

    init(start: UInt64, warmup: UInt64, workers: Int, layout: SliceRecorder.Layout) {
        self.start = start
        self.layout = layout
        self.warmup = warmup
        counters = Array(repeating: WorkerCounters(), count: workers)
        endedSeconds = Array(repeating: -1, count: workers)
        busy = Array(repeating: 0, count: workers)
    }

    // MARK: Taking in

    /// Adds what a worker handed over. The chunk may be used again afterwards.
    mutating func add(_ handover: Handover, from worker: Int) {
        let chunk = handover.chunk
        for position in 0..<chunk.count { add(chunk.records[position], chunk.details) }
        let before = counters[worker]
        counters[worker] = handover.counters
        let now = handover.endedSecond ?? max(0, endedSeconds[worker] + 1)
        touch(now)
        seconds[now].bytesReceived += handover.counters.bytesReceived - before.bytesReceived
        seconds[now].bytesSent += handover.counters.bytesSent - before.bytesSent
        seconds[now].journeyStarts += handover.counters.journeysStarted - before.journeysStarted
        if let ended = handover.endedSecond {
            seconds[ended].inFlight += handover.counters.inFlight
            // Seconds that the worker slept through had this many in flight, too.
            for missed in (endedSeconds[worker] + 1)..<max(ended, endedSeconds[worker] + 1) {
                seconds[missed].inFlight += before.inFlight
            }
            endedSeconds[worker] = ended
        }
        if UInt64(now) * Self.second >= warmup {
            busy[worker] += handover.counters.busy - before.busy
            stalls.merge(handover.stalls)
            canary.merge(handover.canary)
        }
        if let report = handover.report { reports.append(report) }
    }

    private mutating func add(_ record: RequestRecord, _ details: UnsafeMutablePointer<RequestDetail>) {
        byOutcome[Int(record.outcome.rawValue)] += 1
        let intended = record.intended &- start
        let number = Int(intended / Self.second)
        if record.end == 0 {
            refused[Refused(step: record.step, second: number), default: RecordingHistogram()]
                .record(intended % Self.second)
            touch(number)
            seconds[number].isChanged = true
            return
        }
        lastEnd = max(lastEnd, record.end)
        touch(number)
        // The detail is there when the record says so: the worker wrote both.
        seconds[number].add(record, details[Int(record.detail) - 1])
        let ended = Int((record.end &- start) / Self.second)
        touch(ended)
        seconds[ended].ended[Int(record.outcome.rawValue)] += 1
        seconds[ended].isChanged = true
    }

    private mutating func touch(_ second: Int) {
        while seconds.count <= second { seconds.append(SliceRecorder(layout)) }
    }

    // MARK: Giving out

    /// Whether every worker has handed over this second.
    func isComplete(_ second: Int) -> Bool { endedSeconds.allSatisfy { $0 >= second } || !reports.isEmpty }

    var inFlight: Int { counters.reduce(0) { $0 + $1.inFlight } }

    /// The second as far as it is known.
    func slice(_ number: Int) -> Slice {
        number < seconds.count ? seconds[number].slice(number) : Slice(second: number)
    }

    /// The seconds up to this one that have changed since the last call, as far as they are known. Requests that were not
    /// started are in them, at their age `now` (CLOCK_MONOTONIC).
    mutating func takeChanged(through last: Int, now: UInt64) -> [Slice] {
        let changed = seconds.indices.filter { $0 <= last && seconds[$0].isChanged }
        var slices = changed.map { seconds[$0].slice($0) }
        for number in changed { seconds[number].isChanged = false }
        for (key, intended) in refused {
            guard let position = slices.firstIndex(where: { $0.second == key.second }) else { continue }
            var ages = LatencyHistogram()
            for bucket in intended.snapshot().buckets {
                let instant = UInt64(key.second) * Self.second + bucket.range.lowerBound
                ages.record((now &- start) &- min(instant, now &- start), count: bucket.count)
            }
            slices[position].samples.append(
                Sample(step: Int(key.step), outcome: .neverStarted, responseTime: ages, serviceTime: .init()))
        }
        return slices
    }

    /// Packs the seconds before this one.
    mutating func settle(before second: Int) {
        for number in settledUpTo..<max(settledUpTo, min(second, seconds.count)) { seconds[number].pack() }
        settledUpTo = max(settledUpTo, second)
    }

    /// Late records unpack a settled second; packing it now and then keeps memory bounded.
    mutating func settleLate() {
        for number in 0..<min(settledUpTo, seconds.count) where seconds[number].isDirty { seconds[number].pack() }
    }

    /// All slices, refused requests included with their age at `end` (CLOCK_MONOTONIC).
    mutating func finish(end: UInt64) -> [Slice] {
        let last = Int((end &- start) / Self.second)
        for (key, intended) in refused {
            touch(max(key.second, last))
            for bucket in intended.snapshot().buckets {
                let instant = UInt64(key.second) * Self.second + bucket.range.lowerBound
                let age = (end &- start) &- min(instant, end &- start)
                seconds[key.second].addNeverStarted(step: Int(key.step), age: age, count: bucket.count)
                seconds[last].ended[Int(OutcomeIndex.neverStarted.rawValue)] += bucket.count
            }
        }
        refused = [:]
        return seconds.indices.map { seconds[$0].slice($0) }
    }

    /// Arrivals of open sources, those of them that were missed, and requests that were held back.
    var arrivals: GeneratorHealth.ArrivalCount {
        counters.reduce(into: GeneratorHealth.ArrivalCount()) { sum, worker in
            sum.due += worker.arrivals
            sum.missed += worker.missedArrivals
            sum.heldBack += worker.heldBack
        }
    }

    /// Totals over all workers.
    var accounting: Accounting {
        var accounting = Accounting()
        for worker in counters {
            accounting.scheduled += worker.scheduled
            accounting.journeysStarted += worker.journeysStarted
            accounting.journeysFinished += worker.journeysFinished
            accounting.connectionsOpened += worker.connectionsOpened
            accounting.tlsHandshakes += worker.tlsHandshakes
            accounting.tlsResumed += worker.tlsResumed
        }
        accounting.byOutcome = OutcomeIndex.dictionary(byOutcome)
        return accounting
    }

    /// Picked up − intended, over the measured time.
    var scheduleLag: LatencyHistogram {
        let measured = seconds.indices.filter { UInt64($0) * Self.second >= warmup }
        return .merging(measured.lazy.map { seconds[$0].pickUpLag })
    }
}
