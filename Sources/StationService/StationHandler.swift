// SPDX-License-Identifier: Apache-2.0

internal import NIOCore
internal import NIOHTTP1

/// One connection: hands each request to its station and writes the answer when the station has done with it.
///
/// The body of a request is read and dropped. NIO's pipelining handler lets one request of a connection in at a time.
final class StationHandler: ChannelInboundHandler {
    typealias InboundIn = HTTPServerRequestPart
    typealias OutboundOut = HTTPServerResponsePart

    private let hall: StationHall
    /// The station of the listener; nil where the path names it.
    private let station: VirtualStation?
    /// Nil after the end of the connection.
    private var context: ChannelHandlerContext?
    private var head: HTTPRequestHead?
    private var arrived: UInt64 = 0
    private var isWaiting = false

    init(hall: StationHall, station: VirtualStation?) {
        self.hall = hall
        self.station = station
    }

    func handlerAdded(context: ChannelHandlerContext) {
        self.context = context
        hall.opened(self)
    }

    func handlerRemoved(context: ChannelHandlerContext) { leave() }
    func channelInactive(context: ChannelHandlerContext) {
        leave()
        context.fireChannelInactive()
    }

    private func leave() {
        context = nil
        hall.closed(self)
    }

    func channelRead(context: ChannelHandlerContext, data: NIOAny) {
        switch unwrapInboundIn(data) {
        case .head(let head):
            self.head = head
            arrived = NIODeadline.now().uptimeNanoseconds
        case .body: break
        case .end: serve()
        }
    }

    private func serve() {
        guard let head else { return }
        isWaiting = true
        guard let station = station ?? hall.station(ofPath: head.uri) else {
            let known = hall.names.prefix(20).joined(separator: ", ")
            write(.notFound, "There is no station at this path; write /NAME or /NAME/anything (known: \(known)).\n")
            return
        }
        var deadline = UInt64.max
        if let text = head.headers.first(name: "x-deadline-ms") {
            guard let milliseconds = UInt64(text), milliseconds <= 86_400_000 else {
                write(.badRequest, "X-Deadline-Ms must be a number of milliseconds from 0 to 86400000.\n")
                return
            }
            deadline = arrived + milliseconds * 1_000_000
        }
        // The time of the head: reading a body is part of what the request waits for.
        station.arrive(self, deadline: deadline, at: arrived)
    }

    /// Writes the answer; false when the client has gone.
    func answer(_ outcome: VirtualStation.Machine.Outcome) -> Bool {
        guard context != nil else { return false }
        switch outcome {
        case .served: write(.ok, "")
        case .rejected: write(.serviceUnavailable, "The station's queue is full.\n")
        case .expired: write(.gatewayTimeout, "The deadline passed in the station's queue.\n")
        case .failed(let status): write(.init(statusCode: status), "A failure was injected here.\n")
        }
        return true
    }

    /// Closes the connection once nothing is under way on it.
    func stop() { if !isWaiting { close() } }

    func close() { context?.close(promise: nil) }

    private func write(_ status: HTTPResponseStatus, _ text: String) {
        guard let context, let head else { return }
        let keepsOn = head.isKeepAlive && !hall.isStopping
        var headers = HTTPHeaders([("content-length", String(text.utf8.count))])
        if !keepsOn { headers.add(name: "connection", value: "close") }
        if !text.isEmpty { headers.add(name: "content-type", value: "text/plain; charset=utf-8") }
        context.write(
            wrapOutboundOut(.head(.init(version: head.version, status: status, headers: headers))), promise: nil)
        if !text.isEmpty, head.method != .HEAD {
            context.write(wrapOutboundOut(.body(.byteBuffer(ByteBuffer(string: text)))), promise: nil)
        }
        self.head = nil
        isWaiting = false
        context.writeAndFlush(wrapOutboundOut(.end(nil)), promise: nil)
        if !keepsOn { close() }
    }
}
