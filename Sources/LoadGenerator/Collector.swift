// SPDX-License-Identifier: Apache-2.0

internal import Measurement

/// Turns the workers' records into slices. Runs on a thread of its own, so that no worker ever stops to count.
///
/// A slice holds the requests *intended* in its second, however late they end, so slices stay open; the histograms of a second that
/// is some way past are kept in their sparse form, and late records are merged into it. A second in which nothing has been counted
/// for a while goes to the ``SliceStore``. What comes for it yet is counted anew, put away in turn as another piece, and the pieces
/// are added up when the slice is asked for: so what is in memory does not grow with the length of the run.
struct Collector {
    private static let second: UInt64 = 1_000_000_000
    /// How many times ``settleLate()`` must have found nothing new in a second for it to be put away. Every 10 s it looks, so this
    /// is about half a minute, the time after which most requests that are still under way have timed out: few seconds come to
    /// have more than one piece, and the thirty to forty that are in memory take less than half a megabyte.
    private static let quietRounds = 3

    /// What is in memory of a second.
    private struct Open {
        let second: Int
        var recorder: SliceRecorder
        /// Times that ``settleLate()`` has found nothing new in it, one after the other.
        var quietRounds = 0
    }

    /// What is kept of each second throughout.
    private struct Second {
        /// Position in `open`; −1 for one without anything in memory.
        var place: Int32 = -1
        /// Whether something was counted in it since it was last taken as changed.
        var isChanged = false
    }

    private let start: UInt64
    private let warmup: UInt64
    private let layout: SliceRecorder.Layout
    private var seconds: [Second] = []
    private var open: [Open] = []
    let store: SliceStore
    /// Picked up − intended, over the measured time, of what is no longer in `open`.
    private var closedPickUpLag = LatencyHistogram()
    private var refusedCount: UInt64 = 0
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

