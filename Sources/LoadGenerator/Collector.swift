// SPDX-License-Identifier: Apache-2.0

internal import Measurement

/// Turns the workers' records into slices. Runs on a thread of its own, so that no worker ever stops to count.
///
/// A slice holds the requests *intended* in its second, however late they end, so slices stay open; the histograms of a second that
/// is some way past are kept in their sparse form, and late records are merged into it.
struct Collector {
    /// The requests of one step with one outcome, intended in one second.
    private struct Cell {
        var responseTime = RecordingHistogram()
        var serviceTime = RecordingHistogram()
        var settled: Sample?

        func sample(step: Int, outcome: Outcome) -> Sample {
            var sample = Sample(
                step: step, outcome: outcome, responseTime: responseTime.snapshot(), serviceTime: serviceTime.snapshot()
            )
            if let settled {
                sample.responseTime.merge(settled.responseTime)
                sample.serviceTime.merge(settled.serviceTime)
            }
            return sample
        }
    }

    private struct Second {
        /// Position in `cells` of each step × outcomes + outcome; −1 for those that have not occurred. An array rather than a
        /// dictionary: modifying a dictionary's value in place allocates, and this happens for every request.
        var positions: [Int16]
        var cells: [(key: Int, cell: Cell)] = []
        var lag = RecordingHistogram()
        var ended = [UInt64](repeating: 0, count: OutcomeIndex.allCases.count)
        var inFlight = 0
        var bytesReceived: UInt64 = 0
        var bytesSent: UInt64 = 0
        var isDirty = false

        init(keys: Int) { positions = Array(repeating: -1, count: keys) }

        /// Position of the cell with this key, which is made when it does not exist.
        mutating func position(of key: Int) -> Int {
            if positions[key] < 0 {
                positions[key] = Int16(cells.count)
                cells.append((key, Cell()))
            }
            return Int(positions[key])
        }
    }

    private static let outcomes = OutcomeIndex.allCases.count
    private static let second: UInt64 = 1_000_000_000

    private let start: UInt64
    private let warmup: UInt64
    private let keys: Int
    private var seconds: [Second] = []
    /// Requests that were not started: (step, intended). Their age is taken at the end.
    private var refused: [Int: RecordingHistogram] = [:]
    private var settledUpTo = 0
    private var byOutcome = [UInt64](repeating: 0, count: outcomes)
    private var counters: [WorkerCounters]
    /// End of the last second that each worker has handed over.
    private var endedSeconds: [Int]
    private(set) var reports: [WorkerReport] = []
    /// Picked up − intended, over the measured time.
    private var pickUpLag = RecordingHistogram()
    private(set) var stalls = LatencyHistogram()
    private(set) var lastEnd: UInt64 = 0

    init(start: UInt64, warmup: UInt64, workers: Int, steps: Int) {
        self.start = start
        keys = steps * Self.outcomes
        self.warmup = warmup
        counters = Array(repeating: WorkerCounters(), count: workers)
        endedSeconds = Array(repeating: -1, count: workers)
    }

    // MARK: Taking in

    /// Adds what a worker handed over. The chunk may be used again afterwards.
    mutating func add(_ handover: Handover, from worker: Int) {
        for position in 0..<handover.chunk.count { add(handover.chunk.records[position]) }
        let before = counters[worker]
        counters[worker] = handover.counters
        let now = handover.endedSecond ?? max(0, endedSeconds[worker] + 1)
        touch(now)
        seconds[now].bytesReceived += handover.counters.bytesReceived - before.bytesReceived
        seconds[now].bytesSent += handover.counters.bytesSent - before.bytesSent
        if let ended = handover.endedSecond {
            seconds[ended].inFlight += handover.counters.inFlight
            // Seconds that the worker slept through had this many in flight, too.
            for missed in (endedSeconds[worker] + 1)..<max(ended, endedSeconds[worker] + 1) {
                seconds[missed].inFlight += before.inFlight
            }
            endedSeconds[worker] = ended
        }
        if UInt64(now) * Self.second >= warmup { stalls.merge(handover.stalls) }
        if let report = handover.report { reports.append(report) }
    }

