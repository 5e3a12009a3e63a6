// SPDX-License-Identifier: Apache-2.0

internal import FaultInjection
internal import Resilience

/// What is known of a journey's variables while its steps are read.
struct JourneyVariables {
    /// Where each variable is captured first, in the whole journey.
    var captures: [String: ScriptPosition] = [:]
    /// With values from the steps so far, or from before the journey.
    var known: Set<String> = []
    /// Feeders with their columns; nil for one whose file could not be read.
    var feeders: [String: [String]?] = [:]

    /// As if all steps had been played.
    var withAllCaptures: JourneyVariables {
        var all = self
        all.known.formUnion(captures.keys)
        return all
    }
}

extension ScenarioReader {
    static let methods = ["get", "post", "put", "patch", "delete", "head", "options"]
    private static let requestKeys = [
        "service", "as", "label", "headers", "json", "form", "body", "content-type", "expect", "capture", "check",
        "when",
        "timeout",
    ]
    /// Loops in each other.
    private static let deepest = 8

    /// All journeys; nil when any is faulty.
    ///
    /// - Parameter scope: What every journey begins with.
    func readJourneys(_ scope: JourneyVariables) -> [Scenario.Journey]? {
        guard
            let node = script.required(
                "journeys", example: "{read: [{get: /v1/timelines/home, service: post, as: someone}]}")
        else { return nil }
        guard let entries = node.entries, !entries.isEmpty else {
            reader.report(node.position, "'journeys' names one or more lists of steps, not \(node.kind)")
            return nil
        }
        let journeys = entries.map { readJourney($0, scope) }
        let sound = journeys.compactMap { $0 }
        return sound.count == entries.count ? sound : nil
    }

    private func readJourney(_ entry: ScriptNode.Entry, _ scope: JourneyVariables) -> Scenario.Journey? {
        let named = reader.name(entry.key, "journey", at: entry.keyPosition)
        guard let items = entry.value.items, !items.isEmpty else {
            reader.report(
                entry.value.isNull ? entry.keyPosition : entry.value.position,
                "the journey \(entry.key.quoted) is a list of steps like '- get: /path', not "
                    + (entry.value.items == nil ? entry.value.kind : "an empty one"))
            return nil
        }
        let steps = readSteps(items, named: "the journey \(entry.key.quoted)", at: entry.keyPosition, scope)
        guard named, let steps else { return nil }
        return Scenario.Journey(name: entry.key, steps: steps)
    }

    /// The steps of `setup` or `teardown`; nil when any is faulty.
    func readSideSteps(_ key: String, _ variables: JourneyVariables) -> [Scenario.Step]? {
        guard let entry = script.entry(key), !entry.value.isNull else { return [] }
        guard let items = entry.value.items, !items.isEmpty else {
            reader.report(
                entry.value.position, "\(key.quoted) is a list of steps like '- get: /path', not \(entry.value.kind)")
            return nil
        }
        return readSteps(items, named: "'\(key)'", at: entry.keyPosition, variables)
    }

    private func readSteps(
        _ items: [ScriptNode], named title: String, at position: ScriptPosition, _ known: JourneyVariables
    ) -> [Scenario.Step]? {
        var variables = known
        for (name, position) in Self.assignments(in: items) where variables.captures[name] == nil {
            variables.captures[name] = position
        }
        var steps: [Scenario.Step] = []
        for item in items {
            if let step = readStep(item, &variables, depth: 0) { steps.append(step) }
        }
        guard steps.count == items.count else { return nil }
        guard !steps.flatMap(\.requests).isEmpty else {
            reader.report(position, "\(title) has no request")
            return nil
        }
        return steps
    }

    /// Where variables get values, in steps and the steps in them.
    static func assignments(in items: [ScriptNode], depth: Int = 0) -> [(String, ScriptPosition)] {
        if depth > deepest { return [] }
        return items.flatMap { item in
            (item.entries ?? []).flatMap { entry -> [(String, ScriptPosition)] in
                switch entry.key {
                case "capture", "set": (entry.value.entries ?? []).map { ($0.key, $0.keyPosition) }
                case "steps": assignments(in: entry.value.items ?? [], depth: depth + 1)
                default: []
                }
            }
        }
    }

