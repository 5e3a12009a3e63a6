// SPDX-License-Identifier: Apache-2.0

internal import Glibc
internal import Measurement

/// A plan as the workers read it: plain data in an arena, every name a number, every request cut into segments of bytes.
///
/// Unchecked: immutable after `init`; all pointers lead into the arena, which it owns, and are only read.
final class CompiledPlan: @unchecked Sendable {
    let plan: Plan
    let steps: [StepInfo]
    /// The plan's request of each step, for words.
    let requestOfStep: [Plan.Request]
    let journeys: UnsafeBufferPointer<CompiledJourney>
    let requests: UnsafeBufferPointer<CompiledRequest>
    let tables: [CompiledTable]
    let targets: [ResolvedTarget]
    /// Class 0 is for connecting; then come the distinct timeouts of requests, and being idle, by target.
    let timeouts: [UInt64]
    let variableCount: Int
    /// End of the last source, in nanoseconds after the start.
    let loadNanoseconds: UInt64
    private let arena: Arena

    /// `targets` has the addresses of `plan.targets`, in the same order. The plan must be free of problems (``Plan/problems()``).
    init(_ plan: Plan, targets: [ResolvedTarget]) {
        self.plan = plan
        self.targets = targets
        let arena = Arena()
        var builder = RequestBuilder(plan: plan, arena: arena)
        var journeys: [CompiledJourney] = []
        var steps: [StepInfo] = []
        var requestOfStep: [Plan.Request] = []
        for journey in plan.journeys {
            var compiled: [CompiledStep] = []
            builder.beginJourney()
            var index = 0
            for step in journey.steps {
                switch step {
                case .think(let think): compiled.append(.think(CompiledThink(think)))
                case .request(let request):
                    compiled.append(.request(Int32(builder.add(request))))
                    steps.append(
                        StepInfo(
                            journey: journey.name, index: index, label: request.label,
                            target: plan.targets[request.target].name))
                    requestOfStep.append(request)
                    index += 1
                }
            }
            journeys.append(
                CompiledJourney(
                    steps: arena.store(compiled), userTable: Int32(journey.userTable ?? -1),
                    counters: UInt64(max(1, builder.countersOfJourney))))
        }
        self.journeys = arena.store(journeys)
        self.requests = arena.store(builder.requests)
        self.steps = steps
        self.requestOfStep = requestOfStep
        tables = plan.tables.map { CompiledTable($0, arena) }
        let idle = plan.connections.idleTimeout?.nanoseconds ?? UInt64(Int64.max)
        timeouts = builder.timeouts + plan.targets.map { _ in idle }
        variableCount = builder.variableCount
        loadNanoseconds = plan.sources.map { $0.startOffset.nanoseconds + $0.duration.nanoseconds }.max() ?? 0
        self.arena = arena
    }
}

extension CompiledPlan {
    /// Place of a target's idle connections among the timeouts.
    func idleClass(_ target: Int) -> Int32 { Int32(timeouts.count - targets.count + target) }

    var layout: SliceRecorder.Layout {
        SliceRecorder.Layout(
            steps: steps.count, targetOfStep: requestOfStep.map(\.target), targets: plan.targets.map(\.name))
    }
}

struct CompiledJourney: BitwiseCopyable {
    var steps: UnsafeBufferPointer<CompiledStep>
    /// −1 for none.
    var userTable: Int32
    /// How many numbers a session of this journey may draw from the counter, at least 1.
    var counters: UInt64
}

enum CompiledStep: BitwiseCopyable {
    /// Index into `CompiledPlan.requests`, which is also the step of the record.
    case request(Int32)
    case think(CompiledThink)
}

enum CompiledThink: BitwiseCopyable {
    case fixed(UInt64)
    case uniform(UInt64, UInt64)
    case exponential(Double)

    init(_ think: Plan.Think) {
        switch think {
        case .fixed(let duration): self = .fixed(duration.nanoseconds)
        case .uniform(let low, let high):
            self = .uniform(min(low.nanoseconds, high.nanoseconds), max(low.nanoseconds, high.nanoseconds))
        case .exponential(let mean): self = .exponential(Double(mean.nanoseconds))
        }
    }

