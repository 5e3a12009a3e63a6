// SPDX-License-Identifier: Apache-2.0

import Measurement

/// SplitMix64 (Steele, Lea, Flood 2014): the same numbers for the same seed everywhere.
struct SeededNumbers {
    private var state: UInt64

    init(seed: UInt64) { state = seed }

    mutating func next() -> UInt64 {
        state &+= 0x9E37_79B9_7F4A_7C15
        var mixed = state
        mixed = (mixed ^ (mixed >> 30)) &* 0xBF58_476D_1CE4_E5B9
        mixed = (mixed ^ (mixed >> 27)) &* 0x94D0_49BB_1331_11EB
        return mixed ^ (mixed >> 31)
    }

    /// Uniform in 0..<1.
    mutating func unit() -> Double { Double(next() >> 11) / Double(1 << 53) }

    mutating func chance(_ probability: Double) -> Bool { unit() < probability }

    /// A skewed time around `typical`: most within a factor of two, one in a hundred four to ten times as long.
    mutating func time(typical: UInt64) -> UInt64 {
        let body = 0.5 + unit() * 0.6 + unit() * 0.5
        let tail = chance(0.012) ? 3 + 6 * unit() : 1
        return UInt64(Double(typical) * body * tail)
    }
}

/// Records with the shape of real ones, made from a seed: tests of the reports need runs whose every number they can predict.
struct SyntheticRun {
    var variant = "default"
    var seed: UInt64 = 42
    var seconds = 20
    var warmup = 3
    var requestsPerSecond = 200
    /// First second of the fault and the one after its last, or nil.
    var fault: Range<Int>?
    /// How the variant lives through the fault.
    var coping = Coping.naive

    enum Coping { case naive, retries, breaker, outage }

    static let second: UInt64 = 1_000_000_000

    static let steps = [
        StepInfo(journey: "read-timeline", index: 0, label: "GET /v1/timelines/home", target: "post"),
        StepInfo(journey: "read-timeline", index: 1, label: "GET /v1/posts/{id}/comments", target: "comment"),
        StepInfo(journey: "compose-post", index: 0, label: "POST /v1/posts", target: "post"),
    ]

    func record() -> RunRecord {
        var numbers = SeededNumbers(seed: seed)
        var accounting = Accounting()
        var slices: [Slice] = []
        var backlog: [Int: [Outcome: UInt64]] = [:]
        var policies = SyntheticPolicies(coping: coping)
        for second in 0..<seconds {
            let faulty = fault?.contains(second) ?? false
            let (slice, late) = slice(second, faulty, &numbers)
            for (at, outcomes) in late { backlog[at, default: [:]].merge(outcomes, uniquingKeysWith: +) }
            slices.append(slice)
            for sample in slice.samples {
                accounting.byOutcome[sample.outcome, default: 0] += sample.responseTime.count
                accounting.scheduled += sample.responseTime.count
            }
            policies.advance(second: second, faulty: faulty, calls: UInt64(requestsPerSecond * 6 / 10))
        }
        for index in slices.indices { slices[index].ended = backlog[index, default: [:]] }
        accounting.journeysStarted = UInt64(seconds * requestsPerSecond * 7 / 10)
        accounting.journeysFinished = accounting.journeysStarted - 3
        accounting.connectionsOpened = 64
        accounting.tlsHandshakes = 64
        var health = GeneratorHealth(
            verdict: fault == nil ? .valid : .degraded,
            reasons: fault == nil
                ? [] : ["3.1 % of the machine's CPU time was stolen by the hypervisor (more than 1 %)"],
            workers: 1, cpuSeconds: 3.2, steal: fault == nil ? 0 : 0.031)
        health.scheduleLag = .merging(slices.dropFirst(warmup).map(\.scheduleLag))
        return RunRecord(
            variant: variant, round: 0, startedAt: "2026-03-01T10:00:00Z",
            plannedNanoseconds: UInt64(seconds) * Self.second, actualNanoseconds: UInt64(seconds) * Self.second,
            warmupNanoseconds: UInt64(warmup) * Self.second,
            offeredRatePerSecond: Double(requestsPerSecond) * 0.7, steps: Self.steps, slices: slices,
            accounting: accounting, generator: health, faults: faultWindows(), policySamples: policies.samples,
            phases: phases(), thresholds: thresholds(), failureSamples: failures(accounting))
    }

