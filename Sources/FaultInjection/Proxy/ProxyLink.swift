// SPDX-License-Identifier: Apache-2.0

internal import Glibc
internal import NIOCore

/// One proxied connection: the client's channel, the server's channel and a pump each way.
///
/// Everything happens on the proxy's one event loop.
final class ProxyLink {
    private let client: any Channel
    private let server: any Channel
    private let downstream: Pump
    private let upstream: Pump
    private var timers: [String: Scheduled<Void>] = [:]
    private var openDirections = 2
    private var isClosed = false
    private let onClosed: () -> Void

    /// Joins two channels whose automatic reading is off.
    ///
    /// - Throws: when a channel has closed in the meantime.
    init(
        client: any Channel, server: any Channel, seed: UInt64, toxics: [Toxic],
        onReceived: @escaping (Toxic.Direction, Int) -> Void, onPassed: @escaping (Toxic.Direction, Int) -> Void,
        onClosed: @escaping () -> Void
    ) throws {
        self.client = client
        self.server = server
        self.onClosed = onClosed
        let finished = Box<ProxyLink>()
        downstream = Pump(
            source: server, sink: client, seed: seed, onReceived: { onReceived(.downstream, $0) },
            onPassed: { onPassed(.downstream, $0) },
            onFinished: { finished.value?.directionFinished() })
        upstream = Pump(
            source: client, sink: server, seed: seed ^ .max, onReceived: { onReceived(.upstream, $0) },
            onPassed: { onPassed(.upstream, $0) },
            onFinished: { finished.value?.directionFinished() })
        finished.value = self
        for toxic in toxics { set(toxic) }
        try client.pipeline.syncOperations.addHandler(PumpHandler(out: upstream, in: downstream) { [self] in end($0) })
        try server.pipeline.syncOperations.addHandler(PumpHandler(out: downstream, in: upstream) { [self] in end($0) })
        // The client's channel becomes active, and is read, only after this.
        downstream.pull()
    }

    func set(_ toxic: Toxic) {
        timers.removeValue(forKey: toxic.name)?.cancel()
        guard let ending = pump(toxic.direction).set(toxic) else { return }
        let (time, resets) =
            switch ending {
            case .close(let time): (time, false)
            case .reset(let time): (time, true)
            }
        let deadline = NIODeadline.uptimeNanoseconds(UInt64(max(0, time)))
        timers[toxic.name] = client.eventLoop.assumeIsolated().scheduleTask(deadline: deadline) { [weak self] in
            resets ? self?.reset() : self?.close()
        }
    }

    func remove(_ toxic: Toxic) {
        timers.removeValue(forKey: toxic.name)?.cancel()
        if pump(toxic.direction).remove(toxic.name) { close() }
    }

    func close() {
        guard !isClosed else { return }
        isClosed = true
        timers.values.forEach { $0.cancel() }
        downstream.cancel()
        upstream.cancel()
        client.close(promise: nil)
        server.close(promise: nil)
        onClosed()
    }

    /// Closes with RST instead of FIN: with a linger time of zero the kernel drops what is unsent.
    func reset() {
        for channel in [client, server] {
            _ = (channel as? any SocketOptionProvider)?.setSoLinger(linger(l_onoff: 1, l_linger: 0))
        }
        close()
    }

    private func pump(_ direction: Toxic.Direction) -> Pump {
        direction == .downstream ? downstream : upstream
    }

    private func end(_ error: (any Error)?) {
        // A reset of one side is passed on as a reset of the other.
        error == nil ? close() : reset()
    }

    private func directionFinished() {
        openDirections -= 1
        if openDirections == 0 { close() }
    }
}

/// Lets the pumps of a link call the link that owns them, which does not exist yet when they are made.
private final class Box<Value: AnyObject> {
    weak var value: Value?
}

/// Connects a channel to the pump that its bytes leave through, and to the pump that writes to it.
private final class PumpHandler: ChannelInboundHandler {
    typealias InboundIn = ByteBuffer

    private let out: Pump
    private let incoming: Pump
    private let onEnd: ((any Error)?) -> Void
    private var failure: (any Error)?

    init(out: Pump, in incoming: Pump, onEnd: @escaping ((any Error)?) -> Void) {
        self.out = out
        self.incoming = incoming
        self.onEnd = onEnd
    }

    func channelActive(context: ChannelHandlerContext) {
        out.pull()
    }

    func channelRead(context: ChannelHandlerContext, data: NIOAny) {
        out.received(unwrapInboundIn(data))
    }

    func channelReadComplete(context: ChannelHandlerContext) {
        out.readComplete()
    }

    func channelWritabilityChanged(context: ChannelHandlerContext) {
        if context.channel.isWritable { incoming.pull() }
    }

    func userInboundEventTriggered(context: ChannelHandlerContext, event: Any) {
        if let event = event as? ChannelEvent, event == .inputClosed { out.sourceEnded() }
    }

    func errorCaught(context: ChannelHandlerContext, error: any Error) {
        failure = error
        context.close(promise: nil)
    }

    func channelInactive(context: ChannelHandlerContext) {
        onEnd(failure)
    }
}
