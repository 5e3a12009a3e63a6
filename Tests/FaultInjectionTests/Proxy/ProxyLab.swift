// SPDX-License-Identifier: Apache-2.0

import Foundation
import NIOCore
import NIOPosix
import Testing

@testable import FaultInjection

/// A fault proxy and an echo server behind it, on free loopback ports.
struct ProxyLab: Sendable {
    let server: FaultProxyServer
    let echoPort: Int

    /// Makes the proxy `echo` in front of the echo server; returns its port.
    func proxy() async throws -> Int {
        try await ok("POST", "/proxies", #"{"name":"echo","listen":"127.0.0.1:0","upstream":"127.0.0.1:\#(echoPort)"}"#)
        return try await listenPort(of: "echo")
    }

    func listenPort(of proxy: String) async throws -> Int {
        struct Proxy: Decodable { var listen: String }
        let body = try await call("GET", "/proxies/\(proxy)").body
        let listen = try JSONDecoder().decode(Proxy.self, from: Data(body.utf8)).listen
        return try #require(listen.split(separator: ":").last.flatMap { Int($0) })
    }

    func ok(_ method: String, _ path: String, _ body: String = "") async throws {
        let answer = try await call(method, path, body)
        #expect((200..<300).contains(answer.status), "\(method) \(path): \(answer.body)")
    }

    /// Sends a request to the control API over a connection of its own.
    func call(_ method: String, _ path: String, _ body: String = "") async throws -> (status: Int, body: String) {
        let connection = try await Connection.open(server.controlPort)
        try await connection.send(
            "\(method) \(path) HTTP/1.1\r\nhost: proxy\r\nconnection: close\r\ncontent-length: \(body.utf8.count)\r\n\r\n\(body)"
        )
        let answer = try await connection.readToEnd()
        let parts = answer.split(separator: "\r\n\r\n", maxSplits: 1, omittingEmptySubsequences: false)
        let status = try #require(parts.first?.split(separator: " ").dropFirst().first.flatMap { Int($0) }, "\(answer)")
        return (status, parts.count > 1 ? String(parts[1]) : "")
    }

    /// Waits until the proxy has taken this many bytes from the server behind it.
    func untilReceived(bytes: Int) async throws {
        for _ in 0..<2_000 {
            let metrics = try await call("GET", "/metrics").body
            let line = metrics.split(separator: "\n").first {
                $0.hasPrefix(#"toxiproxy_proxy_received_bytes_total{direction="downstream""#)
            }
            if let count = line?.split(separator: " ").last.flatMap({ Int($0) }), count >= bytes { return }
            try await Task.sleep(for: .milliseconds(2))
        }
        Issue.record("the proxy never received \(bytes) bytes")
    }
}

/// Runs a body with a proxy and an echo server, and ends both.
func withLab(_ body: (ProxyLab) async throws -> Void) async throws {
    let echo = try await ServerBootstrap(group: .singletonMultiThreadedEventLoopGroup)
        .childChannelOption(.allowRemoteHalfClosure, value: true)
        .childChannelInitializer { channel in
            channel.eventLoop.makeCompletedFuture { try channel.pipeline.syncOperations.addHandler(Echo()) }
        }
        .bind(host: "127.0.0.1", port: 0).get()
    let server = try await FaultProxyServer.start(seed: 7)
    do {
        try await body(ProxyLab(server: server, echoPort: try #require(echo.localAddress?.port)))
        await server.shutdown()
        try await echo.close()
    } catch {
        await server.shutdown()
        try? await echo.close()
        throw error
    }
}

private final class Echo: ChannelInboundHandler {
    typealias InboundIn = ByteBuffer

    func channelRead(context: ChannelHandlerContext, data: NIOAny) {
        context.writeAndFlush(data, promise: nil)
    }

    func userInboundEventTriggered(context: ChannelHandlerContext, event: Any) {
        if let event = event as? ChannelEvent, event == .inputClosed { context.close(mode: .output, promise: nil) }
    }

    func errorCaught(context: ChannelHandlerContext, error: any Error) {
        context.close(promise: nil)
    }
}

/// A client's connection that reads text.
final class Connection: Sendable {
    private let channel: NIOAsyncChannel<ByteBuffer, ByteBuffer>
    private let chunks: AsyncThrowingStream<ByteBuffer, any Error>
    private let owner: Task<Void, Never>

    static func open(_ port: Int) async throws -> Connection {
        let channel = try await ClientBootstrap(group: .singletonMultiThreadedEventLoopGroup)
            .channelOption(.allowRemoteHalfClosure, value: true)
            .connect(host: "127.0.0.1", port: port) { channel in
                channel.eventLoop.makeCompletedFuture {
                    try NIOAsyncChannel<ByteBuffer, ByteBuffer>(
                        wrappingChannelSynchronously: channel, configuration: .init(isOutboundHalfClosureEnabled: true))
                }
            }
        return Connection(channel)
    }

    private init(_ channel: NIOAsyncChannel<ByteBuffer, ByteBuffer>) {
        self.channel = channel
        let (chunks, continuation) = AsyncThrowingStream<ByteBuffer, any Error>.makeStream()
        self.chunks = chunks
        // Owned by the connection, and ended by its deinit.
        owner = Task {
            do {
                try await channel.executeThenClose { inbound, _ in
                    for try await chunk in inbound { continuation.yield(chunk) }
                }
                continuation.finish()
            } catch {
                continuation.finish(throwing: error)
            }
        }
    }

    deinit { owner.cancel() }

    func send(_ text: String) async throws {
        try await channel.channel.writeAndFlush(ByteBuffer(string: text))
    }

    func finish() async throws {
        try await channel.channel.close(mode: .output)
    }

    /// Sends text and reads as many bytes back.
    func exchange(_ text: String) async throws -> String {
        async let sent: Void = send(text)
        var answer = ByteBuffer()
        for try await chunk in chunks {
            answer.writeImmutableBuffer(chunk)
            if answer.readableBytes >= text.utf8.count { break }
        }
        try await sent
        return String(buffer: answer)
    }

    func readToEnd() async throws -> String {
        var answer = ByteBuffer()
        for try await chunk in chunks { answer.writeImmutableBuffer(chunk) }
        return String(buffer: answer)
    }
}
