// SPDX-License-Identifier: Apache-2.0

extension ScenarioReader {
    private static let executors = ["constant-arrival-rate", "ramping-arrival-rate", "constant-vus"]
    /// A day; a longer run is a mistyped unit.
    private static let longest: Duration = .seconds(86_400)

    /// The arrivals of all loads; nil when any is faulty.
    func readLoad() -> [Scenario.Load]? {
        guard
            let node = script.required(
                "load", example: "{browse: {executor: constant-arrival-rate, rate: 100/s, duration: 30s}}")
        else { return nil }
        guard let entries = node.entries, !entries.isEmpty else {
            reader.report(
                node.position, "'load' names one or more sources of arrivals, each a mapping, not \(node.kind)")
            return nil
        }
        let loads = entries.map(readOneLoad)
        let sound = loads.compactMap { $0 }
        return sound.count == entries.count ? sound : nil
    }

    private func readOneLoad(_ entry: ScriptNode.Entry) -> Scenario.Load? {
        let title = "the load \(entry.key.quoted)"
        let named = reader.name(entry.key, "load", at: entry.keyPosition)
        guard let entries = entry.value.entries else {
            reader.report(
                entry.value.isNull ? entry.keyPosition : entry.value.position,
                "\(title) is a mapping with 'executor', 'rate' and 'duration', not \(entry.value.kind)")
            return nil
        }
        // The keys depend on the executor: with an unknown one, only the executor is reported.
        let common = ["executor", "arrivals", "warmup", "start", "journeys"]
        let all = common + ["rate", "duration", "start-rate", "stages", "vus"]
        let executorNode = entries.first { $0.key == "executor" }?.value
        let executor: String?
        if let executorNode, !executorNode.isNull {
            executor = reader.word(executorNode, "executor", Self.executors)
        } else {
            reader.report(
                entry.keyPosition, "\(title) has no 'executor' (allowed: \(Self.executors.joined(separator: ", ")))")
            executor = nil
        }
        let keys =
            switch executor {
            case "constant-arrival-rate": common + ["rate", "duration"]
            case "ramping-arrival-rate": common + ["start-rate", "stages"]
            case "constant-vus": ["executor", "vus", "duration", "warmup", "start", "journeys"]
            default: all
            }
        let titled = executor.map { "\(title) (\($0))" } ?? title
        let section = ScriptSection(entries, titled, at: entry.keyPosition, keys: keys, reader: reader)

        var arrivals: Scenario.Load.Arrivals? = .uniform
        if let node = section["arrivals"], keys.contains("arrivals") {
            arrivals = reader.word(node, "arrivals", Scenario.Load.Arrivals.allCases.map(\.rawValue))
                .flatMap(Scenario.Load.Arrivals.init)
        }
        let warmup = section.duration("warmup", default: .zero)
        let start = section.duration("start", default: .zero)
        let journeys = readWeights(section)
        let timed: (Scenario.Load.Executor, Duration)? =
            switch executor {
            case "constant-arrival-rate": readConstantRate(section)
            case "ramping-arrival-rate": readRamp(section)
            case "constant-vus": readUsers(section)
            default: nil
            }
        guard named, let (executor, duration) = timed, let arrivals, let warmup, let start, let journeys else {
            return nil
        }
        let load = Scenario.Load(
            name: entry.key, executor: executor, arrivals: arrivals, duration: duration, warmup: warmup, start: start,
            journeys: journeys)
        return isPossible(load, section) ? load : nil
    }

    private func readConstantRate(_ section: ScriptSection) -> (Scenario.Load.Executor, Duration)? {
        let rate = section.required("rate", example: "100/s").flatMap { reader.rate($0, "rate") }
        let duration = readDuration(section)
        guard let rate, let duration else { return nil }
        return (.constantArrivalRate(perSecond: rate), duration)
    }

    private func readUsers(_ section: ScriptSection) -> (Scenario.Load.Executor, Duration)? {
        let users = section.required("vus", example: "10").flatMap { reader.integer($0, "vus", in: 1...100_000) }
        let duration = readDuration(section)
        guard let users, let duration else { return nil }
        return (.constantUsers(users), duration)
    }

