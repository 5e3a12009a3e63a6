// SPDX-License-Identifier: Apache-2.0

internal import Foundation
internal import NIOCore
internal import NIOHTTP1

/// Reads one request after another from a control connection and answers it.
final class ControlHandler: ChannelInboundHandler {
    typealias InboundIn = HTTPServerRequestPart
    typealias OutboundOut = HTTPServerResponsePart

    private static let largestBody = 1 << 20

    private let routes: ControlRoutes
    private var head: HTTPRequestHead?
    private var body = ByteBuffer()

    init(registry: ProxyRegistry) {
        routes = ControlRoutes(registry: registry)
    }

    func channelRead(context: ChannelHandlerContext, data: NIOAny) {
        switch unwrapInboundIn(data) {
        case .head(let head):
            self.head = head
            body.clear()
        case .body(var part):
            if body.readableBytes <= Self.largestBody { body.writeBuffer(&part) }
        case .end:
            guard let head else { return }
            self.head = nil
            answer(head, context)
        }
    }

    func errorCaught(context: ChannelHandlerContext, error: any Error) {
        context.close(promise: nil)
    }

    private func answer(_ head: HTTPRequestHead, _ context: ChannelHandlerContext) {
        let keepsAlive = head.isKeepAlive
        let loop = context.eventLoop
        let answered: EventLoopFuture<ControlAnswer>
        if body.readableBytes > Self.largestBody {
            answered = loop.makeSucceededFuture(
                ControlAnswer(ControlError(status: 413, message: "the body is larger than \(Self.largestBody) bytes")))
        } else {
            answered = routes.answer(
                method: head.method.rawValue, path: head.uri, body: Data(body.readableBytesView), loop: loop)
        }
        answered.assumeIsolated().whenSuccess { answer in
            var headers: HTTPHeaders = ["content-length": "\(answer.body.count)"]
            if answer.status != 204 { headers.add(name: "content-type", value: answer.contentType) }
            if !keepsAlive { headers.add(name: "connection", value: "close") }
            let head = HTTPResponseHead(
                version: .http1_1, status: HTTPResponseStatus(statusCode: answer.status), headers: headers)
            context.write(self.wrapOutboundOut(.head(head)), promise: nil)
            context.write(self.wrapOutboundOut(.body(.byteBuffer(ByteBuffer(bytes: answer.body)))), promise: nil)
            let ended = context.writeAndFlush(self.wrapOutboundOut(.end(nil)))
            if !keepsAlive { ended.assumeIsolated().whenComplete { _ in context.close(promise: nil) } }
        }
    }
}
