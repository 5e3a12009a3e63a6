// SPDX-License-Identifier: Apache-2.0

internal import Resilience

extension ScenarioReader {
    /// Largest file of rows.
    private static let feederLimit = 64 << 20

    /// `feeders: {people: {file: people.csv, order: queue, scope: iteration}}`; nil when any is faulty.
    func readFeeders() -> [Scenario.Feeder]? {
        guard let entry = script.entry("feeders"), !entry.value.isNull else { return [] }
        guard let entries = entry.value.entries else {
            reader.report(
                entry.value.position,
                "'feeders' names files of rows, for example {people: {file: people.csv}}, not \(entry.value.kind)")
            return nil
        }
        let feeders = entries.map(readFeeder)
        let sound = feeders.compactMap { $0 }
        return sound.count == entries.count ? sound : nil
    }

    private func readFeeder(_ entry: ScriptNode.Entry) -> Scenario.Feeder? {
        let title = "the feeder \(entry.key.quoted)"
        let isNamed = isVariableName(entry)
        guard
            let section = ScriptSection(
                entry.value, title, at: entry.keyPosition, keys: ["file", "order", "scope"], reader: reader)
        else { return nil }
        let orders = Scenario.Feeder.Order.allCases.map(\.rawValue)
        let scopes = Scenario.Feeder.Scope.allCases.map(\.rawValue)
        let order = section["order"].map { reader.word($0, "order", orders) } ?? Scenario.Feeder.Order.queue.rawValue
        let scope =
            section["scope"].map { reader.word($0, "scope", scopes) } ?? Scenario.Feeder.Scope.iteration.rawValue
        guard let node = section.required("file", example: "people.csv"), let name = node.text,
            let bytes = readFile(node, limit: Self.feederLimit), let table = readRows(bytes, of: name, at: node)
        else {
            if let node = section["file"], node.text == nil { _ = reader.text(node, "file") }
            return nil
        }
        guard isNamed, let order = order.flatMap(Scenario.Feeder.Order.init),
            let scope = scope.flatMap(Scenario.Feeder.Scope.init)
        else { return nil }
        return Scenario.Feeder(name: entry.key, columns: table.columns, rows: table.rows, order: order, scope: scope)
    }

    private func readRows(_ bytes: [UInt8], of name: String, at node: ScriptNode) -> RowsText.Table? {
        do throws(RowsText.Malformed) {
            if name.hasSuffix(".csv") { return try RowsText.csv(bytes) }
            if name.hasSuffix(".jsonl") || name.hasSuffix(".ndjson") { return try RowsText.jsonLines(bytes) }
            reader.report(node.position, "rows are read from .csv, .jsonl and .ndjson files, not from \(name.quoted)")
            return nil
        } catch {
            reader.report(node.position, "\(name), line \(error.line): \(error.message)")
            return nil
        }
    }

    /// `state: {visits: 0}`: variables that a user keeps, with their first values; nil when any is faulty.
    func readState() -> [(name: String, value: String)]? {
        guard let entry = script.entry("state"), !entry.value.isNull else { return [] }
        guard let entries = entry.value.entries else {
            reader.report(
                entry.value.position,
                "'state' gives variables their first values, for example {visits: 0}, not \(entry.value.kind)")
            return nil
        }
        var state: [(name: String, value: String)] = []
        for variable in entries where isVariableName(variable) {
            if variable.value.isNull {
                state.append((variable.key, ""))
            } else if let value = reader.text(variable.value, variable.key) {
                state.append((variable.key, value))
            }
        }
        return state.count == entries.count ? state : nil
    }

    /// What every journey begins with: kept variables, what the set-up captures, feeders.
    func journeyScope(feeders: [Scenario.Feeder]?) -> JourneyVariables {
        var scope = JourneyVariables()
        scope.known.formUnion(script["state"]?.entries?.map(\.key) ?? [])
        scope.known.formUnion(Self.assignments(in: script["setup"]?.items ?? []).map(\.0))
        for entry in script["feeders"]?.entries ?? [] {
            scope.feeders[entry.key] = .some(feeders?.first { $0.name == entry.key }?.columns)
        }
        return scope
    }
}
