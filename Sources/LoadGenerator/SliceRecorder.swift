// SPDX-License-Identifier: Apache-2.0

internal import Measurement

/// Counts the requests that were intended in one second.
///
/// Most requests go over a connection that was there, and they and their answers go and come at once. Of such a request
/// everything follows from two times: its wait is sent − intended, which is its schedule lag as well, and its first byte comes
/// after end − sent, which is its service time as well; nothing was looked up, made, pieced together. They are counted once, apart
/// from the others, and the distributions of their parts are put together when a slice is asked for. So the breakdown costs
/// nothing where nothing else happens.
struct SliceRecorder {
    /// The requests of one step with one outcome.
    struct Cell {
        let key: Int
        var responseTime = RecordingHistogram()
        /// end − sent of those that came at once, and of the others.
        var serviceTimeAtOnce = RecordingHistogram()
        var serviceTime = RecordingHistogram()
    }

    /// The requests to one target. `passed` and `ended` have a place for each ``PartIndex``.
    struct Target {
        /// sent − intended of those that came at once, and of the others.
        var lagAtOnce = RecordingHistogram()
        var lag = RecordingHistogram()
        var passed = [RecordingHistogram](repeating: .init(), count: PartIndex.allCases.count)
        var ended = [RecordingHistogram](repeating: .init(), count: PartIndex.allCases.count)
    }

    /// What every second of a run has in common.
    struct Layout {
        static let outcomes = OutcomeIndex.allCases.count
        let steps: Int
        /// Position in `targets` of each step's target.
        let targetOfStep: [Int]
        /// Names.
        let targets: [String]
    }

    let layout: Layout
    /// Position in `cells` of each step × outcomes + outcome; −1 for those that have not occurred. An array rather than a
    /// dictionary: modifying a dictionary's value in place allocates, and this happens for every request.
    ///
    /// Empty until something is counted, and again after ``pack()``: most seconds are past.
    private var positions: [Int32] = []
    var cells: [Cell] = []
    var targets: [Target]
    /// Picked up − intended where that is not sent − intended.
    var otherPickUpLag = RecordingHistogram()
    /// Requests that were not started, by step: when in the second they were intended. Their age is taken when it is asked for.
    var refused: [Int: RecordingHistogram] = [:]
    var ended = [UInt64](repeating: 0, count: Layout.outcomes)
    var inFlight = 0
    var bytesReceived: UInt64 = 0
    var bytesSent: UInt64 = 0
    var journeyStarts: UInt64 = 0
    /// Whether something was counted since ``pack()``.
    private(set) var isDirty = false

    init(_ layout: Layout) {
        self.layout = layout
        targets = Array(repeating: Target(), count: layout.targets.count)
    }

    // MARK: Counting

    /// Counts a request that has ended. `detail` is the one that the record says it has.
    @inline(__always)
    mutating func add(_ record: RequestRecord, _ detail: @autoclosure () -> RequestDetail) {
        isDirty = true
        let target = layout.targetOfStep[Int(record.step)]
        let cell = position(step: Int(record.step), record.outcome)
        cells[cell].responseTime.record(record.end &- record.intended)
        if record.isAtOnce {
            cells[cell].serviceTimeAtOnce.record(record.end &- record.sent)
            targets[target].lagAtOnce.record(record.sent &- record.intended)
            return
        }
        if record.sent != 0 {
            cells[cell].serviceTime.record(record.end &- record.sent)
            targets[target].lag.record(record.sent &- record.intended)
        }
        if record.pickedUp != 0 { otherPickUpLag.record(record.pickedUp &- record.intended) }
        addParts(record, record.detail == 0 ? RequestDetail(sentAll: record.sent) : detail(), target)
    }

    /// Counts requests that were not even tried, and have this age at the end of the run.
    mutating func addNeverStarted(step: Int, age: UInt64, count: UInt64) {
        isDirty = true
        let cell = position(step: step, .neverStarted)
        for _ in 0..<count {
            cells[cell].responseTime.record(age)
            targets[layout.targetOfStep[step]].ended[Int(PartIndex.wait.rawValue)].record(age)
        }
    }

    /// Counts a request that was not started, because there was no row for it.
    mutating func addRefused(step: Int, sinceStartOfSecond nanoseconds: UInt64) {
        isDirty = true
        refused[step, default: RecordingHistogram()].record(nanoseconds)
    }

