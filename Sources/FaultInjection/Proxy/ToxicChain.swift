// SPDX-License-Identifier: Apache-2.0

/// The toxics of one direction of one connection: decides when which bytes leave.
///
/// A pure state machine. Times are nanoseconds on any monotonic clock, passed in and never going back. It sees lengths, not
/// bytes. The order of bytes never changes.
struct ToxicChain {
    /// A stretch of the chunk, in order, and the time at which it may leave.
    struct Piece: Equatable {
        var length: Int
        var release: Int64
    }

    /// What becomes of a chunk.
    struct Passage: Equatable {
        var pieces: [Piece] = []
        /// The stream ends after these pieces.
        var endsStream = false
    }

    /// What becomes of the connection as a whole, at a time.
    enum Ending: Equatable {
        case close(at: Int64)
        case reset(at: Int64)
    }

    private struct Stage {
        var toxic: Toxic
        /// Time at which the last piece leaves this stage.
        var last: Int64 = .min
        var passedBytes = 0
    }

    private var stages: [Stage] = []
    private var random: SeededGenerator

    init(seed: UInt64) {
        random = SeededGenerator(seed: seed)
    }

    /// No toxic concerns this connection: bytes can pass at once, without asking.
    var isClear: Bool { stages.isEmpty }

    /// Adds a toxic, or gives a toxic of this name new attributes. Dice are cast for its toxicity.
    ///
    /// - Returns: how the connection ends because of it, or nil.
    mutating func set(_ toxic: Toxic, now: Int64) -> Ending? {
        if let index = stages.firstIndex(where: { $0.toxic.name == toxic.name }) {
            stages[index].toxic = toxic
        } else {
            guard toxic.toxicity > 0, toxic.toxicity >= 1 || random.nextUnit() < toxic.toxicity else { return nil }
            stages.append(Stage(toxic: toxic))
        }
        switch toxic.kind {
        case .timeout(let limit) where limit > .zero: return .close(at: now + limit.nanoseconds)
        case .resetPeer(let delay): return .reset(at: now + delay.nanoseconds)
        case .timeout, .latency, .bandwidth, .slowClose, .slicer, .limitData: return nil
        }
    }

    /// Removes a toxic.
    ///
    /// - Returns: whether the connection must close, because the toxic has swallowed bytes.
    mutating func remove(_ name: String) -> Bool {
        guard let index = stages.firstIndex(where: { $0.toxic.name == name }) else { return false }
        let stage = stages.remove(at: index)
        if case .timeout = stage.toxic.kind { return stage.passedBytes > 0 }
        return false
    }

    /// Sends a chunk of this many bytes through the toxics in their order.
    mutating func pass(_ length: Int, at now: Int64) -> Passage {
        var passage = Passage(pieces: [Piece(length: length, release: now)])
        for index in stages.indices { Self.apply(&stages[index], to: &passage, &random) }
        return passage
    }

    /// When the end of the stream may be passed on.
    func end(at now: Int64) -> Int64 {
        stages.reduce(now) { time, stage in
            if case .slowClose(let delay) = stage.toxic.kind { return time + delay.nanoseconds }
            return time
        }
    }

    private static func apply(_ stage: inout Stage, to passage: inout Passage, _ random: inout SeededGenerator) {
        switch stage.toxic.kind {
        case .latency(let mean, let jitter):
            for index in passage.pieces.indices {
                let delay = Delay(mean: mean, jitter: jitter).draw(&random).nanoseconds
                stage.last = max(stage.last, passage.pieces[index].release + delay)
                passage.pieces[index].release = stage.last
            }
        case .bandwidth(let bytesPerSecond):
            guard bytesPerSecond > 0 else { return }
            // Pieces of at most a tenth of a second, so that a slow link trickles instead of bursting.
            passage.pieces = passage.pieces.flatMap { cut($0, into: max(1, bytesPerSecond / 10)) }
            for index in passage.pieces.indices {
                let time = Int64(Double(passage.pieces[index].length) / Double(bytesPerSecond) * 1e9)
                stage.last = max(stage.last, passage.pieces[index].release) + time
                passage.pieces[index].release = stage.last
            }
        case .slicer(let size, let variation, let delay):
            var sliced: [Piece] = []
            for piece in passage.pieces {
                var rest = piece.length
                var release = max(stage.last, piece.release)
                while rest > 0 {
                    let length = min(rest, size + Int.random(in: -variation...variation, using: &random))
                    sliced.append(Piece(length: length, release: release))
                    rest -= length
                    if rest > 0 { release += delay.nanoseconds }
                }
                stage.last = release
            }
            passage.pieces = sliced
        case .limitData(let bytes):
            for index in passage.pieces.indices {
                let length = min(passage.pieces[index].length, max(0, bytes - stage.passedBytes))
                stage.passedBytes += length
                passage.pieces[index].length = length
            }
            passage.pieces.removeAll { $0.length == 0 }
            if stage.passedBytes >= bytes { passage.endsStream = true }
        case .timeout:
            stage.passedBytes += passage.pieces.reduce(0) { $0 + $1.length }
            passage.pieces = []
        case .resetPeer, .slowClose:
            break
        }
    }

    private static func cut(_ piece: Piece, into largest: Int) -> [Piece] {
        stride(from: 0, to: piece.length, by: largest).map { start in
            Piece(length: min(largest, piece.length - start), release: piece.release)
        }
    }
}