    /// The second's requests, and by second when they ended.
    private func slice(
        _ second: Int, _ faulty: Bool, _ numbers: inout SeededNumbers
    ) -> (Slice, [Int: [Outcome: UInt64]]) {
        var slice = Slice(second: second)
        var ended: [Int: [Outcome: UInt64]] = [:]
        var histograms: [Int: [Outcome: (LatencyHistogram, LatencyHistogram)]] = [:]
        for number in 0..<requestsPerSecond {
            let step = number % 10 < 6 ? 0 : number % 10 < 9 ? 1 : 2
            var outcome = Outcome.ok
            var service = numbers.time(typical: [3_000_000, 2_000_000, 5_000_000][step])
            if faulty, step == 0 {
                switch coping {
                case .naive: service += 750_000_000 + numbers.next() % 100_000_000
                case .retries:
                    service += 250_000_000 * (1 + numbers.next() % 3)
                    if numbers.chance(0.3) { outcome = .errorStatus }
                case .outage:
                    if numbers.chance(0.1) {
                        outcome = .timeout
                        service = 5 * Self.second
                    }
                case .breaker: if numbers.chance(0.04) { service += 250_000_000 }
                }
            }
            // What piled up during the fault takes the naive variant two seconds more.
            if coping == .naive, let fault, (fault.upperBound..<fault.upperBound + 2).contains(second), step == 0 {
                service += 300_000_000
            }
            if faulty, step == 1, numbers.chance(0.02) {
                outcome = .timeout
                service = Self.second
            }
            let lag = 20_000 + numbers.next() % 60_000
            var pair = histograms[step]?[outcome] ?? (.init(), .init())
            pair.0.record(service + lag)
            pair.1.record(service)
            histograms[step, default: [:]][outcome] = pair
            slice.scheduleLag.record(lag)
            let end = Swift.min(seconds - 1, second + Int((UInt64(number) * Self.second / 200 + service) / Self.second))
            ended[end, default: [:]][outcome, default: 0] += 1
        }
        slice.samples = histograms.sorted { $0.key < $1.key }.flatMap { step, outcomes in
            outcomes.sorted { $0.key.rawValue < $1.key.rawValue }.map {
                Sample(step: step, outcome: $0.key, responseTime: $0.value.0, serviceTime: $0.value.1)
            }
        }
        slice.inFlight = faulty && coping == .naive ? requestsPerSecond / 2 : 1
        slice.bytesReceived = UInt64(requestsPerSecond) * 4_000
        return (slice, ended)
    }

    private func faultWindows() -> [FaultWindow] {
        guard let fault else { return [] }
        return [
            FaultWindow(
                label: "post -> comment: latency 800 ms ± 100 ms", on: "post -> comment",
                startNanoseconds: UInt64(fault.lowerBound) * Self.second,
                endNanoseconds: UInt64(fault.upperBound) * Self.second)
        ]
    }

    private func phases() -> [Phase] {
        let end = UInt64(seconds) * Self.second
        let start = UInt64(warmup) * Self.second
        guard let fault else { return [Phase(kind: .whole, startNanoseconds: start, endNanoseconds: end)] }
        let (from, to) = (UInt64(fault.lowerBound) * Self.second, UInt64(fault.upperBound) * Self.second)
        return [
            Phase(kind: .baseline, startNanoseconds: start, endNanoseconds: from),
            Phase(kind: .fault, startNanoseconds: from, endNanoseconds: to),
            Phase(kind: .recovery, startNanoseconds: to, endNanoseconds: end),
        ]
    }

    private func thresholds() -> [ThresholdResult] {
        guard fault != nil else {
            return [ThresholdResult(expression: "read-timeline p(99) < 400ms", passed: true, measured: "23.1 ms")]
        }
        return [
            ThresholdResult(
                expression: "read-timeline p(99) < 400ms during fault", passed: coping == .breaker,
                measured: coping == .breaker ? "254 ms" : "852 ms"),
            ThresholdResult(expression: "success > 99%", passed: true, measured: "99.6 %"),
        ]
    }

    private func failures(_ accounting: Accounting) -> [FailureSample] {
        guard let timeouts = accounting.byOutcome[.timeout] else { return [] }
        return [FailureSample(message: "comment 127.0.0.1:4433: no answer within 1 s", count: timeouts)]
    }
}

/// What the pipelines of a synthetic run report.
private struct SyntheticPolicies {
    var coping: SyntheticRun.Coping
    var samples: [PolicySample] = []
    private var counters: [String: [String: UInt64]] = [
        // The population was seeded before the load began: counters don't start at zero.
        "post -> comment": ["calls": 5_000, "attempts": 5_000, "successes": 5_000],
        "post -> user": ["calls": 700, "attempts": 700],
    ]

    init(coping: SyntheticRun.Coping) { self.coping = coping }

    mutating func advance(second: Int, faulty: Bool, calls: UInt64) {
        sample(
            second, breaker: coping == .breaker ? (faulty ? (second % 3 == 2 ? "half-open" : "open") : "closed") : nil)
        add("post -> user", ["calls": calls, "attempts": calls, "successes": calls])
        var growth: [String: UInt64] = ["calls": calls, "attempts": calls, "successes": calls]
        if faulty {
            switch coping {
            case .naive, .outage: break
            case .retries: growth = ["calls": calls, "attempts": calls * 2, "retries": calls, "timeouts": calls * 2]
            case .breaker:
                growth = [
                    "calls": calls, "attempts": calls / 20, "timeouts": calls / 20, "fallbacks": calls,
                    "rejected.breaker-open": calls - calls / 20,
                ]
            }
        }
        add("post -> comment", growth)
    }

