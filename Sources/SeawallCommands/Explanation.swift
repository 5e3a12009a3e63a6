// SPDX-License-Identifier: Apache-2.0

internal import Experiments
internal import FaultInjection
internal import Reports
internal import Resilience
internal import Scenarios

/// What a script would do, in words: a pure function of it.
struct Explanation {
    private let scenario: Scenario

    init(_ scenario: Scenario) { self.scenario = scenario }

    var text: String {
        var lines = [scenario.name]
        if !scenario.description.isEmpty { lines.append(scenario.description) }
        for (title, content) in [
            ("system", [system]), ("plays", [plays]), ("load", load), ("arrivals", arrivals), ("at once", concurrency),
            ("phases", phases), ("faults", faults), ("variants", variants),
            ("thresholds", scenario.thresholds.map(\.expression)),
        ] where !content.isEmpty {
            lines.append("")
            for (number, line) in content.enumerated() {
                lines.append(Self.padded(number == 0 ? title : "", to: 12) + line)
            }
        }
        return lines.joined(separator: "\n")
    }

    // MARK: - What is played

    private var system: String {
        switch scenario.system {
        case .social:
            let people = scenario.population
            return
                "the social network with \(people.users) people, \(people.posts) posts and \(people.comments) comments; "
                + "each variant has a fresh copy"
        case .targets(let targets): return targets.map { "\($0.name) at \($0.url)" }.joined(separator: ", ")
        case .stations(let stations, let tls):
            return "virtual stations\(tls ? " over TLS" : ""): " + stations.map(\.name).joined(separator: ", ")
        }
    }

    private var plays: String {
        let count = scenario.variants.count
        return (count == 1 ? "one run" : "\(count) variants, one run each")
            + " of \(DurationText.format(scenario.duration)) and what requests take to end after it; measured from "
            + "\(DurationText.format(scenario.measuredFrom)) on; seed \(scenario.seed), "
            + (scenario.workers == 1 ? "1 worker" : "\(scenario.workers) workers")
    }

    private var load: [String] {
        scenario.load.flatMap { load -> [String] in
            var words = [Self.words(load.executor)]
            if load.mostUsers == nil { words[0] += ", \(load.arrivals.rawValue)" }
            if load.start > .zero { words.append("begins at \(DurationText.format(load.start))") }
            if load.warmup > .zero { words.append("\(DurationText.format(load.warmup)) of warm-up") }
            if case .sharedIterations = load.executor {
                words.append("at most \(DurationText.format(load.duration))")
            } else {
                words.append(DurationText.format(load.duration))
            }
            let weights = load.journeys.reduce(0) { $0 + $1.weight }
            let journeys = load.journeys.map { "\($0.name) \(Format.percent($0.weight / weights))" }
            return [
                "\(load.name): \(words.joined(separator: "; "))", "  journeys: \(journeys.joined(separator: ", "))",
            ]
        }
    }

    private static func words(_ executor: Scenario.Load.Executor) -> String {
        switch executor {
        case .constantArrivalRate(let rate): "\(Format.rate(rate)) arrivals"
        case .rampingArrivalRate(let start, let stages):
            "arrivals from \(Format.rate(start))"
                + stages.map { " to \(Format.rate($0.targetPerSecond)) in \(DurationText.format($0.duration))" }
                .joined()
        case .constantUsers(let users): "\(users) users, closed loop"
        case .rampingUsers(let start, let stages):
            "users, closed loop, from \(start)"
                + stages.map { " to \($0.target) in \(DurationText.format($0.duration))" }.joined()
        case .sharedIterations(let users, let iterations):
            "\(iterations) journeys shared by \(users) users, closed loop"
        }
    }

    // MARK: - What it comes to

    private var arrivals: [String] {
        let known = scenario.load.compactMap(\.expectedArrivals)
        guard known.count == scenario.load.count else {
            return ["as many as the answers let the users of closed loops begin"]
        }
        var line = "\(Format.count(UInt64(known.reduce(0, +).rounded()))) journeys, warm-up included"
        line +=
            scenario.expectedRequests.map { "; \(Format.count(UInt64($0.rounded()))) requests" }
            ?? "; how many requests, answers decide"
        return [line]
    }

    /// By Little's law: how many there are at once is how many come a second, times how long each stays.
    private var concurrency: [String] {
        var lines: [String] = []
        let users = scenario.load.compactMap(\.mostUsers).reduce(0, +)
        if users > 0 { lines.append("\(Format.count(UInt64(users))) users of closed loops at most") }
        guard let journeys = scenario.peak({ _ in 1 }) else { return lines }
        let thinking = scenario.peak { scenario.meanThinkTime(of: $0) / .seconds(1) } ?? 0
        lines.append(
            "\(Format.rate(journeys)) journeys at the peak"
                + (thinking > 0 ? ", \(Format.number(thinking)) of them thinking at any time" : ""))
        if scenario.load.filter({ $0.mostUsers == nil }).allSatisfy({ scenario.meanRequests(of: $0) != nil }),
            let requests = scenario.peak({ scenario.meanRequests(of: $0) ?? 0 })
        {
            lines.append(
                "\(Format.rate(requests)) requests at the peak: \(Format.number(requests / 1000)) in flight for each millisecond "
                    + "that one takes, \(Format.number(requests)) for each second")
        }
        let connections = scenario.connections
        lines.append(
            "connections \(connections.strategy.rawValue), at most \(connections.limitPerTarget) to a target; at most "
                + "\(Format.count(UInt64(scenario.maxInFlight))) requests in flight")
        return lines
    }

    private var phases: [String] {
        scenario.plannedPhases.map { phase in
            Self.padded(phase.name, to: 10)
                + "\(DurationText.format(phase.start)) … \(DurationText.format(phase.end))"
        }
    }

    private var faults: [String] {
        scenario.faults.map { fault in
            "\(DurationText.format(fault.start)) … \(DurationText.format(fault.start + fault.duration))  \(fault.label)"
        }
    }

    // MARK: - Variants

    /// For each variant the policies that are on, as the network would have them.
    private var variants: [String] {
        guard !scenario.system.pipelineNames.isEmpty else { return [] }
        return scenario.variants.flatMap { variant -> [String] in
            let registry = ResilienceRegistry()
            for name in scenario.system.pipelineNames { _ = registry.pipeline(name) }
            // The script was validated with these very edits.
            try? registry.apply(scenario.policies)
            try? registry.apply(variant.edits)
            let pipelines = registry.snapshots().compactMap(Self.line)
            return ["\(variant.name):" + (pipelines.isEmpty ? " no policy is on" : "")] + pipelines.map { "  " + $0 }
        }
    }

    /// "post -> comment: attempt-timeout (timeout 250ms), retry (attempts 3)"; nil when everything is off.
    private static func line(_ pipeline: PipelineSnapshot) -> String? {
        let policies = pipeline.policies.filter { $0.mode != .disabled }.map { policy -> String in
            var details = policy.mode == .enforced ? [] : [policy.mode.rawValue]
            if case .map(let map) = policy.configuration {
                details += map.entries.compactMap { entry in
                    PolicyListing.inline(entry.value).map { "\(entry.key) \($0)" }
                }
            }
            return policy.kind.rawValue + (details.isEmpty ? "" : " (\(details.joined(separator: ", ")))")
        }
        return policies.isEmpty ? nil : "\(pipeline.name): " + policies.joined(separator: ", ")
    }

    private static func padded(_ text: String, to width: Int) -> String {
        text + String(repeating: " ", count: max(0, width - text.count))
    }
}
