// SPDX-License-Identifier: Apache-2.0

/// Everything that was measured when a scenario was played: the content of `run.json`.
///
/// Reports are pure functions of this value. All times are nanoseconds on CLOCK_MONOTONIC relative to the start of the load
/// of the run in question, unless a name says otherwise.
package struct ExperimentRecord: Codable, Sendable {
    /// Version of this schema; a reader refuses a newer major version.
    package static let currentSchema = "seawall.run/1"

    package var schema: String = Self.currentSchema
    package var scenario: ScenarioInfo
    package var machine: MachineInfo
    /// Version of the tool that wrote the record.
    package var seawallVersion: String
    /// Wall-clock start of the whole experiment, ISO 8601 in UTC.
    package var startedAt: String
    /// One per variant and round, in the order in which they were played.
    package var runs: [RunRecord]
    /// Why the experiment ended early (a service died, the user stopped it), or nil.
    package var interruption: String?

    package init(
        scenario: ScenarioInfo, machine: MachineInfo, seawallVersion: String, startedAt: String, runs: [RunRecord],
        interruption: String? = nil
    ) {
        self.scenario = scenario
        self.machine = machine
        self.seawallVersion = seawallVersion
        self.startedAt = startedAt
        self.runs = runs
        self.interruption = interruption
    }
}

/// The script that was played.
package struct ScenarioInfo: Codable, Sendable {
    package var name: String
    package var description: String
    /// The script's text, so that the record describes itself.
    package var script: String
    package var seed: UInt64
    /// Names of the variants that were asked for, in the order in which they are played.
    package var variants: [String]

    package init(name: String, description: String, script: String, seed: UInt64, variants: [String]) {
        self.name = name
        self.description = description
        self.script = script
        self.seed = seed
        self.variants = variants
    }
}

/// Where the run took place, as far as it matters for comparing.
package struct MachineInfo: Codable, Sendable {
    package var cpuModel: String
    package var cores: Int
    package var memoryBytes: UInt64
    package var kernel: String
    package var operatingSystem: String
    package var clockSource: String

    package init(
        cpuModel: String, cores: Int, memoryBytes: UInt64, kernel: String, operatingSystem: String, clockSource: String
    ) {
        self.cpuModel = cpuModel
        self.cores = cores
        self.memoryBytes = memoryBytes
        self.kernel = kernel
        self.operatingSystem = operatingSystem
        self.clockSource = clockSource
    }
}

/// One play of the load under one variant of the policies.
package struct RunRecord: Codable, Sendable {
    package var variant: String
    /// Counted from 0; each variant is played once, so it is 0 for now.
    package var round: Int
    package var startedAt: String
    /// Planned length of the load, warm-up included.
    package var plannedNanoseconds: UInt64
    /// From the start of the load to the last recorded end; at least the planned length, unless the run was stopped.
    package var actualNanoseconds: UInt64
    /// Samples intended before this instant are warm-up: they are in the slices, and in no statistic.
    package var warmupNanoseconds: UInt64
    /// Rate asked for over the measured time, in arrivals (journeys) a second, averaged over ramps.
    package var offeredRatePerSecond: Double
    /// Whether closed loops started journeys beside, or instead of, arrivals; nil in records of versions that did not say it.
    package var hasClosedLoads: Bool?
    /// The steps that `Sample.step` refers to.
    package var steps: [StepInfo]
    /// The checks that `CheckTally.check` refers to.
    package var checks: [CheckInfo]
    package var slices: [Slice]
    package var accounting: Accounting
    package var generator: GeneratorHealth
    package var faults: [FaultWindow]
    /// State and counters of the policies, sampled about once a second.
    package var policySamples: [PolicySample]
    /// What the virtual stations did over the measured time, until the last answer; empty for other systems.
    package var stations: [StationRecord]
    /// Baseline, fault and recovery, cut at the measured activation times; one phase `whole` when no fault was played.
    package var phases: [Phase]
    package var thresholds: [ThresholdResult]
    /// The distinct failures in words ("comment 127.0.0.1:4433: connection refused"), most frequent first.
    package var failureSamples: [FailureSample]
    /// What was done with each address of each target.
    package var addresses: [AddressUse]
    /// Why the run ended before its plan, or nil.
    package var interruption: String?
    /// The threshold with `abort` that ended the run before its plan, with what was measured; nil when none did.
    package var abortedBy: String?

    package init(
        variant: String, round: Int, startedAt: String, plannedNanoseconds: UInt64, actualNanoseconds: UInt64,
        warmupNanoseconds: UInt64, offeredRatePerSecond: Double, hasClosedLoads: Bool? = nil, steps: [StepInfo],
        checks: [CheckInfo] = [], slices: [Slice], accounting: Accounting, generator: GeneratorHealth,
        faults: [FaultWindow] = [],
        policySamples: [PolicySample] = [], stations: [StationRecord] = [], phases: [Phase] = [],
        thresholds: [ThresholdResult] = [], failureSamples: [FailureSample] = [], addresses: [AddressUse] = [],
        interruption: String? = nil, abortedBy: String? = nil
    ) {
        self.variant = variant
        self.round = round
        self.startedAt = startedAt
        self.plannedNanoseconds = plannedNanoseconds
        self.actualNanoseconds = actualNanoseconds
        self.warmupNanoseconds = warmupNanoseconds
        self.offeredRatePerSecond = offeredRatePerSecond
        self.hasClosedLoads = hasClosedLoads
        self.steps = steps
        self.checks = checks
        self.slices = slices
        self.accounting = accounting
        self.generator = generator
        self.faults = faults
        self.policySamples = policySamples
        self.stations = stations
        self.phases = phases
        self.thresholds = thresholds
        self.failureSamples = failureSamples
        self.addresses = addresses
        self.interruption = interruption
        self.abortedBy = abortedBy
    }
}