    /// Nanoseconds to wait.
    func draw(_ random: inout SeededRandom) -> UInt64 {
        switch self {
        case .fixed(let nanoseconds): nanoseconds
        case .uniform(let low, let high): low + random.below(high - low + 1)
        case .exponential(let mean): UInt64(min(random.exponential() * mean, 1e18))
        }
    }
}

struct CompiledRequest: BitwiseCopyable {
    var target: Int32
    var expectsNoBody: Bool
    /// All bytes when the request has no holes; otherwise empty, and `segments` makes them.
    var literal: UnsafeRawBufferPointer
    var segments: UnsafeBufferPointer<CompiledSegment>
    var timeoutClass: Int32
    /// Variable of `when`; −1 for none.
    var whenVariable: Int32
    var statuses: UnsafeBufferPointer<Int16>
    var captures: UnsafeBufferPointer<CompiledCapture>
    var capturesFromBody: Bool
    var capturesFromHead: Bool

    func expects(_ status: Int16) -> Bool {
        statuses.isEmpty ? status < 400 : statuses.contains(status)
    }
}

struct CompiledCapture: BitwiseCopyable {
    enum Source: BitwiseCopyable {
        case json(UnsafeBufferPointer<JSONPathComponent>)
        /// Name in lower case.
        case header(UnsafeRawBufferPointer)
    }
    var variable: Int32
    var source: Source
    var required: Bool
}

/// A part of a request. Values in holes are escaped for the place where the hole is.
enum CompiledSegment: BitwiseCopyable {
    case literal(UnsafeRawBufferPointer)
    case variable(Int32, Escaping)
    case user(column: Int32, Escaping)
    case random(table: Int32, column: Int32, Escaping)
    case uuid
    /// Position among the counter uses of the journey.
    case counter(UInt64)
    case now
    case randomInteger(low: Int, span: UInt64)
    case randomText(length: Int, Escaping)
    /// Ten places that get the length of the body, which begins at the `bodyStart` further on.
    case contentLength
    case bodyStart
}

/// The rows of a table, and how one is drawn.
struct CompiledTable {
    let columns: Int
    let rows: Int
    private let cells: UnsafeBufferPointer<UnsafeRawBufferPointer>
    /// Alias table of the weights (Vose 1991): empty for a uniform draw.
    private let threshold: UnsafeBufferPointer<Double>
    private let alias: UnsafeBufferPointer<Int32>

    init(_ table: Plan.Table, _ arena: Arena) {
        columns = table.columns.count
        rows = table.rows.count
        cells = arena.store(table.rows.flatMap { row in row.map { arena.store(Array($0.utf8)) } })
        switch table.draw {
        case .uniform:
            threshold = arena.store([])
            alias = arena.store([])
        case .zipf(let exponent):
            let (thresholds, aliases) = Self.aliasTable((0..<table.rows.count).map { pow(Double($0 + 1), -exponent) })
            threshold = arena.store(thresholds)
            alias = arena.store(aliases)
        }
    }

    func cell(row: Int32, column: Int32) -> UnsafeRawBufferPointer { cells[Int(row) * columns + Int(column)] }

    func draw(_ random: inout SeededRandom) -> Int32 {
        let row = Int32(truncatingIfNeeded: random.below(UInt64(rows)))
        if threshold.isEmpty { return row }
        return random.unit() < threshold[Int(row)] ? row : alias[Int(row)]
    }

    private static func aliasTable(_ weights: [Double]) -> ([Double], [Int32]) {
        let sum = weights.reduce(0, +)
        var scaled = weights.map { $0 / sum * Double(weights.count) }
        var alias = (0..<weights.count).map(Int32.init)
        var small = scaled.indices.filter { scaled[$0] < 1 }
        var large = scaled.indices.filter { scaled[$0] >= 1 }
        while let low = small.popLast(), let high = large.last {
            alias[low] = Int32(high)
            scaled[high] -= 1 - scaled[low]
            if scaled[high] < 1 {
                large.removeLast()
                small.append(high)
            }
        }
        return (scaled, alias)
    }
}
