// SPDX-License-Identifier: Apache-2.0

import HTTPTypes
import NIOCore
import NIOPosix
import NIOSSL
import Testing

@testable import ServiceKit

@Suite("The transport to other services", .timeLimit(.minutes(1)))
struct HTTPTransportTests {
    /// Answers every request with the same bytes and keeps the connection open.
    final class Answerer: ChannelInboundHandler, Sendable {
        typealias InboundIn = ByteBuffer
        typealias OutboundOut = ByteBuffer

        private let answer: String
        private let wasAsked: EventLoopPromise<Void>?

        init(_ answer: String, _ wasAsked: EventLoopPromise<Void>?) {
            self.answer = answer
            self.wasAsked = wasAsked
        }

        func channelRead(context: ChannelHandlerContext, data: NIOAny) {
            context.writeAndFlush(wrapOutboundOut(ByteBuffer(string: answer)), promise: nil)
            wasAsked?.succeed()
        }
    }

    /// Asks a server that answers so.
    private func ask(
        _ answer: String, deadline: NIODeadline = .now() + .seconds(30), cancelling: Bool = false
    ) async throws -> Result<PeerResponse, TransportFailure> {
        let group = MultiThreadedEventLoopGroup.singleton
        let wasAsked = group.any().makePromise(of: Void.self)
        let server = try await ServerBootstrap(group: group)
            .childChannelInitializer { channel in
                channel.pipeline.addHandler(Answerer(answer, cancelling ? wasAsked : nil))
            }
            .bind(host: "127.0.0.1", port: 0).get()
        if !cancelling { wasAsked.succeed() }
        let port = try #require(server.localAddress?.port)
        let transport = HTTPTransport(tls: .makeClientConfiguration())
        let asking = Task {
            do throws(TransportFailure) {
                let request = PeerRequest(method: .get, url: "http://127.0.0.1:\(port)/x")
                return Result<PeerResponse, TransportFailure>.success(
                    try await transport.send(request, deadline: deadline))
            } catch {
                return .failure(error)
            }
        }
        if cancelling {
            try await wasAsked.futureResult.get()
            asking.cancel()
        }
        let result = await asking.value
        await transport.shutdown()
        try await server.close()
        return result
    }

    @Test("an answer that never comes to its end ends at the deadline, with its head there or not")
    func deadline() async throws {
        for answer in ["", "HTTP/1.1 200 OK\r\ncontent-length: 10\r\n\r\nhalf"] {
            let deadline = NIODeadline.now() + .milliseconds(200)
            let result = try await ask(answer, deadline: deadline)
            #expect(throws: TransportFailure.self) { try result.get() }
            if case .failure(let failure) = result { #expect(failure.kind == .timeout, "\(failure)") }
            #expect(NIODeadline.now() >= deadline)
        }
    }

    @Test("who gives up while an answer comes is told that he did")
    func cancellation() async throws {
        let result = try await ask("HTTP/1.1 200 OK\r\ncontent-length: 10\r\n\r\nhalf", cancelling: true)
        #expect(throws: TransportFailure.self) { try result.get() }
        if case .failure(let failure) = result { #expect(failure.kind == .cancelled, "\(failure)") }
    }

    @Test("a whole answer is handed on")
    func whole() async throws {
        let response = try await ask("HTTP/1.1 200 OK\r\ncontent-length: 5\r\n\r\nwhole").get()
        #expect(response.status == .ok && String(buffer: response.body) == "whole")
    }
}
