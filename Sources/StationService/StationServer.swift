// SPDX-License-Identifier: Apache-2.0

package import Measurement
internal import NIOCore
internal import NIOHTTP1
internal import NIOPosix
package import NIOSSL
internal import ServiceKit
package import Stations

/// Stations behind HTTP/1.1 listeners: one for each station, and one at which the first part of the path names the
/// station.
///
/// All of it runs on one event loop. NIO wakes it with a timerfd, which the kernel's timer slack does not concern; how
/// late the answers really are is in ``StationRecord/timerLateness``. Safe from any thread.
package struct StationServer: Sendable {
    private let group: MultiThreadedEventLoopGroup
    private let hall: NIOLoopBound<StationHall>
    private let listeners: [any Channel]
    /// The listener of all stations.
    package let port: Int
    /// The listeners of single stations.
    package let stationPorts: [String: Int]

    private var eventLoop: any EventLoop { group.next() }

    /// Opens all listeners.
    ///
    /// - Parameters:
    ///   - port: Of the listener for all stations; 0 takes a free one. The others always do.
    ///   - tls: Nil for plain HTTP.
    /// - Throws: ``StartupError`` for an address that can't be used.
    package static func start(
        _ stations: [String: StationOptions], seed: UInt64, host: String = "127.0.0.1", port: Int = 0,
        tls: TLSConfiguration? = nil
    ) async throws -> StationServer {
        let context = try tls.map { try NIOSSLContext(configuration: $0) }
        // One thread: requests and timers take turns, and a station's order is the order of the wire.
        let group = MultiThreadedEventLoopGroup(numberOfThreads: 1)
        var listeners: [any Channel] = []
        do {
            let hall = try await group.next().submit {
                let hall = StationHall()
                for (name, options) in stations {
                    hall.add(VirtualStation(name: name, options: options, seed: seed, eventLoop: group.next()))
                }
                return NIOLoopBound(hall, eventLoop: group.next())
            }.get()
            func listen(_ name: String?, port: Int) async throws -> Int {
                let listener = try await bootstrap(group, hall, station: name, tls: context)
                    .bind(host: host, port: port).get()
                listeners.append(listener)
                return listener.localAddress?.port ?? 0
            }
            let common = try await listen(nil, port: port)
            var ports: [String: Int] = [:]
            for name in stations.keys.sorted() { ports[name] = try await listen(name, port: 0) }
            return StationServer(group: group, hall: hall, listeners: listeners, port: common, stationPorts: ports)
        } catch {
            try? await group.shutdownGracefully()
            throw StartupError.listening(on: host, port: port, option: "--port", error) ?? error
        }
    }

    private static func bootstrap(
        _ group: MultiThreadedEventLoopGroup, _ hall: NIOLoopBound<StationHall>, station name: String?,
        tls: NIOSSLContext?
    ) -> ServerBootstrap {
        ServerBootstrap(group: group)
            .serverChannelOption(.backlog, value: 1024)
            .serverChannelOption(.socketOption(.so_reuseaddr), value: 1)
            .childChannelOption(.tcpOption(.tcp_nodelay), value: 1)
            .childChannelInitializer { channel in
                channel.eventLoop.makeCompletedFuture {
                    let pipeline = channel.pipeline.syncOperations
                    if let tls { try pipeline.addHandler(NIOSSLServerHandler(context: tls)) }
                    try pipeline.configureHTTPServerPipeline(withErrorHandling: true)
                    let hall = hall.value
                    try pipeline.addHandler(StationHandler(hall: hall, station: name.flatMap { hall[$0] }))
                }
            }
    }

    // MARK: - Looking and steering

    /// What each station has counted since the last reset, in the order of their names.
    package func records() async throws -> [StationRecord] {
        let hall = hall
        return try await eventLoop.submit { hall.value.all.map { $0.record() } }.get()
    }

    /// Begins to count anew in every station.
    package func resetStatistics() async throws {
        let hall = hall
        try await eventLoop.submit { for station in hall.value.all { station.resetStatistics() } }.get()
    }

    /// Who is frozen, slowed or failing; stations that are left alone are not in it.
    package func controls() async throws -> [String: StationControl] {
        let hall = hall
        return try await eventLoop.submit {
            Dictionary(uniqueKeysWithValues: hall.value.all.map { ($0.name, $0.control) }).filter {
                $0.value != StationControl()
            }
        }.get()
    }

    /// Replaces the control of every station at one instant; those that are not named are left alone from now on.
    ///
    /// - Parameter controls: Their values are sound, their names exist.
    package func set(_ controls: [String: StationControl]) async throws { try await setSoon(controls).get() }

    /// The same, for those who can't suspend.
    func setSoon(_ controls: [String: StationControl]) -> EventLoopFuture<Void> {
        let hall = hall
        return eventLoop.submit {
            for station in hall.value.all { station.set(controls[station.name] ?? StationControl()) }
        }
    }

    // MARK: - End

    /// Accepts no more, lets what is under way end, and closes. Cancelling the task cuts it off.
    package func stop() async {
        for listener in listeners { try? await listener.close() }
        let hall = hall
        let eventLoop = eventLoop
        let done = eventLoop.makePromise(of: Void.self)
        await withTaskCancellationHandler {
            eventLoop.execute { hall.value.stop(done: done) }
            try? await done.futureResult.get()
        } onCancel: {
            eventLoop.execute { hall.value.closeAll() }
        }
        try? await group.shutdownGracefully()
    }
}
