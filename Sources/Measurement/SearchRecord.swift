// SPDX-License-Identifier: Apache-2.0

/// Everything that a search for the capacity measured: the content of `search.json`.
package struct SearchRecord: Codable, Sendable {
    /// Version of this schema; a reader refuses a newer major version.
    package static let currentSchema = "seawall.search/1"

    package var schema: String = Self.currentSchema
    package var scenario: ScenarioInfo
    package var machine: MachineInfo
    /// Version of the tool that wrote the record.
    package var seawallVersion: String
    /// Wall-clock start of the search, ISO 8601 in UTC.
    package var startedAt: String
    package var options: SearchOptionsRecord
    /// What a rate must meet to pass.
    package var goals: [SearchGoal]
    /// In the order in which they were made.
    package var measurements: [SearchMeasurement] = []
    package var answer: SearchAnswer
    /// What a reader must know of how it was searched: faults that were left out, repetitions that disagreed.
    package var notes: [String] = []

    package init(
        scenario: ScenarioInfo, machine: MachineInfo, seawallVersion: String, startedAt: String,
        options: SearchOptionsRecord, goals: [SearchGoal], answer: SearchAnswer
    ) {
        self.scenario = scenario
        self.machine = machine
        self.seawallVersion = seawallVersion
        self.startedAt = startedAt
        self.options = options
        self.goals = goals
        self.answer = answer
    }
}

/// How it was searched.
package struct SearchOptionsRecord: Codable, Sendable, Equatable {
    package var variant: String
    /// The range of rates, in journeys a second over all loads.
    package var fromPerSecond: Double
    package var toPerSecond: Double
    package var precision: Double
    package var repeats: Int
    /// Measured length of one repetition.
    package var levelNanoseconds: UInt64
    /// Played before it, not measured.
    package var warmupNanoseconds: UInt64

    package init(
        variant: String, fromPerSecond: Double, toPerSecond: Double, precision: Double, repeats: Int,
        levelNanoseconds: UInt64, warmupNanoseconds: UInt64
    ) {
        self.variant = variant
        self.fromPerSecond = fromPerSecond
        self.toPerSecond = toPerSecond
        self.precision = precision
        self.repeats = repeats
        self.levelNanoseconds = levelNanoseconds
        self.warmupNanoseconds = warmupNanoseconds
    }
}

/// A threshold that decides whether a rate passes.
package struct SearchGoal: Codable, Sendable, Equatable {
    package var expression: String
    /// For a goal about a percentile of all response times: which (0…100), and its limit in nanoseconds. A chart draws it.
    package var percentile: Double?
    package var limitNanoseconds: Double?

    package init(expression: String, percentile: Double? = nil, limitNanoseconds: Double? = nil) {
        self.expression = expression
        self.percentile = percentile
        self.limitNanoseconds = limitNanoseconds
    }
}

/// One repetition of one level.
package struct SearchMeasurement: Codable, Sendable {
    package enum Verdict: String, Codable, Sendable {
        case met, missed
        /// The generator could not keep up: it says nothing about the system.
        case invalid
    }

    /// Asked for, in journeys a second.
    package var ratePerSecond: Double
    /// Counted from 1 within its level.
    package var repetition: Int
    package var startedAt: String
    package var verdict: Verdict
    package var results: [ThresholdResult]
    package var generator: GeneratorHealth.Verdict
    package var generatorReasons: [String]
    /// Requests that came due in the measured time, and those of them that did not end as expected.
    package var requests: UInt64
    package var errors: UInt64
    /// Answers as expected a second.
    package var goodputPerSecond: Double?
    /// Response times of successes and of requests that never got an answer, at their age.
    package var responseTime: LatencyHistogram
    /// The most frequent failure in words.
    package var failure: String?

    package init(
        ratePerSecond: Double, repetition: Int, startedAt: String, verdict: Verdict, results: [ThresholdResult],
        generator: GeneratorHealth.Verdict, generatorReasons: [String], requests: UInt64, errors: UInt64,
        goodputPerSecond: Double?, responseTime: LatencyHistogram, failure: String? = nil
    ) {
        self.ratePerSecond = ratePerSecond
        self.repetition = repetition
        self.startedAt = startedAt
        self.verdict = verdict
        self.results = results
        self.generator = generator
        self.generatorReasons = generatorReasons
        self.requests = requests
        self.errors = errors
        self.goodputPerSecond = goodputPerSecond
        self.responseTime = responseTime
        self.failure = failure
    }
}

/// What a search found: an interval in which the highest rate that meets the goals lies.
package struct SearchAnswer: Codable, Sendable, Equatable {
    package enum End: String, Codable, Sendable {
        /// Both ends of the interval were found.
        case bracketed
        /// The highest rate of the range met the goals: there is no upper end.
        case aboveRange = "above-range"
        /// The lowest rate of the range missed them: there is no lower end.
        case belowRange = "below-range"
        /// The generator could not keep up: the lower end is what was shown until then.
        case invalid
        /// The system did not come back after a rate that was too high.
        case stuck
        /// Something broke.
        case failed
        /// Somebody stopped it.
        case interrupted
    }

    /// A rate with what its repetitions said.
    package struct Bound: Codable, Sendable, Equatable {
        package var ratePerSecond: Double
        /// Valid repetitions, and those of them that met the goals.
        package var runs: Int
        package var met: Int

        package init(ratePerSecond: Double, runs: Int, met: Int) {
            self.ratePerSecond = ratePerSecond
            self.runs = runs
            self.met = met
        }
    }

    package var end: End
    /// The highest rate of which most repetitions met the goals, below every rate that did not.
    package var passing: Bound?
    /// The lowest rate of which most repetitions missed them.
    package var failing: Bound?
    /// Why the search ended before it was done.
    package var reason: String?

    package init(end: End, passing: Bound? = nil, failing: Bound? = nil, reason: String? = nil) {
        self.end = end
        self.passing = passing
        self.failing = failing
        self.reason = reason
    }
}

extension SearchAnswer.Bound {
    /// With 95 % confidence, the probability that a run at this rate meets the goals is at least this.
    ///
    /// The one-sided lower limit of Clopper and Pearson for a binomial proportion (Biometrika 26, 1934): the probability p
    /// at which `met` or more of `runs` would be met with a probability of 5 %. Runs are taken as independent.
    package var probabilityAtLeast: Double { Self.lowerLimit(met, of: runs) }

    /// Likewise, the probability that a run at this rate misses them is at least this.
    package var missProbabilityAtLeast: Double { Self.lowerLimit(runs - met, of: runs) }

    private static func lowerLimit(_ successes: Int, of runs: Int) -> Double {
        guard successes > 0, runs > 0, successes <= runs else { return 0 }
        var (low, high) = (0.0, 1.0)
        for _ in 0..<60 {
            let middle = (low + high) / 2
            if tail(successes, of: runs, middle) < 0.05 { low = middle } else { high = middle }
        }
        return low
    }

    /// Probability of `least` or more successes in so many runs.
    private static func tail(_ least: Int, of runs: Int, _ probability: Double) -> Double {
        var sum = 0.0
        for count in least...runs {
            var term = 1.0
            for factor in 0..<count { term *= Double(runs - factor) / Double(count - factor) * probability }
            for _ in count..<runs { term *= 1 - probability }
            sum += term
        }
        return sum
    }
}
