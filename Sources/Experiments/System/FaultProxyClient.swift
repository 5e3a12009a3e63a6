// SPDX-License-Identifier: Apache-2.0

internal import AsyncHTTPClient
internal import FaultInjection
internal import Foundation

/// Talks to the fault proxy through Toxiproxy's HTTP control API.
struct FaultProxyClient: Sendable {
    let port: Int
    let client: HTTPClient

    private struct Proxy: Codable {
        var name: String
        var listen: String
        var upstream: String
        var enabled: Bool
    }
    private struct Enabled: Encodable { var enabled: Bool }
    private struct Toxic: Encodable {
        var name: String
        var type: String
        var stream: String
        var toxicity = 1.0
        var attributes: [String: Int]
    }

    /// Makes a listener on a free port of the loopback that passes everything on to `upstream`; returns its port.
    func add(name: String, upstream: String) async throws -> Int {
        let body = Proxy(name: name, listen: "127.0.0.1:0", upstream: upstream, enabled: true)
        let answer = try await send("POST", "/proxies", JSONEncoder().encode(body))
        let listen = try JSONDecoder().decode(Proxy.self, from: answer).listen
        guard let port = listen.split(separator: ":").last.flatMap({ Int($0) }) else {
            throw ExperimentError(.system, "fault-proxy: cannot read its listening address \(listen)")
        }
        return port
    }

    /// Makes a fault of an edge active.
    func activate(_ kind: Fault.Kind, proxy: String, id: String) async throws {
        switch kind {
        case .latency(let mean, let jitter):
            try await add(
                Toxic(
                    name: id, type: "latency", stream: "downstream",
                    attributes: ["latency": milliseconds(mean), "jitter": milliseconds(jitter)]), to: proxy)
        case .blackhole:
            try await add(Toxic(name: id, type: "timeout", stream: "downstream", attributes: ["timeout": 0]), to: proxy)
        case .reset:
            try await add(
                Toxic(name: id, type: "reset_peer", stream: "downstream", attributes: ["timeout": 0]), to: proxy)
        case .down:
            _ = try await send("POST", path(proxy), JSONEncoder().encode(Enabled(enabled: false)))
        case .error, .pause, .kill, .freeze, .slow:
            throw ExperimentError(.script, "a fault of this kind can't act on the edge \(proxy)")
        }
    }

    /// Ends a fault that `activate` began.
    func deactivate(_ kind: Fault.Kind, proxy: String, id: String) async throws {
        if kind == .down {
            _ = try await send("POST", path(proxy), JSONEncoder().encode(Enabled(enabled: true)))
        } else {
            _ = try await send("DELETE", "\(path(proxy))/toxics/\(id)", nil)
        }
    }

    private func add(_ toxic: Toxic, to proxy: String) async throws {
        _ = try await send("POST", "\(path(proxy))/toxics", JSONEncoder().encode(toxic))
    }

    private func path(_ proxy: String) -> String { "/proxies/\(proxy)" }

    private func milliseconds(_ duration: Duration) -> Int { Int((duration / .milliseconds(1)).rounded()) }

    private func send(_ method: String, _ path: String, _ body: Data?) async throws -> Data {
        let (status, answer) = try await client.exchange(
            method, "http://127.0.0.1:\(port)\(path)", body: body, limit: .seconds(5))
        guard (200..<300).contains(status) else {
            throw ExperimentError(
                .system,
                "fault-proxy: \(method) \(path) answered \(status): \(String(decoding: answer, as: UTF8.self))")
        }
        return answer
    }
}
