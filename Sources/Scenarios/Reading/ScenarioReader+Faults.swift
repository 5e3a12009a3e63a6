// SPDX-License-Identifier: Apache-2.0

internal import FaultInjection
internal import Stations

/// A fault and where the script has it.
struct PlacedFault {
    var fault: Fault
    var position: ScriptPosition
}

extension ScenarioReader {
    /// Kinds at each sort of location, in the order in which they are offered.
    private static let edgeKinds = ["latency", "blackhole", "down", "reset"]
    private static let serviceKinds = ["latency", "error", "blackhole", "pause", "kill"]
    private static let stationKinds = ["freeze", "slow", "error"]
    private static let kinds = ["latency", "error", "blackhole", "down", "reset", "pause", "kill", "freeze", "slow"]

    /// All faults; nil when any is faulty itself.
    func readFaults(load: [Scenario.Load]?) -> [PlacedFault]? {
        guard let node = script["faults"] else { return [] }
        guard let items = node.items else {
            reader.report(
                node.position,
                "'faults' is a list, each like '- {at: 15s, for: 10s, on: …, latency: 800ms}', not \(node.kind)")
            return nil
        }
        let faults = items.map { readFault($0, load: load) }
        let sound = faults.compactMap { $0 }
        guard sound.count == items.count else { return nil }
        return checkOverlaps(sound) ? sound : nil
    }

    private func readFault(_ node: ScriptNode, load: [Scenario.Load]?) -> PlacedFault? {
        let keys = ["at", "for", "on", "route"] + Self.kinds
        guard let section = ScriptSection(node, "this fault", keys: keys, reader: reader) else { return nil }
        let start = section.required("at", example: "15s").flatMap { reader.duration($0, "at") }
        let duration = section.required("for", example: "10s").flatMap { reader.duration($0, "for", allowZero: false) }
        let location = readLocation(section)
        let kind = readKind(section, location)
        let route = readRoute(section, location, kind)
        guard let start, let duration, let location, let kind, let route else { return nil }
        let fault = Fault(location: location, kind: kind, route: route, start: start, duration: duration)
        return isInTime(fault, section, load: load) ? PlacedFault(fault: fault, position: section.position) : nil
    }

    /// `on: post -> comment` or `on: comment`.
    private func readLocation(_ section: ScriptSection) -> Fault.Location? {
        guard let node = section.required("on", example: "post -> comment"), let text = reader.text(node, "on"),
            let system
        else { return nil }
        if case .targets = system {
            reader.report(
                node.position, "faults need the social network or stations; the system of this script is 'targets'")
            return nil
        }
        guard let arrow = text.firstRange(of: "->") else {
            let service = text.trimmed
            let what = system == .social ? "service" : "station"
            return reader.reference(service, what, among: system.targetNames, at: node.position)
                ? .service(service) : nil
        }
        guard system == .social else {
            reader.report(node.position, "stations call nobody; a fault stands on a station itself, as 'on: db'")
            return nil
        }
        let caller = String(text[..<arrow.lowerBound]).trimmed
        let callee = String(text[arrow.upperBound...]).trimmed
        let edge = Scenario.edgeName(from: caller, to: callee)
        return reader.reference(edge, "edge", among: system.edgeNames, at: node.position)
            ? .edge(from: caller, to: callee) : nil
    }