    init(start: UInt64, warmup: UInt64, workers: Int, layout: SliceRecorder.Layout, store: SliceStore = SliceStore()) {
        self.start = start
        self.layout = layout
        self.warmup = warmup
        self.store = store
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
        let place = place(of: now)
        open[place].recorder.bytesReceived += handover.counters.bytesReceived - before.bytesReceived
        open[place].recorder.bytesSent += handover.counters.bytesSent - before.bytesSent
        open[place].recorder.journeyStarts += handover.counters.journeysStarted - before.journeysStarted
        if let ended = handover.endedSecond {
            open[place].recorder.inFlight += handover.counters.inFlight
            // Seconds that the worker slept through had this many in flight, too.
            for missed in (endedSeconds[worker] + 1)..<max(ended, endedSeconds[worker] + 1) {
                open[self.place(of: missed)].recorder.inFlight += before.inFlight
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
            open[place(of: number)].recorder.addRefused(
                step: Int(record.step), sinceStartOfSecond: intended % Self.second)
            refusedCount += 1
            seconds[number].isChanged = true
            return
        }
        lastEnd = max(lastEnd, record.end)
        // The detail is there when the record says so: the worker wrote both.
        open[place(of: number)].recorder.add(record, details[Int(record.detail) - 1])
        seconds[number].isChanged = true
        let ended = Int((record.end &- start) / Self.second)
        open[place(of: ended)].recorder.ended[Int(record.outcome.rawValue)] += 1
        seconds[ended].isChanged = true
    }

    private mutating func touch(_ second: Int) {
        while seconds.count <= second { seconds.append(Second()) }
    }

    /// Position in `open` of a second, whose recorder is made when it has none.
    @inline(__always)
    private mutating func place(of second: Int) -> Int {
        if second >= seconds.count || seconds[second].place < 0 { makeRecorder(second) }
        return Int(seconds[second].place)
    }

    private mutating func makeRecorder(_ second: Int) {
        touch(second)
        seconds[second].place = Int32(open.count)
        open.append(Open(second: second, recorder: SliceRecorder(layout)))
    }

    // MARK: Giving out

    /// Whether every worker has handed over this second.
    func isComplete(_ second: Int) -> Bool { endedSeconds.allSatisfy { $0 >= second } || !reports.isEmpty }

    /// For tests: seconds of which something is in memory.
    var secondsInMemory: Int { open.count }

    var inFlight: Int { counters.reduce(0) { $0 + $1.inFlight } }

    /// The second as far as it is known.
    func slice(_ number: Int) -> Slice {
        number < seconds.count ? recorder(number).slice(number) : Slice(second: number)
    }

    /// Everything that was counted in a second, put away or not.
    private func recorder(_ number: Int) -> SliceRecorder {
        let place = Int(seconds[number].place)
        var whole = place < 0 ? SliceRecorder(layout) : open[place].recorder
        for piece in store.pieces(of: number) {
            if let sum = whole.adding(piece) {
                whole = sum
            } else {
                store.lose(number, "a temporary file holds something else than was written")
            }
        }
        return whole
    }

    /// The seconds up to this one that have changed since the last call, as far as they are known. Requests that were not
    /// started are in them, at their age `now` (CLOCK_MONOTONIC).
    mutating func takeChanged(through last: Int, now: UInt64) -> [Slice] {
        let changed = seconds.indices.filter { $0 <= last && seconds[$0].isChanged }
        for number in changed { seconds[number].isChanged = false }
        return changed.map { number in
            let recorder = recorder(number)
            var slice = recorder.slice(number)
            for (step, intended) in recorder.refused.sorted(by: { $0.key < $1.key }) {
                var ages = LatencyHistogram()
                for bucket in intended.snapshot().buckets {
                    ages.record(age(of: bucket, in: number, at: now), count: bucket.count)
                }
                slice.samples.append(
                    Sample(step: step, outcome: .neverStarted, responseTime: ages, serviceTime: .init()))
            }
            return slice
        }
    }

    /// How long ago, at an instant of CLOCK_MONOTONIC, those requests were intended that lie in a bucket of a second.
    private func age(of bucket: LatencyHistogram.Bucket, in second: Int, at now: UInt64) -> UInt64 {
        (now &- start) &- min(UInt64(second) * Self.second + bucket.range.lowerBound, now &- start)
    }

    /// Packs the seconds before this one.
    mutating func settle(before second: Int) {
        for number in settledUpTo..<max(settledUpTo, min(second, seconds.count)) where seconds[number].place >= 0 {
            open[Int(seconds[number].place)].recorder.pack()
        }
        settledUpTo = max(settledUpTo, second)
    }

    /// Late records unpack a settled second; packing it now and then keeps memory bounded. Seconds in which this has found nothing
    /// new for a while are put away.
    mutating func settleLate() {
        // Backwards, because closing one moves the last to its place.
        for place in open.indices.reversed() where open[place].second < settledUpTo {
            if open[place].recorder.isDirty {
                open[place].recorder.pack()
                open[place].quietRounds = 0
                continue
            }
            open[place].quietRounds += 1
            if open[place].quietRounds >= Self.quietRounds { putAway(place) }
        }
    }

    private mutating func putAway(_ place: Int) {
        var bytes: [UInt8] = []
        open[place].recorder.append(to: &bytes)
        if store.append(bytes, to: open[place].second) { close(place) }
    }

    /// Removes what is in memory of a second, but for its part in the schedule lag.
    private mutating func close(_ place: Int) {
        let closed = open[place]
        if isMeasured(closed.second) { closedPickUpLag.merge(closed.recorder.pickUpLag) }
        seconds[closed.second].place = -1
        let last = open.removeLast()
        if place < open.count {
            open[place] = last
            seconds[last.second].place = Int32(place)
        }
    }

    /// All slices, refused requests included with their age at `end` (CLOCK_MONOTONIC). To be called once: each second leaves memory
    /// as it is made a slice.
    mutating func finish(end: UInt64) -> [Slice] {
        let last = Int((end &- start) / Self.second)
        if refusedCount > 0 { touch(last) }
        var slices: [Slice] = []
        slices.reserveCapacity(seconds.count)
        for number in seconds.indices {
            var whole = recorder(number)
            if seconds[number].place >= 0 { close(Int(seconds[number].place)) }
            for (step, intended) in whole.refused {
                for bucket in intended.snapshot().buckets {
                    whole.addNeverStarted(step: step, age: age(of: bucket, in: number, at: end), count: bucket.count)
                }
            }
            slices.append(whole.slice(number))
        }
        if refusedCount > 0 { slices[last].ended[.neverStarted, default: 0] += refusedCount }
        return slices
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
        .merging([closedPickUpLag] + open.lazy.filter { isMeasured($0.second) }.map { $0.recorder.pickUpLag })
    }

    private func isMeasured(_ second: Int) -> Bool { UInt64(second) * Self.second >= warmup }
}
