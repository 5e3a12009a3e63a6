// SPDX-License-Identifier: Apache-2.0

internal import FaultInjection
package import Measurement
package import Scenarios

/// What a search for the capacity is about to do: checked before anything is started.
package struct SearchPlan: Sendable {
    package let scenario: Scenario
    package let variant: Scenario.Variant
    package let goals: [Scenario.Threshold]
    package let search: CapacitySearch.Options
    /// Measured length of one repetition, in whole seconds like the warm-up.
    package let level: Duration
    package let warmup: Duration
    /// Whether the script's faults are active in every level.
    package let withFaults: Bool
    /// What a reader must know of how it is searched.
    package let notes: [String]

    /// What the command line leaves open.
    package struct Wishes: Sendable {
        /// Name of the variant; nil when the script has only one.
        package var variant: String?
        /// The goals in words; none for the script's thresholds.
        package var goals: [String] = []
        /// Nil for a quarter of the script's rate, and 64 times it.
        package var from: Double?
        package var to: Double?
        package var precision = 0.05
        package var repeats = 3
        package var level: Duration = .seconds(10)
        /// Nil for the longest of the script's, at least 2 s.
        package var warmup: Duration?
        /// Whether the script's faults are active in every level: its capacity while something is broken.
        package var withFaults = false

        package init() {}
    }

    /// - Throws: `ExperimentError` that says what can't be searched for, and what to do.
    package init(_ scenario: Scenario, _ wishes: Wishes) throws(ExperimentError) {
        self.scenario = scenario
        variant = try Self.variant(wishes.variant, scenario)
        withFaults = wishes.withFaults
        if withFaults { try Self.checkFaults(scenario) }
        goals = try Self.goals(wishes.goals, scenario, variant, withFaults: withFaults)
        let total = try scenario.totalRate()
        let from = wishes.from ?? min(total / 4, wishes.to ?? .infinity)
        let to = wishes.to ?? max(from, total * 16)
        guard from > 0, from <= to else {
            throw ExperimentError(
                .script, "the lowest rate, \(Self.rate(from)), is not below the highest, \(Self.rate(to))",
                advice: "correct --from and --to")
        }
        search = CapacitySearch.Options(
            from: from, to: to, precision: wishes.precision, repeats: wishes.repeats)
        level = Self.wholeSeconds(wishes.level)
        warmup = Self.wholeSeconds(wishes.warmup ?? max(.seconds(2), scenario.load.map(\.warmup).max() ?? .zero))
        if let window = goals.compactMap(\.windowSeconds).max(), .seconds(window) > level {
            throw ExperimentError(
                .script, "no window of \(window)s fits into a level of \(DurationText.format(level))",
                advice: "make the levels longer with --level")
        }
        notes =
            scenario.faults.isEmpty
            ? []
            : withFaults
                ? [
                    "each level is measured with these faults active: \(scenario.faults.map(\.label).joined(separator: ", "))"
                ]
                : ["the faults of the script were left out: levels are played without them"]
    }

    /// All faults are active at once, so that no two may act on one place.
    private static func checkFaults(_ scenario: Scenario) throws(ExperimentError) {
        guard !scenario.faults.isEmpty else {
            throw ExperimentError(
                .script, "the scenario \(scenario.name) has no faults to search under", advice: "leave --faults out")
        }
        for (index, fault) in scenario.faults.enumerated() {
            let other = scenario.faults[..<index].first { $0.location == fault.location && $0.route == fault.route }
            guard let other else { continue }
            throw ExperimentError(
                .script,
                "the script plays '\(other.label)' and '\(fault.label)' one after the other, and a level has all faults at once",
                advice: "search with a script that has one of them")
        }
    }

    private static func variant(_ name: String?, _ scenario: Scenario) throws(ExperimentError) -> Scenario.Variant {
        let names = scenario.variants.map(\.name).joined(separator: ", ")
        if let name {
            guard let variant = scenario.variants.first(where: { $0.name == name }) else {
                throw ExperimentError(
                    .script, "the scenario \(scenario.name) has no variant '\(name)'",
                    advice: "its variants are: \(names)")
            }
            return variant
        }
        guard scenario.variants.count == 1, let only = scenario.variants.first else {
            throw ExperimentError(
                .script, "the scenario \(scenario.name) has several variants, and each has a capacity of its own",
                advice: "choose one with --variant: \(names)")
        }
        return only
    }

    // MARK: - Goals

    private static func goals(
        _ texts: [String], _ scenario: Scenario, _ variant: Scenario.Variant, withFaults: Bool
    ) throws(ExperimentError) -> [Scenario.Threshold] {
        guard texts.isEmpty else {
            var goals: [Scenario.Threshold] = []
            for text in texts { goals.append(try goal(text, scenario)) }
            return goals
        }
        let goals = scenario.thresholds.filter { threshold in
            // A level with faults is all fault, so what must hold during the fault must hold in it.
            (threshold.part == nil || withFaults && threshold.part == .phase("fault")) && threshold.metric != .recovery
                && !threshold.isCount
                && (threshold.variant == nil || threshold.variant == variant.name)
        }
        guard !goals.isEmpty else {
            throw ExperimentError(
                .script, "there is no goal: the script has no threshold that a level could be held against",
                advice: "give one with --slo, for example --slo 'p99 < 100ms' --slo 'errors < 1%'")
        }
        return goals.map { goal in
            var goal = goal
            goal.abort = nil
            goal.part = nil
            return goal
        }
    }

    private static func goal(_ text: String, _ scenario: Scenario) throws(ExperimentError) -> Scenario.Threshold {
        let goal: Scenario.Threshold
        do {
            goal = try scenario.threshold(text)
        } catch {
            throw ExperimentError(.script, "--slo: \(error.message)\n  \(text)\n  \(spaces(error.offset))^")
        }
        if goal.part != nil || goal.variant != nil || goal.metric == .recovery {
            throw ExperimentError(
                .script, "--slo '\(text)': a level has no phases and one variant",
                advice: "leave 'during', 'with' and 'recovers' out")
        }
        return goal
    }

    /// Rounded up to the resolution of a record.
    private static func wholeSeconds(_ duration: Duration) -> Duration {
        let (seconds, rest) = duration.components
        return .seconds(rest > 0 ? seconds + 1 : seconds)
    }

    private static func spaces(_ count: Int) -> String { String(repeating: " ", count: max(0, count)) }

    private static func rate(_ perSecond: Double) -> String {
        perSecond == perSecond.rounded() && perSecond < 1e9 ? "\(Int(perSecond))/s" : "\(perSecond)/s"
    }

    // MARK: - Time

    /// How long requests may take to end after a level: twice what any goal allows, so that a request that is cut off has
    /// missed it, and at least 2 s.
    package var grace: Duration {
        let longest = goals.compactMap { goal -> Double? in if case .time = goal.metric { goal.value } else { nil } }
        return max(.seconds(2), .nanoseconds(Int64(min(3.6e12, 2 * (longest.max() ?? 0)))))
    }

    /// Pause after each level.
    static let pause: Duration = .seconds(1)
    /// How long a system may take to come back after a rate that was too high.
    static let patience: Duration = .seconds(30)
    /// Bringing the social network or stations up and down for one play, at most.
    static let restart: Duration = .seconds(8)

    /// The longest that the search can take, once the system is there.
    package var longestTime: Duration {
        var each = warmup + level + grace + Self.pause
        if case .targets = scenario.system { each += Self.patience } else { each += Self.restart }
        return each * CapacitySearch(search).mostMeasurements
    }

    // MARK: - Record

    package var optionsRecord: SearchOptionsRecord {
        SearchOptionsRecord(
            variant: variant.name, fromPerSecond: search.from, toPerSecond: search.to, precision: search.precision,
            repeats: search.repeats, levelNanoseconds: level.nanoseconds, warmupNanoseconds: warmup.nanoseconds)
    }

    package var goalRecords: [SearchGoal] {
        goals.map { goal in
            var record = SearchGoal(expression: goal.expression)
            if case .time(.percentile(let percent), .answers) = goal.metric, goal.journey == nil, goal.step == nil,
                goal.windowSeconds == nil, [.less, .lessOrEqual].contains(goal.comparison)
            {
                record.percentile = percent
                record.limitNanoseconds = goal.value
            }
            return record
        }
    }
}

extension Scenario.Threshold {
    fileprivate var isCount: Bool { if case .number = metric { true } else { false } }
}
