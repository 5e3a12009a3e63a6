// SPDX-License-Identifier: Apache-2.0

internal import NIOCore
internal import NIOHTTP1
internal import NIOPosix

/// TCP fault proxies under the control of Toxiproxy's HTTP API, so that its clients work here.
///
/// One event loop carries everything: the control port, the listeners and all connections. Safe to use from any thread.
package final class FaultProxyServer: Sendable {
    /// Where the control API listens.
    package let controlPort: Int

    private let group: MultiThreadedEventLoopGroup
    private let control: any Channel
    private let registry: NIOLoopBound<ProxyRegistry>

    /// Opens the control port.
    ///
    /// - Parameters:
    ///   - port: 0 for any free one.
    ///   - seed: of every random choice (jitter, toxicity, sizes).
    /// - Throws: when the port can't be bound.
    package static func start(host: String = "127.0.0.1", port: Int = 0, seed: UInt64) async throws -> FaultProxyServer
    {
        let group = MultiThreadedEventLoopGroup(numberOfThreads: 1)
        do {
            let loop = group.next()
            let registry = try await loop.submit {
                NIOLoopBound(ProxyRegistry(loop: loop, seed: seed), eventLoop: loop)
            }.get()
            let control = try await ServerBootstrap(group: group)
                .serverChannelOption(.socketOption(.so_reuseaddr), value: 1)
                .childChannelInitializer { channel in
                    channel.eventLoop.makeCompletedFuture {
                        try channel.pipeline.syncOperations.configureHTTPServerPipeline(withErrorHandling: true)
                        try channel.pipeline.syncOperations.addHandler(ControlHandler(registry: registry.value))
                    }
                }
                .bind(host: host, port: port).get()
            return FaultProxyServer(group: group, control: control, registry: registry)
        } catch {
            try? await group.shutdownGracefully()
            throw error
        }
    }

    private init(group: MultiThreadedEventLoopGroup, control: any Channel, registry: NIOLoopBound<ProxyRegistry>) {
        self.group = group
        self.control = control
        self.registry = registry
        // A bound TCP channel always has a port.
        controlPort = control.localAddress?.port ?? 0
    }

    /// Closes the control port and every connection, and ends the event loop. Call it once.
    package func shutdown() async {
        let registry = registry
        try? await control.close().get()
        try? await group.any().flatSubmit { registry.value.closeAll() }.get()
        try? await group.shutdownGracefully()
    }
}