    private mutating func add(_ record: RequestRecord) {
        byOutcome[Int(record.outcome.rawValue)] += 1
        let intended = record.intended &- start
        let number = Int(intended / Self.second)
        if record.end == 0 {
            // The age is known at the end of the run: keep when it was intended, to 0.1 %.
            refused[Int(record.step), default: RecordingHistogram()].record(intended)
            return
        }
        lastEnd = max(lastEnd, record.end)
        touch(number)
        let position = seconds[number].position(of: Int(record.step) * Self.outcomes + Int(record.outcome.rawValue))
        seconds[number].cells[position].cell.responseTime.record(record.end &- record.intended)
        seconds[number].isDirty = true
        if record.sent != 0 {
            seconds[number].cells[position].cell.serviceTime.record(record.end &- record.sent)
            seconds[number].lag.record(record.sent &- record.intended)
        }
        if record.pickedUp != 0, intended >= warmup { pickUpLag.record(record.pickedUp &- record.intended) }
        let ended = Int((record.end &- start) / Self.second)
        touch(ended)
        seconds[ended].ended[Int(record.outcome.rawValue)] += 1
    }

    private mutating func touch(_ second: Int) {
        while seconds.count <= second { seconds.append(Second(keys: keys)) }
    }

    // MARK: Giving out

    /// Whether every worker has handed over this second.
    func isComplete(_ second: Int) -> Bool { endedSeconds.allSatisfy { $0 >= second } || !reports.isEmpty }

    var inFlight: Int { counters.reduce(0) { $0 + $1.inFlight } }

    /// The second as far as it is known.
    func slice(_ number: Int) -> Slice {
        guard number < seconds.count else { return Slice(second: number) }
        let second = seconds[number]
        let samples = second.cells.sorted { $0.key < $1.key }.map { key, cell in
            cell.sample(step: key / Self.outcomes, outcome: OutcomeIndex.allCases[key % Self.outcomes].outcome)
        }
        return Slice(
            second: number, samples: samples, scheduleLag: second.lag.snapshot(), ended: Self.counts(second.ended),
            inFlight: second.inFlight, bytesReceived: second.bytesReceived, bytesSent: second.bytesSent)
    }

    /// Stores the histograms of seconds before this one in their sparse form.
    mutating func settle(before second: Int) {
        for number in settledUpTo..<max(settledUpTo, min(second, seconds.count)) { settle(number) }
        settledUpTo = max(settledUpTo, second)
    }

    /// Late records open a settled second again; closing it now and then keeps memory bounded.
    mutating func settleLate() {
        for number in 0..<min(settledUpTo, seconds.count) where seconds[number].isDirty { settle(number) }
    }

    private mutating func settle(_ number: Int) {
        seconds[number].isDirty = false
        for position in seconds[number].cells.indices {
            let (key, cell) = seconds[number].cells[position]
            let outcome = OutcomeIndex.allCases[key % Self.outcomes].outcome
            seconds[number].cells[position].cell = Cell(
                settled: cell.sample(step: key / Self.outcomes, outcome: outcome))
        }
    }

    /// All slices, refused requests included with their age at `end` (CLOCK_MONOTONIC).
    mutating func finish(end: UInt64) -> [Slice] {
        for (step, intended) in refused {
            for bucket in intended.snapshot().buckets {
                let number = Int(bucket.range.lowerBound / Self.second)
                touch(number)
                let position = seconds[number].position(
                    of: step * Self.outcomes + Int(OutcomeIndex.neverStarted.rawValue))
                let age = (end &- start) &- min(bucket.range.lowerBound, end &- start)
                for _ in 0..<bucket.count {
                    seconds[number].cells[position].cell.responseTime.record(age)
                }
                let last = Int((end &- start) / Self.second)
                touch(last)
                seconds[last].ended[Int(OutcomeIndex.neverStarted.rawValue)] += bucket.count
            }
        }
        refused = [:]
        return seconds.indices.map(slice)
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
        accounting.byOutcome = Self.counts(byOutcome)
        return accounting
    }

    var scheduleLag: LatencyHistogram { pickUpLag.snapshot() }

    private static func counts(_ counts: [UInt64]) -> [Outcome: UInt64] {
        var dictionary: [Outcome: UInt64] = [:]
        for (index, count) in zip(OutcomeIndex.allCases, counts) where count > 0 { dictionary[index.outcome] = count }
        return dictionary
    }
}