    private mutating func sample(_ second: Int, breaker: String?) {
        for (pipeline, counters) in counters.sorted(by: { $0.key < $1.key }) {
            samples.append(
                PolicySample(
                    atNanoseconds: UInt64(second) * SyntheticRun.second, pipeline: pipeline,
                    breaker: pipeline == "post -> comment" ? breaker : breaker.map { _ in "closed" }, counters: counters
                ))
        }
    }

    private mutating func add(_ pipeline: String, _ growth: [String: UInt64]) {
        counters[pipeline, default: [:]].merge(growth, uniquingKeysWith: +)
    }
}

extension ExperimentRecord {
    /// An experiment around runs.
    static func synthetic(
        _ runs: [RunRecord], name: String = "comment-brownout",
        description: String = "The Comment Service slows to 800 ms.",
        script: String = "name: comment-brownout\nseed: 42\n", interruption: String? = nil
    ) -> ExperimentRecord {
        ExperimentRecord(
            scenario: ScenarioInfo(
                name: name, description: description, script: script, seed: 42, variants: runs.map(\.variant)),
            machine: MachineInfo(
                cpuModel: "Example CPU 3000", cores: 2, memoryBytes: 8 << 30, kernel: "6.1.0",
                operatingSystem: "Debian 13",
                clockSource: "tsc"),
            seawallVersion: "0.1.0", startedAt: "2026-03-01T10:00:00Z", runs: runs, interruption: interruption)
    }

    static let quickstart = ExperimentRecord.synthetic([SyntheticRun().record()], name: "quickstart")

    static let brownout = ExperimentRecord.synthetic(
        [("none", SyntheticRun.Coping.naive), ("retries", .retries), ("everything", .breaker)].map { name, coping in
            SyntheticRun(variant: name, seconds: 40, warmup: 5, fault: 15..<25, coping: coping).record()
        })

    /// One request in ten of a step waits five seconds for an answer that never comes.
    static let outage = ExperimentRecord.synthetic([
        SyntheticRun(variant: "default", seconds: 40, warmup: 5, fault: 15..<25, coping: .outage).record()
    ])

    /// Stopped before anything was measured.
    static let empty: ExperimentRecord = {
        let run = RunRecord(
            variant: "default", round: 0, startedAt: "2026-03-01T10:00:00Z", plannedNanoseconds: 20_000_000_000,
            actualNanoseconds: 0, warmupNanoseconds: 5_000_000_000, offeredRatePerSecond: 100,
            steps: SyntheticRun.steps,
            slices: [], accounting: Accounting(),
            generator: GeneratorHealth(verdict: .invalid, reasons: ["nothing was measured"]),
            interruption: "stopped with Ctrl-C")
        return .synthetic([run], interruption: "stopped with Ctrl-C")
    }()

    /// A target that is not there: every request fails at once.
    static let zeroSuccesses: ExperimentRecord = {
        var run = SyntheticRun(seconds: 6, warmup: 1).record()
        run.accounting.byOutcome = [.connection: run.accounting.scheduled]
        for index in run.slices.indices {
            run.slices[index].samples = run.slices[index].samples.map { sample in
                Sample(step: sample.step, outcome: .connection, responseTime: sample.responseTime, serviceTime: .init())
            }
            run.slices[index].ended = [.connection: 200]
        }
        run.failureSamples = [FailureSample(message: "post 127.0.0.1:4433: connection refused", count: 1_200)]
        run.thresholds = [ThresholdResult(expression: "success > 99%", passed: false, measured: "0 %")]
        return .synthetic([run])
    }()

    /// Every text that a user, a script or a service can choose, chosen badly.
    static let hostile: ExperimentRecord = {
        let bad = "<script>alert(\"x\")</script> & 'y' ]]> \u{1B}[31m\u{0}\u{202E}|`日本語`"
        var run = SyntheticRun(variant: bad, seconds: 12, warmup: 2, fault: 5..<8, coping: .breaker).record()
        run.steps = run.steps.map { StepInfo(journey: bad + $0.journey, index: $0.index, label: bad, target: bad) }
        run.generator.reasons = [bad]
        run.faults = run.faults.map {
            FaultWindow(label: bad, on: bad, startNanoseconds: $0.startNanoseconds, endNanoseconds: nil)
        }
        run.policySamples = run.policySamples.map { sample in
            PolicySample(
                atNanoseconds: sample.atNanoseconds, pipeline: bad + sample.pipeline,
                breaker: sample.breaker.map { _ in bad },
                counters: sample.counters.merging(["rejected." + bad: sample.atNanoseconds / 1_000_000_000]) { $1 })
        }
        run.thresholds = [ThresholdResult(expression: bad, passed: false, measured: bad)]
        run.failureSamples = [FailureSample(message: bad, count: 1)]
        run.interruption = bad
        var other = run
        other.variant = bad + "2"
        var record = ExperimentRecord.synthetic(
            [run, other], name: bad, description: bad, script: bad, interruption: bad)
        record.machine.cpuModel = bad
        record.machine.kernel = bad
        record.seawallVersion = bad
        record.startedAt = bad
        return record
    }()
}
