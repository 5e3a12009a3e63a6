// SPDX-License-Identifier: Apache-2.0

internal import NIOCore

/// All stations of a process and the connections to them. Not thread-safe: everything happens on one event loop.
final class StationHall {
    private var stations: [String: VirtualStation] = [:]
    private var connections: [ObjectIdentifier: StationHandler] = [:]
    private var onEmpty: EventLoopPromise<Void>?
    private(set) var isStopping = false

    /// In alphabetical order.
    var names: [String] { stations.keys.sorted() }
    /// In the order of their names.
    var all: [VirtualStation] { names.compactMap { stations[$0] } }

    func add(_ station: VirtualStation) { stations[station.name] = station }

    subscript(name: String) -> VirtualStation? { stations[name] }

    /// The station that the first part of a path names.
    func station(ofPath path: String) -> VirtualStation? {
        let name = path.utf8.dropFirst().prefix { $0 != UInt8(ascii: "/") && $0 != UInt8(ascii: "?") }
        return stations[String(Substring(name))]
    }

    func opened(_ handler: StationHandler) {
        connections[ObjectIdentifier(handler)] = handler
        if isStopping { handler.stop() }
    }

    func closed(_ handler: StationHandler) {
        connections[ObjectIdentifier(handler)] = nil
        if connections.isEmpty { onEmpty?.succeed() }
    }

    /// Closes connections as they become idle; `done` when there are none.
    func stop(done: EventLoopPromise<Void>) {
        isStopping = true
        onEmpty = done
        for connection in connections.values { connection.stop() }
        if connections.isEmpty { done.succeed() }
    }

    func closeAll() { for connection in connections.values { connection.close() } }
}
