// SPDX-License-Identifier: Apache-2.0

internal import Foundation
internal import NIOCore

/// What the control API answers. Its futures never fail: whatever goes wrong is an answer.
struct ControlAnswer: Sendable {
    var status: Int
    var body: Data
    var contentType = "application/json"

    init(_ status: Int, _ body: Data = Data(), contentType: String = "application/json") {
        self.status = status
        self.body = body
        self.contentType = contentType
    }

    init(_ error: ControlError) {
        self.init(error.status, error.body)
    }

    init(failure error: any Error) {
        self.init(error as? ControlError ?? ControlError(status: 500, message: "\(error)"))
    }
}

/// Toxiproxy's HTTP control API: routes a request to the registry.
struct ControlRoutes {
    /// The version of Toxiproxy's API that is spoken here.
    private static let version = "2.9.0"

    let registry: ProxyRegistry

    func answer(method: String, path: String, body: Data, loop: any EventLoop) -> EventLoopFuture<ControlAnswer> {
        do {
            return try route(method, path, body, loop).flatMapErrorThrowing { ControlAnswer(failure: $0) }
        } catch {
            return loop.makeSucceededFuture(ControlAnswer(failure: error))
        }
    }

    private func route(
        _ method: String, _ path: String, _ body: Data, _ loop: any EventLoop
    ) throws -> EventLoopFuture<ControlAnswer> {
        let names = path.prefix { $0 != "?" }.split(separator: "/").map { $0.removingPercentEncoding ?? String($0) }
        func now(_ answer: ControlAnswer) -> EventLoopFuture<ControlAnswer> { loop.makeSucceededFuture(answer) }
        switch (method, names.count, names.first) {
        case ("GET", 1, "version"): return now(try json(["version": Self.version]))
        case ("GET", 1, "metrics"):
            return now(ControlAnswer(200, Data(metrics.utf8), contentType: "text/plain; version=0.0.4"))
        case ("POST", 1, "reset"): return registry.reset().map { ControlAnswer(204) }
        case ("POST", 1, "populate"): return try populate(body, loop)
        case ("GET", 1, "proxies"):
            return now(try json(Dictionary(uniqueKeysWithValues: registry.all.map { ($0.name, ProxyText($0)) })))
        case ("POST", 1, "proxies"):
            let text: ProxyText = try decode(body)
            return try registry.create(text).assumeIsolated().flatMapThrowing {
                try json(ProxyText(registry.proxy(text.name ?? "")), status: 201)
            }.nonisolated()
        case (_, 2, "proxies"): return try proxyRoute(method, registry.proxy(names[1]), body, loop)
        case (_, 3..., "proxies") where names[2] == "toxics" && names.count <= 4:
            let proxy = try registry.proxy(names[1])
            return now(
                names.count == 3
                    ? try toxicsRoute(method, proxy, body)
                    : try toxicRoute(method, proxy, try registry.toxic(names[3], of: proxy), body))
        default:
            throw ControlError(status: 404, message: "there is no \(method) \(path)")
        }
    }

    private func proxyRoute(
        _ method: String, _ proxy: FaultProxy, _ body: Data, _ loop: any EventLoop
    ) throws -> EventLoopFuture<ControlAnswer> {
        switch method {
        case "GET": return loop.makeSucceededFuture(try json(ProxyText(proxy)))
        case "POST", "PATCH":
            return try registry.update(proxy, decode(body)).assumeIsolated().flatMapThrowing {
                try json(ProxyText(proxy))
            }.nonisolated()
        case "DELETE": return registry.delete(proxy).map { ControlAnswer(204) }
        default: throw notAllowed(method)
        }
    }

    private func toxicsRoute(_ method: String, _ proxy: FaultProxy, _ body: Data) throws -> ControlAnswer {
        switch method {
        case "GET": return try json(proxy.toxics.map(ToxicText.init))
        case "POST":
            let toxic = try (decode(body) as ToxicText).toxic()
            guard !proxy.toxics.contains(where: { $0.name == toxic.name }) else {
                throw ControlError(status: 409, message: "toxic already exists")
            }
            proxy.set(toxic)
            return try json(ToxicText(toxic))
        default: throw notAllowed(method)
        }
    }

    private func toxicRoute(
        _ method: String, _ proxy: FaultProxy, _ toxic: Toxic, _ body: Data
    ) throws -> ControlAnswer {
        switch method {
        case "GET": return try json(ToxicText(toxic))
        case "POST", "PATCH":
            let changed = try (decode(body) as ToxicText).toxic(changing: toxic)
            proxy.set(changed)
            return try json(ToxicText(changed))
        case "DELETE":
            proxy.remove(toxic)
            return ControlAnswer(204)
        default: throw notAllowed(method)
        }
    }

    /// Makes all the proxies of a list; a proxy of the same name that differs is replaced, as in Toxiproxy.
    private func populate(_ body: Data, _ loop: any EventLoop) throws -> EventLoopFuture<ControlAnswer> {
        let texts: [ProxyText] = try decode(body)
        var made: [EventLoopFuture<Void>] = []
        for text in texts {
            if let name = text.name, let old = try? registry.proxy(name) {
                made.append(try registry.update(old, text))
            } else {
                made.append(try registry.create(text))
            }
        }
        let names = texts.compactMap(\.name)
        return EventLoopFuture.andAllSucceed(made, on: loop).assumeIsolated().flatMapThrowing {
            try json(["proxies": names.map { ProxyText(try registry.proxy($0)) }], status: 201)
        }.nonisolated()
    }

    /// Bytes by direction in Prometheus' text format, under Toxiproxy's names.
    private var metrics: String {
        var lines: [String] = []
        for (family, help) in [
            ("toxiproxy_proxy_received_bytes_total", "Bytes received from clients or servers."),
            ("toxiproxy_proxy_sent_bytes_total", "Bytes passed on."),
        ] {
            lines += ["# HELP \(family) \(help)", "# TYPE \(family) counter"]
            for proxy in registry.all {
                for direction in Toxic.Direction.allCases {
                    let labels = [
                        "direction=\"\(direction.rawValue)\"", "listener=\"\(proxy.listen)\"",
                        "proxy=\"\(Self.escaped(proxy.name))\"", "upstream=\"\(proxy.upstream)\"",
                    ]
                    let bytes = family.contains("received") ? proxy.receivedBytes : proxy.passedBytes
                    lines.append("\(family){\(labels.joined(separator: ","))} \(bytes[direction, default: 0])")
                }
            }
        }
        return lines.joined(separator: "\n") + "\n"
    }

    private static func escaped(_ label: String) -> String {
        label.replacing("\\", with: "\\\\").replacing("\"", with: "\\\"").replacing("\n", with: "\\n")
    }

    private func notAllowed(_ method: String) -> ControlError {
        ControlError(status: 405, message: "method \(method) is not allowed here")
    }

    private func json(_ value: some Encodable, status: Int = 200) throws -> ControlAnswer {
        let encoder = JSONEncoder()
        encoder.outputFormatting = [.sortedKeys, .withoutEscapingSlashes]
        return ControlAnswer(status, try encoder.encode(value))
    }

    private func decode<Value: Decodable>(_ body: Data) throws(ControlError) -> Value {
        do {
            return try JSONDecoder().decode(Value.self, from: body)
        } catch {
            throw ControlError(status: 400, message: "bad request body: it is not the JSON that is expected here")
        }
    }
}
