// SPDX-License-Identifier: Apache-2.0

internal import NIOCore

/// The proxies by name, and what the control API can do to them.
///
/// Everything happens on the proxy's one event loop.
final class ProxyRegistry {
    private let loop: any EventLoop
    private let seed: UInt64
    private var proxies: [String: FaultProxy] = [:]

    init(loop: any EventLoop, seed: UInt64) {
        self.loop = loop
        self.seed = seed
    }

    /// All proxies, by name.
    var all: [FaultProxy] { proxies.values.sorted { $0.name < $1.name } }

    func proxy(_ name: String) throws(ControlError) -> FaultProxy {
        guard let proxy = proxies[name] else { throw ControlError(status: 404, message: "proxy not found") }
        return proxy
    }

    func toxic(_ name: String, of proxy: FaultProxy) throws(ControlError) -> Toxic {
        guard let toxic = proxy.toxics.first(where: { $0.name == name }) else {
            throw ControlError(status: 404, message: "toxic not found")
        }
        return toxic
    }

    /// Makes a proxy; it listens before the future succeeds, unless it is made disabled.
    func create(_ text: ProxyText) throws(ControlError) -> EventLoopFuture<Void> {
        guard let name = text.name, !name.isEmpty else {
            throw ControlError(status: 400, message: "missing required field: name")
        }
        guard let upstreamText = text.upstream else {
            throw ControlError(status: 400, message: "missing required field: upstream")
        }
        guard proxies[name] == nil else { throw ControlError(status: 409, message: "proxy already exists") }
        let proxy = FaultProxy(
            name: name, listen: try Self.address(text.listen ?? "127.0.0.1:0", field: "listen"),
            upstream: try Self.address(upstreamText, field: "upstream"), loop: loop, seed: seed &+ Self.hash(name))
        proxies[name] = proxy
        guard text.enabled ?? true else { return loop.makeSucceededVoidFuture() }
        let registry = NIOLoopBound(self, eventLoop: loop)
        let made = NIOLoopBound(proxy, eventLoop: loop)
        return proxy.enable().flatMapErrorThrowing { error in
            registry.value.proxies[name] = nil
            throw ControlError(status: 500, message: "can't listen on \(made.value.listen): \(error)")
        }
    }

    /// Changes addresses and whether the proxy is enabled.
    func update(_ proxy: FaultProxy, _ text: ProxyText) throws(ControlError) -> EventLoopFuture<Void> {
        let listen = try text.listen.map { text throws(ControlError) in try Self.address(text, field: "listen") }
        let upstream = try text.upstream.map { text throws(ControlError) in try Self.address(text, field: "upstream") }
        let isMoved = listen != nil && listen != proxy.listen || upstream != nil && upstream != proxy.upstream
        let enables = text.enabled ?? proxy.isEnabled
        let bound = NIOLoopBound(proxy, eventLoop: loop)
        let stopped = !enables || isMoved ? proxy.disable() : loop.makeSucceededVoidFuture()
        return stopped.flatMap {
            bound.value.readdress(listen: listen, upstream: upstream)
            return enables ? bound.value.enable() : bound.value.disable()
        }
    }

    func delete(_ proxy: FaultProxy) -> EventLoopFuture<Void> {
        proxies[proxy.name] = nil
        return proxy.disable()
    }

    /// Enables all proxies and removes all toxics.
    func reset() -> EventLoopFuture<Void> {
        for proxy in all { proxy.toxics.forEach(proxy.remove) }
        return EventLoopFuture.andAllSucceed(all.map { $0.enable() }, on: loop)
    }

    func closeAll() -> EventLoopFuture<Void> {
        let all = all
        proxies = [:]
        return EventLoopFuture.andAllSucceed(all.map { $0.disable() }, on: loop)
    }

    private static func address(_ text: String, field: String) throws(ControlError) -> ProxyAddress {
        guard let address = ProxyAddress(text) else {
            throw ControlError(status: 400, message: "\(field) '\(text)' is not of the form host:port")
        }
        return address
    }

    /// FNV-1a: the same for a name in every run, which Swift's own hash is not.
    private static func hash(_ name: String) -> UInt64 {
        name.utf8.reduce(0xCBF2_9CE4_8422_2325) { ($0 ^ UInt64($1)) &* 0x100_0000_01B3 }
    }
}

/// An answer of the control API that tells what is wrong.
struct ControlError: Error, Equatable {
    var status: Int
    var message: String
}