    private func readDuration(_ section: ScriptSection) -> Duration? {
        section.required("duration", example: "30s").flatMap { reader.duration($0, "duration", allowZero: false) }
    }

    private func readRamp(_ section: ScriptSection) -> (Scenario.Load.Executor, Duration)? {
        let start = section["start-rate"].map { reader.rate($0, "start-rate", allowZero: true) } ?? 0
        let example = "[{duration: 10s, target: 100/s}]"
        guard let node = section.required("stages", example: example) else { return nil }
        guard let items = node.items, !items.isEmpty else {
            reader.report(
                node.position,
                "'stages' is a list like \(example), not \(node.items == nil ? node.kind : "an empty one")")
            return nil
        }
        var stages: [Scenario.Load.Stage] = []
        for item in items {
            guard let stage = ScriptSection(item, "this stage", keys: ["duration", "target"], reader: reader) else {
                continue
            }
            let duration = readDuration(stage)
            let target = stage.required("target", example: "100/s").flatMap {
                reader.rate($0, "target", allowZero: true)
            }
            if let duration, let target {
                stages.append(Scenario.Load.Stage(duration: duration, targetPerSecond: target))
            }
        }
        guard let start, stages.count == items.count else { return nil }
        if start == 0, stages.allSatisfy({ $0.targetPerSecond == 0 }) {
            reader.report(node.position, "all rates of \(section.title) are 0, so that nothing ever arrives")
            return nil
        }
        return (
            .rampingArrivalRate(startPerSecond: start, stages: stages), stages.reduce(.zero) { $0 + $1.duration }
        )
    }

    /// Plans that nobody can want, each with its own words.
    private func isPossible(_ load: Scenario.Load, _ section: ScriptSection) -> Bool {
        let place = (section["duration"] ?? section["stages"])?.position ?? section.position
        guard load.end <= Self.longest else {
            reader.report(place, "\(section.title) ends more than 24h after its start; check the units")
            return false
        }
        if case .rampingArrivalRate(let start, _) = load.executor, start == 0, load.warmup > .zero {
            reader.report(
                section["warmup"]?.position ?? section.position,
                "the warm-up holds the start rate, and that is 0; write a 'start-rate' or leave the warm-up out")
            return false
        }
        if let arrivals = load.expectedArrivals, arrivals < 1 {
            reader.report(
                place, "less than one arrival is expected in \(section.title); it needs a higher rate or more time")
            return false
        }
        if let arrivals = load.expectedArrivals, arrivals > 1e10 {
            reader.report(place, "\(section.title) plans more than ten thousand million arrivals; check the units")
            return false
        }
        return true
    }

    /// `journeys: {a: 70, b: 30}`, or one name, or nothing for all journeys alike.
    private func readWeights(_ section: ScriptSection) -> [(name: String, weight: Double)]? {
        guard let node = section["journeys"] else { return journeyNames.map { ($0, 1) } }
        // Without any journey, that is the mistake to report.
        if let name = node.text {
            guard !journeyNames.isEmpty else { return nil }
            return reader.reference(name, "journey", among: journeyNames, at: node.position) ? [(name, 1)] : nil
        }
        guard let entries = node.entries, !entries.isEmpty else {
            reader.report(
                node.position,
                "'journeys' gives journeys their weights, for example {read: 70, write: 30}, not \(node.kind)")
            return nil
        }
        var weights: [(name: String, weight: Double)] = []
        for entry in entries {
            let known =
                journeyNames.isEmpty
                || reader.reference(entry.key, "journey", among: journeyNames, at: entry.keyPosition)
            let text = entry.value.text.map { $0.hasSuffix("%") ? String($0.dropLast()) : $0 } ?? ""
            let weight: Double? =
                switch ScriptNode.meaning(text, plain: true) {
                case .integer(let value): Double(value)
                case .number(let value): value
                default: nil
                }
            guard let weight, weight > 0, weight <= 1e9 else {
                reader.report(
                    entry.value.isNull ? entry.keyPosition : entry.value.position,
                    "the weight of \(entry.key.quoted) is a number above 0, for example 70, not \(entry.value.kind)")
                continue
            }
            if known { weights.append((entry.key, weight)) }
        }
        return weights.count == entries.count ? weights : nil
    }
}
