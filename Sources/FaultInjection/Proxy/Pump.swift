// SPDX-License-Identifier: Apache-2.0

internal import NIOCore

/// Moves the bytes of one direction from one channel to the other, through the direction's toxics.
///
/// Everything happens on the proxy's one event loop. Reading stops while too much waits, so that a slow reader slows the
/// sender down instead of filling memory.
final class Pump {
    /// Bytes that may wait before reading stops: enough that a delay of a second does not slow 30 MB/s down.
    private static let mostWaiting = 32 << 20

    private let loop: any EventLoop
    private let source: any Channel
    private let sink: any Channel
    private var chain: ToxicChain
    private var waiting = CircularBuffer<(bytes: ByteBuffer, release: Int64)>()
    private var waitingBytes = 0
    private var timer: Scheduled<Void>?
    /// When the end of the stream may be passed on; nil while the source still sends.
    private var endRelease: Int64?
    private var isFinished = false
    private let onReceived: (Int) -> Void
    private let onPassed: (Int) -> Void
    /// Called once, when the end of the stream has been passed on.
    private let onFinished: () -> Void

    init(
        source: any Channel, sink: any Channel, seed: UInt64, onReceived: @escaping (Int) -> Void,
        onPassed: @escaping (Int) -> Void, onFinished: @escaping () -> Void
    ) {
        self.loop = source.eventLoop
        self.source = source
        self.sink = sink
        self.chain = ToxicChain(seed: seed)
        self.onReceived = onReceived
        self.onPassed = onPassed
        self.onFinished = onFinished
    }

    /// Adds or changes a toxic; what waits keeps its time.
    func set(_ toxic: Toxic) -> ToxicChain.Ending? {
        chain.set(toxic, now: now)
    }

    /// Removes a toxic and lets go at once of what waits.
    ///
    /// - Returns: whether the connection must close, because bytes are missing.
    func remove(_ name: String) -> Bool {
        let mustClose = chain.remove(name)
        for index in waiting.indices { waiting[index].release = now }
        if endRelease != nil { endRelease = now }
        flowOut()
        return mustClose
    }

    func received(_ bytes: ByteBuffer) {
        guard !isFinished, endRelease == nil else { return }
        onReceived(bytes.readableBytes)
        if chain.isClear && waiting.isEmpty {
            write(bytes)
            return
        }
        let passage = chain.pass(bytes.readableBytes, at: now)
        var bytes = bytes
        for piece in passage.pieces {
            // The pieces of a passage never add up to more than the chunk.
            guard let slice = bytes.readSlice(length: piece.length) else { break }
            // A toxic that was removed must not let later bytes overtake earlier ones.
            let release = max(piece.release, waiting.last?.release ?? piece.release)
            waiting.append((slice, release))
            waitingBytes += piece.length
        }
        if passage.endsStream { endRelease = waiting.last?.release ?? now }
    }

    /// The source has read all there is for now.
    func readComplete() {
        flowOut()
        sink.flush()
        pull()
    }

    /// The source will send no more.
    func sourceEnded() {
        guard endRelease == nil else { return }
        endRelease = chain.end(at: max(now, waiting.last?.release ?? now))
        flowOut()
    }

    /// Asks the source for more, unless too much waits already.
    func pull() {
        guard endRelease == nil, sink.isWritable, waitingBytes < Self.mostWaiting else { return }
        source.read()
    }

    /// Stops for good; whatever waits is lost.
    func cancel() {
        isFinished = true
        timer?.cancel()
        timer = nil
        waiting.removeAll()
    }

    private var now: Int64 { Int64(NIODeadline.now().uptimeNanoseconds) }

    private func write(_ bytes: ByteBuffer) {
        onPassed(bytes.readableBytes)
        sink.write(bytes, promise: nil)
    }

    /// Passes on what is due and sets the timer for what is not.
    private func flowOut() {
        guard !isFinished else { return }
        let now = now
        var wrote = false
        while let first = waiting.first, first.release <= now {
            waiting.removeFirst()
            waitingBytes -= first.bytes.readableBytes
            write(first.bytes)
            wrote = true
        }
        if wrote {
            sink.flush()
            pull()
        }
        if waiting.isEmpty, let endRelease, endRelease <= now {
            isFinished = true
            timer?.cancel()
            sink.close(mode: .output, promise: nil)
            onFinished()
            return
        }
        timer?.cancel()
        timer = nil
        guard let next = waiting.first?.release ?? endRelease else { return }
        let deadline = NIODeadline.uptimeNanoseconds(UInt64(max(0, next)))
        timer = loop.assumeIsolated().scheduleTask(deadline: deadline) { [weak self] in self?.flowOut() }
    }
}
