// SPDX-License-Identifier: Apache-2.0

internal import NIOCore
internal import NIOPosix

/// A listener that passes every connection on to one upstream address, through its toxics.
///
/// Bytes pass through unread, so that TLS stays between the two ends. Everything happens on the proxy's one event loop.
final class FaultProxy {
    let name: String
    private(set) var upstream: ProxyAddress
    /// The address asked for; its port is 0 until the first listener has got one, and then stays what it got.
    private(set) var listen: ProxyAddress
    private(set) var toxics: [Toxic] = []
    /// Bytes that came in and bytes that were passed on, by direction, over all connections so far.
    private(set) var receivedBytes: [Toxic.Direction: Int] = [:]
    private(set) var passedBytes: [Toxic.Direction: Int] = [:]

    private let group: any EventLoopGroup
    private let loop: any EventLoop
    private let seed: UInt64
    private var listener: (any Channel)?
    private var links: [UInt64: ProxyLink] = [:]
    private var accepted: UInt64 = 0

    init(name: String, listen: ProxyAddress, upstream: ProxyAddress, loop: any EventLoop, seed: UInt64) {
        self.name = name
        self.listen = listen
        self.upstream = upstream
        self.group = loop
        self.loop = loop
        self.seed = seed
    }

    var isEnabled: Bool { listener != nil }

    /// Starts to listen; does nothing when it listens already.
    func enable() -> EventLoopFuture<Void> {
        guard listener == nil else { return loop.makeSucceededVoidFuture() }
        let proxy = NIOLoopBound(self, eventLoop: loop)
        return ServerBootstrap(group: group)
            .serverChannelOption(.backlog, value: 1024)
            .serverChannelOption(.socketOption(.so_reuseaddr), value: 1)
            .childChannelOption(.autoRead, value: false)
            .childChannelOption(.allowRemoteHalfClosure, value: true)
            .childChannelOption(.tcpOption(.tcp_nodelay), value: 1)
            .childChannelInitializer { client in proxy.value.accept(client) }
            .bind(host: listen.host, port: listen.port)
            .map { channel in
                proxy.value.listener = channel
                proxy.value.listen.port = channel.localAddress?.port ?? proxy.value.listen.port
            }
    }

    /// Stops to listen and closes every connection.
    func disable() -> EventLoopFuture<Void> {
        let closed = listener.map { $0.close() } ?? loop.makeSucceededVoidFuture()
        listener = nil
        for link in links.values { link.close() }
        return closed
    }

    /// Sends later connections elsewhere, or listens elsewhere once it is enabled again.
    func readdress(listen: ProxyAddress?, upstream: ProxyAddress?) {
        if let listen { self.listen = listen }
        if let upstream { self.upstream = upstream }
    }

    /// Adds a toxic or changes the one of this name, for open and for later connections.
    func set(_ toxic: Toxic) {
        if let index = toxics.firstIndex(where: { $0.name == toxic.name }) {
            toxics[index] = toxic
        } else {
            toxics.append(toxic)
        }
        for link in links.values { link.set(toxic) }
    }

    /// Removes a toxic; what it held is let go at once.
    func remove(_ toxic: Toxic) {
        toxics.removeAll { $0.name == toxic.name }
        for link in links.values { link.remove(toxic) }
    }

    private func accept(_ client: any Channel) -> EventLoopFuture<Void> {
        let number = accepted
        accepted += 1
        let proxy = NIOLoopBound(self, eventLoop: loop)
        // On the same loop, so that both channels and their pumps need no lock.
        return ClientBootstrap(group: loop)
            .channelOption(.autoRead, value: false)
            .channelOption(.allowRemoteHalfClosure, value: true)
            .channelOption(.tcpOption(.tcp_nodelay), value: 1)
            .connectTimeout(.seconds(10))
            .connect(host: upstream.host, port: upstream.port)
            .flatMapThrowing { server in
                do {
                    try proxy.value.join(client, server, number: number)
                } catch {
                    server.close(promise: nil)
                    throw error
                }
            }
    }

    private func join(_ client: any Channel, _ server: any Channel, number: UInt64) throws {
        guard isEnabled else { throw ChannelError.ioOnClosedChannel }
        links[number] = try ProxyLink(
            client: client, server: server, seed: SeededGenerator.first(seed: seed, member: number), toxics: toxics,
            onReceived: { [weak self] direction, bytes in self?.receivedBytes[direction, default: 0] += bytes },
            onPassed: { [weak self] direction, bytes in self?.passedBytes[direction, default: 0] += bytes },
            onClosed: { [weak self] in self?.links[number] = nil })
    }
}

extension SeededGenerator {
    /// The first number of a member of a family, as a seed for what belongs to it.
    fileprivate static func first(seed: UInt64, member: UInt64) -> UInt64 {
        var generator = SeededGenerator(seed: seed, member: member)
        return generator.next()
    }
}

/// A host and a port, as Toxiproxy writes them: `127.0.0.1:8443`, `[::1]:8443`, `localhost:8443`.
struct ProxyAddress: Equatable, CustomStringConvertible {
    var host: String
    var port: Int

    /// - Returns: nil unless the text has a host and a port from 0 to 65535 behind its last colon.
    init?(_ text: String) {
        guard let colon = text.lastIndex(of: ":"), let port = Int(text[text.index(after: colon)...]),
            (0...65_535).contains(port)
        else { return nil }
        var host = text[..<colon]
        if host.hasPrefix("["), host.hasSuffix("]") { host = host.dropFirst().dropLast() }
        guard !host.isEmpty else { return nil }
        self.host = String(host)
        self.port = port
    }

    var description: String { host.contains(":") ? "[\(host)]:\(port)" : "\(host):\(port)" }
}
