// SPDX-License-Identifier: Apache-2.0

/// The expected number of arrivals up to a time, and its inverse, for a rate made of straight lines.
///
/// With a rate r(t) = r₀ + a·t within a piece, the expected count is s = r₀·t + a·t²/2, and its inverse in the form that is
/// stable for a → 0 is t = 2s / (r₀ + √(r₀² + 2as)).
struct RateIntegral: Sendable {
    private struct Piece {
        var start: Double
        var countBefore: Double
        var rate: Double
        var slope: Double
        var length: Double
        var count: Double { rate * length + slope * length * length / 2 }
    }

    private var pieces: [Piece] = []
    /// Expected number of arrivals over the whole duration.
    private(set) var total = 0.0

    init(_ rate: Plan.Source.Rate, duration: Duration) {
        let end = Double(duration.nanoseconds) / 1e9
        switch rate {
        case .constant(let perSecond):
            append(length: end, from: perSecond, to: perSecond, end: end)
        case .ramping(let start, let stages):
            var from = start
            for stage in stages {
                append(length: Double(stage.duration.nanoseconds) / 1e9, from: from, to: stage.target, end: end)
                from = stage.target
            }
            // A duration beyond the last stage keeps its rate.
            append(length: end, from: from, to: from, end: end)
        case .closed, .rampingUsers:
            break
        }
    }

    private mutating func append(length: Double, from: Double, to: Double, end: Double) {
        let start = pieces.last.map { $0.start + $0.length } ?? 0
        let played = min(length, end - start)
        guard played > 0 else { return }
        let slope = (to - from) / length
        pieces.append(Piece(start: start, countBefore: total, rate: from, slope: slope, length: played))
        total += pieces[pieces.count - 1].count
    }

    /// When the expected count reaches `count`, in seconds; nil when it never does.
    func time(ofCount count: Double) -> Double? {
        // The total of a ramp may come out some units in the last place above a whole number: no arrival is due for those.
        guard count < total * (1 - 0x1p-48) else { return nil }
        guard let piece = pieces.first(where: { count < $0.countBefore + $0.count }) else { return nil }
        let within = max(0, count - piece.countBefore)
        if within == 0 { return piece.start }
        let root = max(0, piece.rate * piece.rate + 2 * piece.slope * within).squareRoot()
        return piece.start + min(piece.length, 2 * within / (piece.rate + root))
    }

    /// Expected number of arrivals until `seconds`.
    func count(atTime seconds: Double) -> Double {
        guard let piece = pieces.last(where: { $0.start <= seconds }) else { return 0 }
        let within = min(seconds - piece.start, piece.length)
        return piece.countBefore + piece.rate * within + piece.slope * within * within / 2
    }
}

/// The intended times of an open source's arrivals, in order.
///
/// Arrival k of a uniform source comes when the expected count reaches k, in closed form: no sum of sleeps can drift. Arrival k of
/// a Poisson source comes when it reaches the sum of k + 1 exponential gaps of mean 1, and gap k follows from the seed and k
/// (an inhomogeneous Poisson process by time change). Workers take every W-th arrival of the same schedule.
struct ArrivalSchedule: Sendable {
    struct Arrival: Equatable {
        /// Counted from 0 over all workers.
        var number: UInt64
        /// After the start of the load.
        var nanoseconds: UInt64
    }

    private let integral: RateIntegral
    private let isPoisson: Bool
    private let seed: UInt64
    private let stream: UInt64
    private let offset: UInt64
    private let worker: UInt64
    private let workers: UInt64
    private var next: UInt64 = 0
    private var gapSum = 0.0

    /// `stream` keeps the gaps of several sources apart.
    init(source: Plan.Source, seed: UInt64, stream: UInt64, worker: Int = 0, of workers: Int = 1) {
        integral = RateIntegral(source.rate, duration: source.duration)
        isPoisson = source.arrivals == .poisson
        self.seed = seed
        self.stream = stream &+ (1 << 32)
        offset = source.startOffset.nanoseconds
        self.worker = UInt64(worker)
        self.workers = UInt64(workers)
    }

    /// The next arrival of this worker; nil when there is none before the source's end.
    mutating func nextArrival() -> Arrival? {
        if isPoisson {
            while true {
                var random = SeededRandom(seed: seed, stream: stream, number: next)
                gapSum += random.exponential()
                let number = next
                next += 1
                guard let time = integral.time(ofCount: gapSum) else { return nil }
                if number % workers == worker { return arrival(number, time) }
            }
        }
        let number = next * workers + worker
        next += 1
        return integral.time(ofCount: Double(number)).map { arrival(number, $0) }
    }

    private func arrival(_ number: UInt64, _ seconds: Double) -> Arrival {
        Arrival(number: number, nanoseconds: offset + UInt64(seconds * 1e9))
    }
}