/// A request step of a journey.
package struct StepInfo: Codable, Sendable, Equatable {
    package var journey: String
    /// Position in the journey, counted from 0 over request steps.
    package var index: Int
    /// "GET /v1/timelines/home": method and the path template without its query, or the script's own label.
    package var label: String
    /// Name of the target, for example `post`.
    package var target: String

    package init(journey: String, index: Int, label: String, target: String) {
        self.journey = journey
        self.index = index
        self.label = label
        self.target = target
    }
}

/// What happened in one second of a run.
package struct Slice: Codable, Sendable {
    /// The slice covers `[second, second + 1)` seconds after the start of the load.
    package var second: Int
    /// Samples of the requests that were *intended* in this second, however late they ended.
    package var samples: [Sample]
    /// Distribution of sent − intended over the requests intended in this second.
    package var scheduleLag: LatencyHistogram
    /// Where the time of the requests intended in this second went, by target.
    package var breakdown: [Breakdown]
    /// Requests that *ended* in this second, by outcome.
    package var ended: [Outcome: UInt64]
    /// Requests in flight at the end of the second.
    package var inFlight: Int
    package var bytesReceived: UInt64
    package var bytesSent: UInt64
    /// Journeys whose first request was taken up in this second; nil in records of versions that did not count them.
    package var journeyStarts: UInt64?
    /// Results of the checks of requests that were intended in this second.
    package var checks: [CheckTally]

    package init(
        second: Int, samples: [Sample] = [], scheduleLag: LatencyHistogram = .init(), breakdown: [Breakdown] = [],
        ended: [Outcome: UInt64] = [:], inFlight: Int = 0, bytesReceived: UInt64 = 0, bytesSent: UInt64 = 0,
        journeyStarts: UInt64? = nil, checks: [CheckTally] = []
    ) {
        self.second = second
        self.samples = samples
        self.scheduleLag = scheduleLag
        self.breakdown = breakdown
        self.ended = ended
        self.inFlight = inFlight
        self.bytesReceived = bytesReceived
        self.bytesSent = bytesSent
        self.journeyStarts = journeyStarts
        self.checks = checks
    }
}

/// The requests of one step with one outcome, intended in one second.
package struct Sample: Codable, Sendable {
    /// Index into `RunRecord.steps`.
    package var step: Int
    package var outcome: Outcome
    /// end − intended. For aborted and never-started requests the age at the end of the run (censored).
    package var responseTime: LatencyHistogram
    /// end − sent; empty for requests that were never sent.
    package var serviceTime: LatencyHistogram

    package init(step: Int, outcome: Outcome, responseTime: LatencyHistogram, serviceTime: LatencyHistogram) {
        self.step = step
        self.outcome = outcome
        self.responseTime = responseTime
        self.serviceTime = serviceTime
    }
}

