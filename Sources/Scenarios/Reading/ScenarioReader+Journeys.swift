// SPDX-License-Identifier: Apache-2.0

internal import FaultInjection
internal import Resilience

/// What is known of a journey's variables while its steps are read.
struct JourneyVariables {
    /// Where each variable is captured first, in the whole journey.
    var captures: [String: ScriptPosition] = [:]
    /// Captured by the steps so far.
    var known: Set<String> = []
}

extension ScenarioReader {
    static let methods = ["get", "post", "put", "patch", "delete", "head"]
    private static let requestKeys = [
        "service", "as", "label", "headers", "json", "body", "content-type", "expect", "capture", "when", "timeout",
    ]

    /// All journeys; nil when any is faulty.
    func readJourneys() -> [Scenario.Journey]? {
        guard
            let node = script.required(
                "journeys", example: "{read: [{get: /v1/timelines/home, service: post, as: someone}]}")
        else { return nil }
        guard let entries = node.entries, !entries.isEmpty else {
            reader.report(node.position, "'journeys' names one or more lists of steps, not \(node.kind)")
            return nil
        }
        let journeys = entries.map(readJourney)
        let sound = journeys.compactMap { $0 }
        return sound.count == entries.count ? sound : nil
    }

    private func readJourney(_ entry: ScriptNode.Entry) -> Scenario.Journey? {
        let named = reader.name(entry.key, "journey", at: entry.keyPosition)
        guard let items = entry.value.items, !items.isEmpty else {
            reader.report(
                entry.value.isNull ? entry.keyPosition : entry.value.position,
                "the journey \(entry.key.quoted) is a list of steps like '- get: /path', not "
                    + (entry.value.items == nil ? entry.value.kind : "an empty one"))
            return nil
        }
        var variables = JourneyVariables()
        for item in items {
            for capture in item.entries?.first(where: { $0.key == "capture" })?.value.entries ?? []
            where variables.captures[capture.key] == nil {
                variables.captures[capture.key] = capture.keyPosition
            }
        }
        var steps: [Scenario.Step] = []
        for item in items {
            if let step = readStep(item, &variables) { steps.append(step) }
        }
        guard named, steps.count == items.count else { return nil }
        guard steps.contains(where: { if case .request = $0 { true } else { false } }) else {
            reader.report(entry.keyPosition, "the journey \(entry.key.quoted) has no request")
            return nil
        }
        return Scenario.Journey(name: entry.key, steps: steps)
    }

    private func readStep(_ node: ScriptNode, _ variables: inout JourneyVariables) -> Scenario.Step? {
        let actions = Self.methods + ["think"]
        guard let entries = node.entries else {
            reader.report(
                node.position, "a step is a mapping like 'get: /path' or 'think: 1s', not \(node.kind)")
            return nil
        }
        let found = entries.filter { actions.contains($0.key) }
        guard found.count == 1, let action = found.first else {
            guard found.isEmpty else {
                let keys = found.map(\.key.quoted).joined(separator: " and ")
                reader.report(found[1].keyPosition, "a step does one thing, and this one has \(keys)")
                return nil
            }
            // A mistyped action is named as such, not as an unknown key in a step without an action.
            let known = Self.requestKeys
            if let mistyped = entries.first(where: { entry in
                !known.contains(entry.key) && NearestName.find(entry.key, in: actions) != nil
            }) ?? entries.first(where: { !known.contains($0.key) }) {
                reader.report(
                    mistyped.keyPosition,
                    "\(mistyped.key.quoted) is not a step\(NearestName.advice(for: mistyped.key, among: actions))")
            } else {
                reader.report(
                    node.position, "this step does nothing (allowed: \(actions.joined(separator: ", ")))")
            }
            return nil
        }
        if action.key == "think" {
            let section = ScriptSection(entries, "this pause", at: node.position, keys: ["think"], reader: reader)
            return readThink(section, action).map(Scenario.Step.think)
        }
        let keys = [action.key] + Self.requestKeys
        let section = ScriptSection(entries, "this request", at: node.position, keys: keys, reader: reader)
        return readRequest(section, action, &variables).map(Scenario.Step.request)
    }

    /// `1s`, `1s..3s`, `{min: 1s, max: 3s}` or `{exponential: 1s}`.
    private func readThink(_ section: ScriptSection, _ action: ScriptNode.Entry) -> Scenario.Think? {
        let node = action.value
        if let text = node.text {
            guard let dots = text.firstRange(of: "..") else {
                return reader.duration(node, "think").map(Scenario.Think.fixed)
            }
            do {
                let low = try DurationText.parse(String(text[..<dots.lowerBound]))
                let high = try DurationText.parse(String(text[dots.upperBound...]))
                guard low <= high else {
                    reader.report(
                        node.position, "the pause \(text.quoted) ends before it begins; write the shorter time first")
                    return nil
                }
                return .uniform(low, high)
            } catch {
                reader.report(node.position, "\(text.quoted) is not a pause like 1s or 1s..3s: \(error)")
                return nil
            }
        }
        guard
            let choice = ScriptSection(
                node, "'think'", at: action.keyPosition, keys: ["min", "max", "exponential"], reader: reader)
        else { return nil }
        if let mean = choice["exponential"] {
            if let other = choice.entry("min") ?? choice.entry("max") {
                reader.report(other.keyPosition, "a pause is 'exponential' or has 'min' and 'max', not both")
                return nil
            }
            return reader.duration(mean, "exponential").map(Scenario.Think.exponential)
        }
        let low = choice.required("min", example: "1s").flatMap { reader.duration($0, "min") }
        let high = choice.required("max", example: "3s").flatMap { reader.duration($0, "max") }
        guard let low, let high else { return nil }
        guard low <= high else {
            reader.report(choice["max"]?.position ?? node.position, "'max' is shorter than 'min'")
            return nil
        }
        return .uniform(low, high)
    }
}