    private func readKind(_ section: ScriptSection, _ location: Fault.Location?) -> Fault.Kind? {
        let found = section.entries.filter { Self.kinds.contains($0.key) }
        let allowed: [String]
        let place: String
        switch location {
        case .edge:
            allowed = Self.edgeKinds
            place = "on an edge"
        case .service:
            let isStation = system.map { $0 != .social } ?? false
            allowed = isStation ? Self.stationKinds : Self.serviceKinds
            place = isStation ? "at a station" : "inside a service"
        case nil:
            allowed = Self.kinds
            place = "anywhere"
        }
        guard let entry = found.first else {
            // An unknown key is probably the mistyped kind, and is reported already.
            let known = ["at", "for", "on", "route"] + Self.kinds
            if section.entries.allSatisfy({ known.contains($0.key) }) {
                reader.report(
                    section.position, "this fault does nothing (allowed: \(allowed.joined(separator: ", ")))")
            }
            return nil
        }
        guard found.count == 1 else {
            reader.report(
                found[1].keyPosition,
                "a fault does one thing, and this one has \(found.map(\.key.quoted).joined(separator: " and "))")
            return nil
        }
        guard allowed.contains(entry.key) else {
            reader.report(
                entry.keyPosition,
                "\(entry.key.quoted) makes no sense \(place) (allowed: \(allowed.joined(separator: ", ")))")
            return nil
        }
        switch entry.key {
        case "latency":
            let kind = readLatency(entry)
            if case .edge = location, case .latency(let mean, _) = kind, mean < .milliseconds(1) {
                reader.report(
                    entry.value.position, "a latency on an edge is at least 1ms: its proxy counts milliseconds")
                return nil
            }
            return kind
        case "error": return readError(entry)
        case "slow":
            guard let factor = reader.number(entry.value, "slow", in: StationControl.slowRange) else { return nil }
            return .slow(factor: factor)
        default: break
        }
        // The others have no parameters: nothing, `true` or an empty mapping.
        let empty = entry.value.isNull || entry.value.text == "true" || entry.value.entries?.isEmpty == true
        guard empty else {
            reader.report(entry.value.position, "'\(entry.key)' takes no value; write \(entry.key): {}")
            return nil
        }
        switch entry.key {
        case "blackhole": return .blackhole
        case "down": return .down
        case "reset": return .reset
        case "pause": return .pause
        case "freeze": return .freeze
        default: return .kill
        }
    }

    private func readLatency(_ entry: ScriptNode.Entry) -> Fault.Kind? {
        if entry.value.text != nil {
            return reader.duration(entry.value, "latency", allowZero: false).map { .latency(mean: $0, jitter: .zero) }
        }
        guard
            let section = ScriptSection(
                entry.value, "'latency'", at: entry.keyPosition, keys: ["mean", "jitter"], reader: reader)
        else { return nil }
        let mean = section.required("mean", example: "800ms").flatMap {
            reader.duration($0, "mean", allowZero: false)
        }
        let jitter = section.duration("jitter", default: .zero)
        guard let mean, let jitter else { return nil }
        guard jitter <= mean else {
            reader.report(
                section["jitter"]?.position ?? section.position,
                "'jitter' is longer than 'mean'; a delay can't be negative")
            return nil
        }
        return .latency(mean: mean, jitter: jitter)
    }

    private func readError(_ entry: ScriptNode.Entry) -> Fault.Kind? {
        if entry.value.isNull { return .error(status: 503, rate: 1) }
        if entry.value.text != nil {
            return reader.integer(entry.value, "error", in: 400...599).map { .error(status: $0, rate: 1) }
        }
        guard
            let section = ScriptSection(
                entry.value, "'error'", at: entry.keyPosition, keys: ["status", "rate"], reader: reader)
        else { return nil }
        let status = section.integer("status", in: 400...599, default: 503)
        let rate = section["rate"].map { reader.ratio($0, "rate") } ?? 1
        guard let status, let rate else { return nil }
        return .error(status: status, rate: rate)
    }

    private func readRoute(_ section: ScriptSection, _ location: Fault.Location?, _ kind: Fault.Kind?) -> RoutePattern?
    {
        guard let entry = section.entry("route"), !entry.value.isNull else { return .all }
        guard let text = reader.text(entry.value, "route") else { return nil }
        guard let route = RoutePattern(text) else {
            reader.report(
                entry.value.position,
                "\(text.quoted) is not a route; write *, /path or METHOD /path, with * for one segment")
            return nil
        }
        if case .edge = location {
            reader.report(
                entry.keyPosition,
                "an edge carries bytes and knows no routes; 'route' goes with a fault inside a service")
            return nil
        }
        if let system, system != .social {
            reader.report(entry.keyPosition, "a station knows no routes; every path leads to its one queue")
            return nil
        }
        if kind == .pause || kind == .kill {
            reader.report(
                entry.keyPosition, "the whole process is stopped; 'route' goes with latency, error and blackhole")
            return nil
        }
        return route
    }
}

extension String {
    /// Without spaces at both ends.
    var trimmed: String { String(drop { $0 == " " }.reversed().drop { $0 == " " }.reversed()) }
}