    /// Goes through the parts of a request in their order. Each begins where the last one that was not left out has ended.
    private mutating func addParts(_ record: RequestRecord, _ detail: RequestDetail, _ target: Int) {
        var start = record.intended
        for part in Self.parts {
            let isLast = part == record.part
            let end =
                switch part {
                case _ where isLast: record.end
                case .wait: detail.opened != 0 ? detail.opened : record.sent
                case .dns: detail.resolved
                case .connect: detail.connected
                case .tls: detail.secured
                case .send: detail.sentAll
                case .firstByte: record.firstByte
                case .receive: record.end
                }
            if end == 0 { continue }
            let time = max(start, end) - start
            if isLast, part != .receive || !record.outcome.outcome.isCompleted {
                targets[target].ended[Int(part.rawValue)].record(time)
            } else {
                targets[target].passed[Int(part.rawValue)].record(time)
            }
            if isLast { return }
            start = max(start, end)
        }
    }

    private static let parts = PartIndex.allCases

    /// Position of a cell, which is made when it does not exist.
    @inline(__always)
    private mutating func position(step: Int, _ outcome: OutcomeIndex) -> Int {
        position(key: step * Layout.outcomes + Int(outcome.rawValue))
    }

    @inline(__always)
    mutating func position(key: Int) -> Int {
        if positions.isEmpty { findPositions() }
        if positions[key] < 0 {
            positions[key] = Int32(cells.count)
            cells.append(Cell(key: key))
        }
        return Int(positions[key])
    }

    private mutating func findPositions() {
        positions = Array(repeating: -1, count: layout.steps * Layout.outcomes)
        for (position, cell) in cells.enumerated() { positions[cell.key] = Int32(position) }
    }

    // MARK: Giving out

    /// Keeps what was counted in a small form. Counting may go on.
    mutating func pack() {
        isDirty = false
        positions = []
        for cell in cells.indices {
            cells[cell].responseTime.pack()
            cells[cell].serviceTimeAtOnce.pack()
            cells[cell].serviceTime.pack()
        }
        for target in targets.indices {
            targets[target].lagAtOnce.pack()
            targets[target].lag.pack()
            for part in Self.parts.indices {
                targets[target].passed[part].pack()
                targets[target].ended[part].pack()
            }
        }
        otherPickUpLag.pack()
        for step in refused.keys { refused[step]?.pack() }
    }

    /// Picked up − intended.
    var pickUpLag: LatencyHistogram {
        .merging([otherPickUpLag.snapshot()] + targets.map { $0.lagAtOnce.snapshot() })
    }

    /// The second as far as it is known.
    func slice(_ second: Int) -> Slice {
        let samples = cells.sorted { $0.key < $1.key }.map { cell in
            Sample(
                step: cell.key / Layout.outcomes, outcome: OutcomeIndex.allCases[cell.key % Layout.outcomes].outcome,
                responseTime: cell.responseTime.snapshot(),
                serviceTime: .merging([cell.serviceTimeAtOnce.snapshot(), cell.serviceTime.snapshot()]))
        }
        return Slice(
            second: second, samples: samples,
            scheduleLag: .merging(targets.flatMap { [$0.lagAtOnce.snapshot(), $0.lag.snapshot()] }),
            breakdown: targets.indices.map(breakdown).filter { !$0.isEmpty }, ended: OutcomeIndex.dictionary(ended),
            inFlight: inFlight, bytesReceived: bytesReceived, bytesSent: bytesSent, journeyStarts: journeyStarts)
    }

    private func breakdown(_ number: Int) -> Breakdown {
        let target = targets[number]
        var breakdown = Breakdown(target: layout.targets[number])
        for (index, part) in RequestPart.allCases.enumerated() {
            var passed = target.passed[index].snapshot()
            switch part {
            case .wait: passed.merge(target.lagAtOnce.snapshot())
            case .firstByte:
                for cell in cells where layout.targetOfStep[cell.key / Layout.outcomes] == number {
                    passed.merge(cell.serviceTimeAtOnce.snapshot())
                }
            case .send, .receive: passed.record(0, count: target.lagAtOnce.snapshot().count)
            case .dns, .connect, .tls: break
            }
            if !passed.isEmpty { breakdown.passed[part] = passed }
            let ended = target.ended[index].snapshot()
            if !ended.isEmpty { breakdown.ended[part] = ended }
        }
        return breakdown
    }
}