/// The proof that nothing was left out, over the whole run, warm-up included:
/// `scheduled == completed + failed + aborted + neverStarted`.
///
/// Requests are counted, not journeys. A step that its journey does not reach is not scheduled.
package struct Accounting: Codable, Sendable, Equatable {
    /// Requests that came due.
    package var scheduled: UInt64 = 0
    package var byOutcome: [Outcome: UInt64] = [:]
    /// Journeys started, and those that ended with their last step.
    package var journeysStarted: UInt64 = 0
    package var journeysFinished: UInt64 = 0
    package var connectionsOpened: UInt64 = 0
    /// All handshakes that were done, and those of them that resumed an earlier session.
    package var tlsHandshakes: UInt64 = 0
    package var tlsResumed: UInt64 = 0

    package init() {}

    /// Handshakes with a certificate and a fresh key exchange from the ground up.
    package var tlsFull: UInt64 { tlsHandshakes - Swift.min(tlsResumed, tlsHandshakes) }

    package var completed: UInt64 { sum { $0.isCompleted } }
    package var failed: UInt64 { sum { $0.isFailed } }
    package var aborted: UInt64 { byOutcome[.aborted, default: 0] }
    package var neverStarted: UInt64 { byOutcome[.neverStarted, default: 0] }
    package var isBalanced: Bool { scheduled == completed + failed + aborted + neverStarted }

    private func sum(where matches: (Outcome) -> Bool) -> UInt64 {
        byOutcome.reduce(0) { matches($1.key) ? $0 + $1.value : $0 }
    }
}

/// A fault as it was really active.
package struct FaultWindow: Codable, Sendable {
    /// "post -> comment: latency 800 ms ± 100 ms".
    package var label: String
    /// An edge ("post -> comment") or a service ("comment").
    package var on: String
    /// Measured activation and end, on the run's clock; `end` is nil when it was still active at the end.
    package var startNanoseconds: UInt64
    package var endNanoseconds: UInt64?

    package init(label: String, on: String, startNanoseconds: UInt64, endNanoseconds: UInt64?) {
        self.label = label
        self.on = on
        self.startNanoseconds = startNanoseconds
        self.endNanoseconds = endNanoseconds
    }
}

/// State of one pipeline at one instant. Counters grow from the start of the service.
package struct PolicySample: Codable, Sendable {
    package var atNanoseconds: UInt64
    /// The pipeline's name, for example "post -> comment".
    package var pipeline: String
    /// "closed", "open", "half-open", "forced-open", …; nil when the pipeline has no breaker or it is disabled.
    package var breaker: String?
    /// Logical calls, attempts, and what the policies did: keys `calls`, `attempts`, `successes`, `failures`, `timeouts`,
    /// `retries`, `fallbacks`, `cancellations`, `late`, `rejected.<reason>`, `would_reject.<reason>`.
    package var counters: [String: UInt64]

    package init(atNanoseconds: UInt64, pipeline: String, breaker: String?, counters: [String: UInt64]) {
        self.atNanoseconds = atNanoseconds
        self.pipeline = pipeline
        self.breaker = breaker
        self.counters = counters
    }
}

/// A stretch of a run; requests belong to the phase in which they were intended.
package struct Phase: Codable, Sendable {
    package enum Kind: String, Codable, Sendable {
        case whole, baseline, fault, recovery
    }

    package var kind: Kind
    package var startNanoseconds: UInt64
    package var endNanoseconds: UInt64

    package init(kind: Kind, startNanoseconds: UInt64, endNanoseconds: UInt64) {
        self.kind = kind
        self.startNanoseconds = startNanoseconds
        self.endNanoseconds = endNanoseconds
    }
}

/// A threshold of the script and what was measured against it.
package struct ThresholdResult: Codable, Sendable, Equatable {
    package var expression: String
    /// Whether it was shown to hold.
    package var passed: Bool
    /// The measured value in words, for example "312 ms" or "312 ms in 14–24 s" for the worst of several windows.
    package var measured: String
    /// Why nothing could be shown ("no requests"); nil when there was something to judge. Then it is not passed either.
    package var problem: String?

    package init(expression: String, passed: Bool, measured: String, problem: String? = nil) {
        self.expression = expression
        self.passed = passed
        self.measured = measured
        self.problem = problem
    }
}

/// A failure in words, and how often it happened.
package struct FailureSample: Codable, Sendable, Equatable {
    package var message: String
    package var count: UInt64

    package init(message: String, count: UInt64) {
        self.message = message
        self.count = count
    }
}
