// SPDX-License-Identifier: Apache-2.0

/// Gives the sessions of a source their rows of feeders, so that each follows from the session's number: a worker that plays
/// every fourth session of an open source counts the uses of the others as well.
struct RowCounter {
    private let source: Int
    private let isClosed: Bool
    private let workers: UInt64
    private let feeders: Int
    /// Whether some journeys of the source use feeders that others don't, so that uses have to be counted.
    private let isMixed: Bool
    /// Uses so far: by feeder in an open source, by this worker's user and by feeder in a closed one.
    private var uses: [UInt64]
    /// The sessions below this number are in `uses`; for open sources.
    private var counted: UInt64 = 0

    init(_ compiled: CompiledPlan, source: Int, users: Int) {
        let plan = compiled.plan
        self.source = source
        isClosed = plan.sources[source].rate.isClosed
        workers = UInt64(plan.workers)
        feeders = plan.feeders.count
        let used = plan.sources[source].journeys.map { Array(compiled.journeys[$0.journey].feeders) }
        isMixed = Set(used).count > 1
        uses = feeders == 0 ? [] : Array(repeating: 0, count: feeders * (isClosed ? max(1, users) : 1))
    }

    /// Puts a row of each feeder that the session's journey uses into `rows`; returns a feeder that has none left, or nil.
    ///
    /// - Parameter drawJourney: The journey that a session's random numbers choose first.
    mutating func take(
        _ session: UnsafeMutablePointer<Session>, _ plan: CompiledPlan, users: UInt64,
        drawJourney: (inout SeededRandom) -> Int32
    ) -> Int32? {
        guard feeders > 0, let rows = session.pointee.rows else { return nil }
        let number = session.pointee.number
        if !isClosed, isMixed {
            while counted < number {
                var random = SeededRandom(seed: plan.plan.seed, stream: UInt64(source), number: counted)
                for feeder in plan.journeys[Int(drawJourney(&random))].feeders { uses[Int(feeder)] += 1 }
                counted += 1
            }
        }
        for index in plan.journeys[Int(session.pointee.journey)].feeders {
            let feeder = plan.feeders[Int(index)]
            let row: Int32?
            switch (feeder.order, isClosed ? feeder.scope : .iteration) {
            case (_, .user) where rows[Int(index)] >= 0: continue
            case (.random, .iteration): row = feeder.draw(&session.pointee.random)
            case (.random, .user):
                var random = SeededRandom(
                    seed: plan.plan.seed, stream: 1 << 33 + UInt64(source) << 16 + UInt64(index), number: number % users
                )
                row = feeder.draw(&random)
            case (_, .user): row = feeder.row(ofUse: number % users, source: source)
            case (_, .iteration):
                row = feeder.row(ofUse: use(of: Int(index), number, users), source: source)
            }
            guard let row else { return index }
            rows[Int(index)] = row
        }
        return nil
    }

    private mutating func use(of feeder: Int, _ number: UInt64, _ users: UInt64) -> UInt64 {
        if !isClosed { return isMixed ? uses[feeder] : number }
        let user = number % users
        let place = Int(user / workers) * feeders + feeder
        defer { uses[place] += 1 }
        return uses[place] &* users &+ user
    }
}
