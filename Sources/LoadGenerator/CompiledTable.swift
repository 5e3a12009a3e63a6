// SPDX-License-Identifier: Apache-2.0

internal import Glibc

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

/// How rows of a feeder's table are dealt out.
struct CompiledFeeder {
    let table: Int32
    let order: Plan.Feeder.Order
    let scope: Plan.Feeder.Scope
    private let rows: UInt64
    /// Rows in their shuffled order; empty for other orders.
    private let shuffled: [Int32]
    /// For each source, its place among those that use the feeder; nil for the others.
    private let placeOfSource: [UInt64?]
    private let sourceCount: UInt64

    init(_ plan: Plan, _ index: Int) {
        let feeder = plan.feeders[index]
        table = Int32(feeder.table)
        order = feeder.order
        scope = feeder.scope
        let count = plan.tables[feeder.table].rows.count
        rows = UInt64(count)
        var shuffled: [Int32] = []
        if case .shuffle = feeder.order {
            var random = SeededRandom(seed: plan.seed, stream: 1 << 34, number: UInt64(index))
            shuffled = Array(0..<Int32(count)).shuffled(using: &random)
        }
        self.shuffled = shuffled
        var uses: UInt64 = 0
        placeOfSource = plan.sources.map { source in
            guard source.journeys.contains(where: { plan.feeders(of: plan.journeys[$0.journey]).contains(index) })
            else {
                return nil
            }
            defer { uses += 1 }
            return uses
        }
        sourceCount = max(1, uses)
    }

    /// The row of the n-th use in a source, counted from 0; nil when the rows are used up. Not for a random order.
    func row(ofUse use: UInt64, source: Int) -> Int32? {
        let (scaled, overflow) = use.multipliedReportingOverflow(by: sourceCount)
        let number = overflow ? .max : scaled &+ (placeOfSource[source] ?? 0)
        switch order {
        case .circular: return Int32(number % rows)
        case .queue: return number < rows ? Int32(number) : nil
        case .shuffle: return number < rows ? shuffled[Int(number)] : nil
        case .random: return nil
        }
    }

    func draw(_ random: inout SeededRandom) -> Int32 { Int32(random.below(rows)) }
}

extension Plan {
    /// Indices of the feeders that a journey has rows of.
    func feeders(of journey: Journey) -> [Int] {
        var found: Set<Int> = []
        func visit(_ segments: [Template.Segment]) {
            for segment in segments {
                switch segment {
                case .feeder(let index, _): found.insert(index)
                case .base64(let inner): visit(inner)
                default: break
                }
            }
        }
        for template in journey.templates { visit(template.segments) }
        return found.sorted()
    }
}
