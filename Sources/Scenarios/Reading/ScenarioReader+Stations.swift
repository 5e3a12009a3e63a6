// SPDX-License-Identifier: Apache-2.0

internal import Resilience
internal import Stations

extension ScenarioReader {
    /// `{stations: {db: exp(5ms), web: {slots: 4, service: exp(5ms), queue: fifo(100), drop-expired: true}}, tls: true}`.
    static func readStations(_ section: ScriptSection, reader: ScriptReader) -> Scenario.System? {
        if let entry = section.entry("targets") {
            reader.report(entry.keyPosition, "a system is made of 'targets' or of 'stations', not of both")
        }
        let tls = section["tls"].map { reader.bool($0, "tls") } ?? false
        guard let node = section.required("stations", example: "{db: exp(5ms)}") else { return nil }
        guard let entries = node.entries, !entries.isEmpty else {
            reader.report(
                node.position,
                "'stations' names virtual stations, for example {db: {slots: 1, service: exp(5ms)}}, not \(node.kind)")
            return nil
        }
        guard entries.count <= StationOptions.mostStations else {
            reader.report(
                node.position,
                "these are \(entries.count) stations; one process plays at most \(StationOptions.mostStations)")
            return nil
        }
        let read = entries.map { readStation($0, reader: reader) }
        let stations = read.compactMap { $0 }
        guard let tls, stations.count == entries.count, section.entry("targets") == nil else { return nil }
        return .stations(stations, tls: tls)
    }

    private static func readStation(_ entry: ScriptNode.Entry, reader: ScriptReader) -> Scenario.Station? {
        let named = isName(entry, of: "station", reader: reader)
        if entry.value.text != nil {
            guard let service = readServiceTime(entry.value, reader: reader), named else { return nil }
            return Scenario.Station(name: entry.key, options: StationOptions(service: service))
        }
        let keys = ["slots", "service", "queue", "drop-expired"]
        guard
            let section = ScriptSection(
                entry.value, "the station \(entry.key.quoted)", at: entry.keyPosition, keys: keys, reader: reader)
        else { return nil }
        let service = section.required("service", example: "exp(5ms)").flatMap { readServiceTime($0, reader: reader) }
        let slots = readSlots(section, reader: reader)
        let queue = readQueue(section, reader: reader)
        let dropsExpired = section["drop-expired"].map { reader.bool($0, "drop-expired") } ?? false
        guard named, let service, let slots, let queue, let dropsExpired else { return nil }
        return Scenario.Station(
            name: entry.key,
            options: StationOptions(slots: slots, service: service, queue: queue, dropsExpired: dropsExpired))
    }

    private static func readServiceTime(_ node: ScriptNode, reader: ScriptReader) -> ServiceTime? {
        guard let text = reader.text(node, "service") else { return nil }
        do {
            return try ServiceTime(text: text)
        } catch {
            reader.report(node.position, "\(text.quoted) is not a service time: \(error)")
            return nil
        }
    }

    /// Nil inside for a station without a limit.
    private static func readSlots(_ section: ScriptSection, reader: ScriptReader) -> Int?? {
        guard let node = section["slots"] else { return 1 }
        if node.text == "inf" { return .some(nil) }
        let range = StationOptions.slotRange
        if case .scalar(let text, let plain) = node.value,
            case .integer(let value) = ScriptNode.meaning(text, plain: plain), range.contains(value)
        {
            return value
        }
        reader.report(
            node.position, "'slots' is a whole number between 1 and \(range.upperBound), or inf, not \(node.kind)")
        return nil
    }

    private static func readQueue(_ section: ScriptSection, reader: ScriptReader) -> QueueDiscipline? {
        guard let node = section["queue"] else { return QueueDiscipline(.fifo) }
        guard let text = reader.text(node, "queue") else { return nil }
        if let queue = QueueDiscipline(text: text) { return queue }
        reader.report(
            node.position,
            "\(text.quoted) is not a queue; write fifo or lifo, with the most requests that may wait as fifo(100)")
        return nil
    }
}
