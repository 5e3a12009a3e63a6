// SPDX-License-Identifier: Apache-2.0

internal import Foundation
internal import Resilience

extension ScenarioReader {
    /// `system: social`, `system: {targets: {web: https://host:port}}` or `system: {stations: {db: exp(5ms)}}`.
    static func readSystem(_ script: ScriptSection, folder: String, reader: ScriptReader) -> Scenario.System? {
        guard let node = script.required("system", example: "social") else { return nil }
        if let word = node.text {
            if word == "social" { return .social }
            reader.report(
                node.position,
                "\(word.quoted) is not a system\(NearestName.advice(for: word, among: ["social"])); for servers that are already "
                    + "there write {targets: {web: https://host:port}}, for virtual stations {stations: {db: exp(5ms)}}"
            )
            return nil
        }
        let position = script.entry("system")?.keyPosition
        guard
            let section = ScriptSection(
                node, "'system'", at: position, keys: ["targets", "stations", "tls"], reader: reader)
        else { return nil }
        if section.entry("stations") != nil { return readStations(section, reader: reader) }
        if let entry = section.entry("tls") {
            reader.report(entry.keyPosition, "'tls' goes with 'stations'; the URL of a target says whether it has TLS")
            return nil
        }
        guard let targets = section.required("targets", example: "{web: https://127.0.0.1:8443}") else { return nil }
        guard let entries = targets.entries, !entries.isEmpty else {
            reader.report(
                targets.position,
                "'targets' names servers, for example {web: https://127.0.0.1:8443}, not \(targets.kind)")
            return nil
        }
        let read = entries.map { readTarget($0, folder: folder, reader: reader) }
        let targetList = read.compactMap { $0 }
        return targetList.count == entries.count ? .targets(targetList) : nil
    }

    private static func readTarget(_ entry: ScriptNode.Entry, folder: String, reader: ScriptReader) -> Scenario.Target?
    {
        let named = isName(entry, of: "target", reader: reader)
        var target = Scenario.Target(name: entry.key, url: "")
        if let url = entry.value.text {
            target.url = url
            return isURL(url, at: entry.value.position, reader: reader) && named ? target : nil
        }
        let title = "the target \(entry.key.quoted)"
        guard
            let section = ScriptSection(
                entry.value, title, at: entry.keyPosition, keys: ["url", "roots", "verify", "tls"], reader: reader),
            let node = section.required("url", example: "https://127.0.0.1:8443"), let url = reader.text(node, "url")
        else { return nil }
        target.url = url
        var sound = isURL(url, at: node.position, reader: reader) && named
        if let node = section["verify"] {
            if let verify = reader.bool(node, "verify") { target.verify = verify } else { sound = false }
        }
        if let node = section["roots"] {
            target.rootsFile = readFile(node, "roots", folder: folder, reader: reader)
            if target.rootsFile == nil { sound = false }
        }
        if let node = section["tls"] {
            if !url.hasPrefix("https://") {
                reader.report(node.position, "\(title) has 'tls', and its URL does not begin with https://")
                sound = false
            }
            if let tls = readTLS(node, "'tls' of \(title)", folder: folder, reader: reader) {
                target.tls = tls
            } else {
                sound = false
            }
        }
        return sound ? target : nil
    }

    /// Whether something that requests are sent to may have this name.
    static func isName(_ entry: ScriptNode.Entry, of what: String, reader: ScriptReader) -> Bool {
        guard reader.name(entry.key, what, at: entry.keyPosition) else { return false }
        if entry.key == Scenario.loadName {
            reader.report(entry.keyPosition, "'load' names the load generator itself; give the \(what) another name")
            return false
        }
        return true
    }

    private static func isURL(_ text: String, at position: ScriptPosition, reader: ScriptReader) -> Bool {
        let rest: Substring
        if text.hasPrefix("https://") {
            rest = text.dropFirst(8)
        } else if text.hasPrefix("http://") {
            rest = text.dropFirst(7)
        } else {
            reader.report(position, "\(text.quoted) is not a URL; write https://host:port or http://host:port")
            return false
        }
        // An IPv6 address stands in brackets and has colons of its own.
        let host: Substring
        let port: Substring?
        if rest.hasPrefix("["), let end = rest.firstIndex(of: "]") {
            host = rest[rest.index(after: rest.startIndex)..<end]
            let after = rest[rest.index(after: end)...]
            port = after.isEmpty ? nil : after.first == ":" ? after.dropFirst() : "x"
        } else {
            let parts = rest.split(separator: ":", maxSplits: 1, omittingEmptySubsequences: false)
            host = parts[0]
            port = parts.count == 2 ? parts[1] : nil
        }
        let hostFits =
            !host.isEmpty
            && host.utf8.allSatisfy { byte in
                (48...57).contains(byte) || (65...90).contains(byte) || (97...122).contains(byte)
                    || ".-_:%".utf8.contains(byte)
            }
        guard hostFits else {
            let path = rest.contains("/") ? "; paths belong into the journeys' steps" : ""
            reader.report(position, "\(text.quoted) has no proper host name; write https://host:port\(path)")
            return false
        }
        if let port, !(Int(port).map { (1...65_535).contains($0) } ?? false) {
            let path = port.contains("/") ? "; paths belong into the journeys' steps" : ""
            reader.report(position, "\(text.quoted) has no proper port; ports lie between 1 and 65535\(path)")
            return false
        }
        return true
    }
}
