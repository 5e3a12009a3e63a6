// SPDX-License-Identifier: Apache-2.0

internal import NIOCore
internal import NIOSSL

/// Keeps a peer from holding up the end of a service: during a shutdown a TLS connection that is being closed waits this long
/// for the peer's part of the farewell (`close_notify`) and is then cut.
///
/// Without it, each idle connection of a peer that does not answer costs the five seconds that NIOSSL waits.
final class BoundedClose: ChannelDuplexHandler, RemovableChannelHandler {
    // It looks at neither what comes nor what goes.
    typealias InboundIn = Never
    typealias OutboundIn = Never

    static let limit: TimeAmount = .milliseconds(250)

    private var isStopping = false

    func userInboundEventTriggered(context: ChannelHandlerContext, event: Any) {
        if event is ChannelShouldQuiesceEvent { isStopping = true }
        context.fireUserInboundEventTriggered(event)
    }

    func close(context: ChannelHandlerContext, mode: CloseMode, promise: EventLoopPromise<Void>?) {
        if isStopping, mode == .all {
            let channel = context.channel
            context.eventLoop.assumeIsolated().scheduleTask(in: Self.limit) {
                // From the place of the TLS handler on towards the socket: nothing is waited for.
                guard channel.isActive,
                    let tls = try? channel.pipeline.syncOperations.context(handlerType: NIOSSLServerHandler.self)
                else { return }
                tls.close(mode: .all, promise: nil)
            }
        }
        context.close(mode: mode, promise: promise)
    }
}
