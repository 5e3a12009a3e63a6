// SPDX-License-Identifier: Apache-2.0

internal import Foundation
internal import Resilience

extension ScenarioReader {
    private static let connectionKeys = [
        "strategy", "limit", "connect-timeout", "wait-timeout", "idle-timeout", "max-requests", "max-age", "spread",
        "dns", "tls-resumption",
    ]

    /// `connections: per-user`, or a mapping.
    func readConnections() -> Scenario.Connections? {
        let standard = Scenario.Connections()
        guard let entry = script.entry("connections"), !entry.value.isNull else { return standard }
        if entry.value.text != nil {
            return readStrategy(entry.value, "connections").map {
                Scenario.Connections(strategy: $0, limitPerTarget: standard.limitPerTarget)
            }
        }
        guard
            let section = ScriptSection(
                entry.value, "'connections'", at: entry.keyPosition, keys: Self.connectionKeys, reader: reader)
        else { return nil }
        let strategy = section["strategy"].map { readStrategy($0, "strategy") } ?? standard.strategy
        let limit = section.integer("limit", in: 1...60_000, default: standard.limitPerTarget)
        let connect = section.duration("connect-timeout", default: standard.connectTimeout, allowZero: false)
        let wait = section.duration("wait-timeout", default: standard.waitTimeout, allowZero: false)
        let idle = section.optional("idle-timeout") { reader.duration($0, "idle-timeout", allowZero: false) }
        let requests = section.optional("max-requests") {
            reader.integer($0, "max-requests", in: 1...1_000_000_000)
        }
        let age = section.optional("max-age") { reader.duration($0, "max-age", allowZero: false) }
        let spread = section["spread"].map { readSpread($0) } ?? standard.spread
        let once: Duration?? = .some(nil)
        let refresh = section["dns"].map { readRefresh($0) } ?? once
        let resumption =
            section["tls-resumption"].map { reader.bool($0, "tls-resumption") } ?? standard.tlsResumption
        guard let strategy, let limit, let connect, let wait, let idle, let requests, let age, let spread, let refresh,
            let resumption
        else { return nil }
        var connections = Scenario.Connections(strategy: strategy, limitPerTarget: limit)
        connections.connectTimeout = connect
        connections.waitTimeout = wait
        connections.idleTimeout = idle
        connections.maxRequests = requests
        connections.maxAge = age
        connections.spread = spread
        connections.dnsRefresh = refresh
        connections.tlsResumption = resumption
        return connections
    }

    private func readStrategy(_ node: ScriptNode, _ name: String) -> Scenario.Connections.Strategy? {
        let strategies = Scenario.Connections.Strategy.allCases.map(\.rawValue)
        return reader.word(node, name, strategies).flatMap(Scenario.Connections.Strategy.init)
    }

    private func readSpread(_ node: ScriptNode) -> Double? {
        guard let spread = reader.ratio(node, "spread") else { return nil }
        if spread < 1 { return spread }
        reader.report(node.position, "'spread' must be below 1: a connection's own limit would be nothing at all")
        return nil
    }

    /// `once`, which is no refresh, or `{refresh: 30s}`. The outer optional is nil when it is faulty.
    private func readRefresh(_ node: ScriptNode) -> Duration?? {
        if let text = node.text {
            if text == "once" { return .some(nil) }
            reader.report(node.position, "'dns' is once or for example {refresh: 30s}, not \(text.quoted)")
            return nil
        }
        guard let section = ScriptSection(node, "'dns'", keys: ["refresh"], reader: reader),
            let refresh = section.required("refresh", example: "30s"),
            let duration = reader.duration(refresh, "refresh")
        else { return nil }
        return duration
    }

    // MARK: - TLS

    private static let tlsKeys = [
        "min-version", "max-version", "ciphers", "cipher-suites", "alpn", "server-name", "certificate", "key",
    ]

    /// The mapping `tls` of a target. Files are looked for from the script's folder.
    static func readTLS(_ node: ScriptNode, _ title: String, folder: String, reader: ScriptReader) -> Scenario.TLS? {
        guard let section = ScriptSection(node, title, keys: tlsKeys, reader: reader) else { return nil }
        var tls = Scenario.TLS()
        var isSound = true
        func take<Value>(_ key: String, _ read: (ScriptNode) -> Value?, _ keep: (Value) -> Void) {
            guard let node = section[key] else { return }
            if let value = read(node) { keep(value) } else { isSound = false }
        }
        let versions = Scenario.TLS.Version.allCases.map(\.rawValue)
        func version(_ key: String) -> (ScriptNode) -> Scenario.TLS.Version? {
            { reader.word($0, key, versions).flatMap(Scenario.TLS.Version.init) }
        }
        func text(_ key: String) -> (ScriptNode) -> String? { { reader.text($0, key) } }
        func file(_ key: String) -> (ScriptNode) -> String? {
            { readFile($0, key, folder: folder, reader: reader) }
        }
        take("min-version", version("min-version")) { tls.minimumVersion = $0 }
        take("max-version", version("max-version")) { tls.maximumVersion = $0 }
        take("ciphers", text("ciphers")) { tls.ciphers = $0 }
        take("cipher-suites", text("cipher-suites")) { tls.cipherSuites = $0 }
        take("alpn", { readProtocols($0, reader) }) { tls.alpn = $0 }
        take("server-name", text("server-name")) { tls.serverName = $0 }
        take("certificate", file("certificate")) { tls.certificateFile = $0 }
        take("key", file("key")) { tls.keyFile = $0 }
        if isSound, tls.minimumVersion == .tls13, tls.maximumVersion == .tls12 {
            reader.report(
                (section["max-version"] ?? node).position, "'max-version' 1.2 is lower than 'min-version' 1.3")
            isSound = false
        }
        if let key = section.entry("key"), section["certificate"] == nil {
            reader.report(
                key.keyPosition, "'key' is the key of a client certificate; name its file in 'certificate' too")
            isSound = false
        }
        return isSound ? tls : nil
    }

    /// The path of a file that can be read, from the script's folder.
    static func readFile(_ node: ScriptNode, _ name: String, folder: String, reader: ScriptReader) -> String? {
        guard let text = reader.text(node, name) else { return nil }
        let path = text.hasPrefix("/") || folder.isEmpty ? text : folder + "/" + text
        if FileManager.default.isReadableFile(atPath: path) { return path }
        reader.report(
            node.position,
            "the file \(text.quoted) of \(name.quoted) can't be read; it is looked for from the script's folder")
        return nil
    }

    /// A list of protocol names, one of them, or nothing at all: `[]`.
    private static func readProtocols(_ node: ScriptNode, _ reader: ScriptReader) -> [String]? {
        if let text = node.text { return [text] }
        guard let items = node.items else {
            reader.report(node.position, "'alpn' is a list of protocols like [http/1.1], not \(node.kind)")
            return nil
        }
        var names: [String] = []
        for item in items {
            guard let name = reader.text(item, "alpn") else { return nil }
            guard (1...255).contains(name.utf8.count) else {
                reader.report(item.position, "a protocol's name has 1 to 255 bytes")
                return nil
            }
            names.append(name)
        }
        return names
    }
}
