// SPDX-License-Identifier: Apache-2.0

internal import FaultInjection

extension ScenarioReader {
    private static let executors = [
        "constant-arrival-rate", "ramping-arrival-rate", "constant-vus", "ramping-vus", "shared-iterations",
    ]
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
        guard sound.count == entries.count else { return nil }
        let measuredFrom = Scenario.measuredFrom(sound)
        let unmeasured = zip(sound, entries).filter { $0.0.end <= measuredFrom }
        for (load, entry) in unmeasured {
            reader.report(
                entry.keyPosition,
                "the load \(load.name.quoted) ends at \(DurationText.format(load.end)), before anything is measured: that begins "
                    + "at \(DurationText.format(measuredFrom)), when all warm-ups are over")
        }
        return unmeasured.isEmpty ? sound : nil
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
        let common = ["executor", "start", "graceful-stop", "journeys"]
        let all =
            common + [
                "arrivals", "warmup", "rate", "duration", "start-rate", "stages", "vus", "start-vus", "iterations",
                "max-duration",
            ]
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
            case "constant-arrival-rate": common + ["arrivals", "warmup", "rate", "duration"]
            case "ramping-arrival-rate": common + ["arrivals", "warmup", "start-rate", "stages"]
            case "constant-vus": common + ["warmup", "vus", "duration"]
            case "ramping-vus": common + ["warmup", "start-vus", "stages"]
            case "shared-iterations": common + ["vus", "iterations", "max-duration"]
            default: all
            }
        let titled = executor.map { "\(title) (\($0))" } ?? title
        let section = ScriptSection(entries, titled, at: entry.keyPosition, keys: keys, reader: reader)

        var arrivals: Scenario.Load.Arrivals? = .uniform
        if let node = section["arrivals"], keys.contains("arrivals") {
            arrivals = reader.word(node, "arrivals", Scenario.Load.Arrivals.allCases.map(\.rawValue))
                .flatMap(Scenario.Load.Arrivals.init)
        }
        let warmup = keys.contains("warmup") ? section.duration("warmup", default: .zero) : .zero
        let gracefulStop = section.duration("graceful-stop", default: .seconds(30))
        let start = section.duration("start", default: .zero)
        let journeys = readWeights(section)
        let timed: (Scenario.Load.Executor, Duration)? =
            switch executor {
            case "constant-arrival-rate": readConstantRate(section)
            case "ramping-arrival-rate": readRamp(section)
            case "constant-vus": readUsers(section)
            case "ramping-vus": readUserRamp(section)
            case "shared-iterations": readIterations(section)
            default: nil
            }
        guard named, let (executor, duration) = timed, let arrivals, let warmup, let start, let gracefulStop,
            let journeys
        else { return nil }
        let load = Scenario.Load(
            name: entry.key, executor: executor, arrivals: arrivals, duration: duration, warmup: warmup, start: start,
            gracefulStop: gracefulStop, journeys: journeys)
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

    private func readIterations(_ section: ScriptSection) -> (Scenario.Load.Executor, Duration)? {
        let users = section.required("vus", example: "10").flatMap { reader.integer($0, "vus", in: 1...100_000) }
        let iterations = section.required("iterations", example: "1000").flatMap {
            reader.integer($0, "iterations", in: 1...1_000_000_000)
        }
        let longest = section.duration("max-duration", default: .seconds(600), allowZero: false)
        guard let users, let iterations, let longest else { return nil }
        guard users <= iterations else {
            reader.report(
                section["vus"]?.position ?? section.position,
                "\(users) users can't share \(iterations) iterations: some would have none")
            return nil
        }
        return (.sharedIterations(users: users, iterations: iterations), longest)
    }

    private func readDuration(_ section: ScriptSection) -> Duration? {
        section.required("duration", example: "30s").flatMap { reader.duration($0, "duration", allowZero: false) }
    }

    private func readRamp(_ section: ScriptSection) -> (Scenario.Load.Executor, Duration)? {
        let start = section["start-rate"].map { reader.rate($0, "start-rate", allowZero: true) } ?? 0
        let stages = readStages(section, example: "100/s") { reader.rate($0, "target", allowZero: true) }
        guard let start, let stages else { return nil }
        if start == 0, stages.allSatisfy({ $0.target == 0 }) {
            reader.report(
                section["stages"]?.position ?? section.position,
                "all rates of \(section.title) are 0, so that nothing ever arrives")
            return nil
        }
        let executor = Scenario.Load.Executor.rampingArrivalRate(
            startPerSecond: start, stages: stages.map { .init(duration: $0.duration, targetPerSecond: $0.target) })
        return (executor, stages.reduce(.zero) { $0 + $1.duration })
    }

    private func readUserRamp(_ section: ScriptSection) -> (Scenario.Load.Executor, Duration)? {
        let users = 0...100_000
        let start = section.integer("start-vus", in: users, default: 0)
        let stages = readStages(section, example: "100") { reader.integer($0, "target", in: users) }
        guard let start, let stages else { return nil }
        if start == 0, stages.allSatisfy({ $0.target == 0 }) {
            reader.report(
                section["stages"]?.position ?? section.position,
                "\(section.title) never has a user: the start and all targets are 0")
            return nil
        }
        let executor = Scenario.Load.Executor.rampingUsers(
            start: start, stages: stages.map { .init(duration: $0.duration, target: $0.target) })
        return (executor, stages.reduce(.zero) { $0 + $1.duration })
    }

    /// The stages of a ramp, each with a duration and a target.
    private func readStages<Target>(
        _ section: ScriptSection, example: String, target read: (ScriptNode) -> Target?
    ) -> [(duration: Duration, target: Target)]? {
        let list = "[{duration: 10s, target: \(example)}]"
        guard let node = section.required("stages", example: list) else { return nil }
        guard let items = node.items, !items.isEmpty else {
            reader.report(
                node.position,
                "'stages' is a list like \(list), not \(node.items == nil ? node.kind : "an empty one")")
            return nil
        }
        var stages: [(duration: Duration, target: Target)] = []
        for item in items {
            guard let stage = ScriptSection(item, "this stage", keys: ["duration", "target"], reader: reader) else {
                continue
            }
            let duration = readDuration(stage)
            let target = stage.required("target", example: example).flatMap(read)
            if let duration, let target { stages.append((duration, target)) }
        }
        return stages.count == items.count ? stages : nil
    }

    /// Plans that nobody can want, each with its own words.
    private func isPossible(_ load: Scenario.Load, _ section: ScriptSection) -> Bool {
        let place = (section["duration"] ?? section["stages"] ?? section["max-duration"])?.position ?? section.position
        guard load.end <= Self.longest else {
            reader.report(place, "\(section.title) ends more than 24h after its start; check the units")
            return false
        }
        guard load.gracefulStop <= Self.longest else {
            reader.report(
                section["graceful-stop"]?.position ?? section.position,
                "the graceful stop of \(section.title) is longer than 24h; check the units")
            return false
        }
        let emptyStart: (what: String, key: String)? =
            switch load.executor {
            case .rampingArrivalRate(0, _): ("start rate", "start-rate")
            case .rampingUsers(0, _): ("number of users at the start", "start-vus")
            default: nil
            }
        if let emptyStart, load.warmup > .zero {
            reader.report(
                section["warmup"]?.position ?? section.position,
                "the warm-up holds the \(emptyStart.what), and that is 0; write a '\(emptyStart.key)' or leave the warm-up out"
            )
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