    private func readStep(
        _ node: ScriptNode, _ variables: inout JourneyVariables, depth: Int
    ) -> Scenario.Step? {
        let actions = Self.methods + ["request", "think", "set", "loop", "steps"]
        guard let entries = node.entries else {
            reader.report(
                node.position, "a step is a mapping like 'get: /path' or 'think: 1s', not \(node.kind)")
            return nil
        }
        // A loop has steps, and is one thing.
        let isLoop = entries.contains { $0.key == "loop" }
        let found = entries.filter { actions.contains($0.key) && !(isLoop && $0.key == "steps") }
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
        func section(_ title: String, _ keys: [String]) -> ScriptSection {
            ScriptSection(entries, title, at: node.position, keys: keys, reader: reader)
        }
        switch action.key {
        case "think": return readThink(section("this pause", ["think"]), action).map(Scenario.Step.think)
        case "set": return readSet(section("this step", ["set"]), action, &variables)
        case "loop": return readLoop(section("this loop", ["loop", "steps"]), action, &variables, depth)
        case "steps":
            let section = section("this group", ["when", "steps"])
            let condition = section.required("when", example: "${post}").flatMap {
                readCondition($0, "when", variables)
            }
            let steps = readInnerSteps(section, &variables, depth)
            guard let condition, let steps else { return nil }
            return .group(when: condition, steps: steps)
        case "request":
            let section = section("this request", [action.key, "method"] + Self.requestKeys)
            return readRequest(section, action, &variables).map(Scenario.Step.request)
        default:
            let section = section("this request", [action.key] + Self.requestKeys)
            return readRequest(section, action, &variables).map(Scenario.Step.request)
        }
    }

    private func readInnerSteps(
        _ section: ScriptSection, _ variables: inout JourneyVariables, _ depth: Int
    ) -> [Scenario.Step]? {
        guard let node = section.required("steps", example: "[{get: /path}]") else { return nil }
        guard let items = node.items, !items.isEmpty else {
            reader.report(node.position, "'steps' is a list of steps like '- get: /path', not \(node.kind)")
            return nil
        }
        guard depth < Self.deepest else {
            reader.report(node.position, "loops and groups lie more than \(Self.deepest) deep in each other")
            return nil
        }
        var steps: [Scenario.Step] = []
        for item in items {
            if let step = readStep(item, &variables, depth: depth + 1) { steps.append(step) }
        }
        return steps.count == items.count ? steps : nil
    }

    /// `loop: 3`, or `loop: {while: CONDITION, max: 50}`, or `loop: {until: CONDITION, max: 50}`.
    private func readLoop(
        _ section: ScriptSection, _ action: ScriptNode.Entry, _ variables: inout JourneyVariables, _ depth: Int
    ) -> Scenario.Step? {
        let most = 1...100_000
        var loop = Scenario.Loop(rounds: 1, steps: [])
        var isSound = true
        var until: ScriptNode?
        if action.value.text != nil {
            if let rounds = reader.integer(action.value, "loop", in: most) {
                loop.rounds = rounds
            } else {
                isSound = false
            }
        } else if let options = ScriptSection(
            action.value, "'loop'", at: action.keyPosition, keys: ["while", "until", "max"], reader: reader)
        {
            if options["while"] == nil, options["until"] == nil {
                reader.report(action.keyPosition, "a loop is a number of rounds, or has 'while' or 'until' with 'max'")
                isSound = false
            }
            let rounds = options.required("max", example: "50").flatMap { reader.integer($0, "max", in: most) }
            if let rounds { loop.rounds = rounds } else { isSound = false }
            if let node = options["while"] {
                // Its variables may be captured in the loop itself: before the first round they are empty.
                loop.whileCondition = readCondition(node, "while", variables.withAllCaptures)
                isSound = isSound && loop.whileCondition != nil
            }
            until = options["until"]
        } else {
            isSound = false
        }
        guard let steps = readInnerSteps(section, &variables, depth) else { return nil }
        loop.steps = steps
        if let until {
            loop.untilCondition = readCondition(until, "until", variables)
            isSound = isSound && loop.untilCondition != nil
        }
        return isSound ? .loop(loop) : nil
    }

    private func readSet(
        _ section: ScriptSection, _ action: ScriptNode.Entry, _ variables: inout JourneyVariables
    ) -> Scenario.Step? {
        guard let entries = action.value.entries, !entries.isEmpty else {
            reader.report(
                action.value.isNull ? action.keyPosition : action.value.position,
                "'set' gives variables values, for example {seen: ${post}}, not \(action.value.kind)")
            return nil
        }
        var values: [(variable: String, value: String)] = []
        for entry in entries {
            let isSound = isVariableName(entry)
            if let text = reader.text(entry.value, entry.key), readTemplate(text, in: entry.value, variables) != nil,
                isSound
            {
                values.append((entry.key, text))
            }
            variables.known.insert(entry.key)
        }
        return values.count == entries.count ? .set(values) : nil
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
