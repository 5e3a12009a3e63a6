// SPDX-License-Identifier: Apache-2.0

internal import CLinux
internal import Glibc
internal import Measurement

/// One play of a compiled plan: starts the workers, collects from them, and puts the result together. Blocks its thread.
struct EngineRun: Sendable {
    let compiled: CompiledPlan
    let resolver: Resolver
    let stop: StopFlag
    let wantsChanges: Bool
    let onStart: @Sendable (UInt64) -> Void
    let onTick: @Sendable (LoadTick) -> Void
    /// For tests: called by each worker's thread at the end of each second.
    var onWorkerSecond: (@Sendable (Int) -> Void)?

    /// Time for the threads to come up before the load begins.
    private static let lead: UInt64 = 20_000_000
    private static let second: UInt64 = 1_000_000_000
    /// How often the workers' mailboxes are emptied.
    private static let pollNanoseconds: UInt64 = 100_000_000
    /// How long a tick waits for a worker that is late with its second.
    private static let patience: UInt64 = 300_000_000

    /// A worker on its way to its thread. Unchecked: made here, used by that thread alone.
    private struct Passenger: @unchecked Sendable { let worker: Worker }

    func play() -> Result<LoadResult, LoadEngineError> {
        var mailboxes: [Mailbox] = []
        var passengers: [Passenger] = []
        let start: UInt64
        do throws(LoadEngineError) {
            for number in 0..<compiled.plan.workers {
                let mailbox = Mailbox()
                mailboxes.append(mailbox)
                let worker = try Worker(
                    plan: compiled, number: number, mailbox: mailbox, resolver: resolver, stop: stop)
                worker.onSecond = onWorkerSecond
                passengers.append(Passenger(worker: worker))
            }
            // From here on nothing fails before the workers own the canary's sockets, and nothing takes long.
            let canary = try Canary(workers: compiled.plan.workers)
            start = Clock.now() + Self.lead
            for (passenger, probe) in zip(passengers, canary.probes) {
                passenger.worker.begin(at: start, canary: probe)
            }
        } catch {
            return .failure(error)
        }
        onStart(start)
        var threads: [EngineThread] = []
        do throws(LoadEngineError) {
            for passenger in passengers { threads.append(try EngineThread.start { passenger.worker.run() }) }
        } catch {
            stop.set()
            for thread in threads { thread.join() }
            return .failure(error)
        }
        passengers = []
        return .success(collect(from: mailboxes, threads, start))
    }

    private func collect(from mailboxes: [Mailbox], _ threads: [EngineThread], _ start: UInt64) -> LoadResult {
        let warmup = warmupNanoseconds
        var collector = Collector(
            start: start, warmup: warmup, workers: mailboxes.count, layout: compiled.layout)
        var measured: (from: MachineWatch, to: MachineWatch)?
        let before = MachineWatch()
        var limits = LimitWatch(addresses: compiled.targets.flatMap(\.addresses).count)
        var next = 0
        while collector.reports.count < mailboxes.count {
            sleep(Self.pollNanoseconds)
            drain(mailboxes, &collector)
            let now = Clock.now()
            if measured == nil, now >= start + warmup {
                let watch = MachineWatch()
                measured = (watch, watch)
            }
            while collector.reports.isEmpty, now >= start + UInt64(next + 1) * Self.second {
                let due = start + UInt64(next + 1) * Self.second
                if !collector.isComplete(next) && now < due + Self.patience { break }
                onTick(
                    LoadTick(
                        slice: collector.slice(next),
                        changed: wantsChanges ? collector.takeChanged(through: next, now: now) : [],
                        inFlight: collector.inFlight, elapsedNanoseconds: now - start))
                limits.look()
                next += 1
                collector.settle(before: next - 2)
                if next % 10 == 0 { collector.settleLate() }
            }
        }
        for thread in threads { thread.join() }
        limits.look()
        let end = Clock.now()
        if let from = measured?.from { measured = (from, MachineWatch()) }
        return result(&collector, start: start, end: end, measured ?? (before, MachineWatch()), limits, warmup: warmup)
    }

    private func drain(_ mailboxes: [Mailbox], _ collector: inout Collector) {
        for (number, mailbox) in mailboxes.enumerated() {
            for handover in mailbox.takeAll() {
                collector.add(handover, from: number)
                mailbox.giveBack(handover.chunk)
            }
        }
    }

    private func sleep(_ nanoseconds: UInt64) {
        var time = timespec(tv_sec: 0, tv_nsec: Int(nanoseconds))
        nanosleep(&time, nil)
    }

    // MARK: Result

    private var warmupNanoseconds: UInt64 { compiled.plan.measuredFrom.nanoseconds }

    private func result(
        _ collector: inout Collector, start: UInt64, end: UInt64, _ machine: (from: MachineWatch, to: MachineWatch),
        _ limits: LimitWatch, warmup: UInt64
    ) -> LoadResult {
        let wasStopped = stop.isSet
        let workersEnd = collector.reports.map(\.endedAt).max() ?? end
        let slices = collector.finish(end: workersEnd)
        let accounting = collector.accounting
        assert(accounting.isBalanced, "scheduled \(accounting.scheduled), accounted for \(accounting.byOutcome)")
        let failures = collector.reports.reduce(into: [FailureKey: UInt64]()) {
            $0.merge($1.failures, uniquingKeysWith: +)
        }
        let measuredSlices = slices.filter { $0.startNanoseconds >= warmup }
        let responseTime = LatencyHistogram.merging(measuredSlices.lazy.flatMap(\.samples).map(\.responseTime))
        let steal = machine.to.steal(since: machine.from)
        let throttled = machine.to.throttledSeconds - machine.from.throttledSeconds
        let measuredSeconds = Double(workersEnd - min(workersEnd, start + warmup)) / 1e9
        let busyShare = measuredSeconds > 0 ? Double(collector.busy.max() ?? 0) / 1e9 / measuredSeconds : 0
        let arrivals = collector.arrivals
        let verdict = GeneratorVerdict(
            GeneratorObservation(
                lag: collector.scheduleLag, canary: collector.canary, stalls: collector.stalls,
                responseTime: responseTime, steal: steal, throttledSeconds: throttled, seconds: measuredSeconds,
                busyShare: busyShare, arrivals: arrivals, fileDescriptors: limits.fileDescriptors,
                localPorts: limits.localPorts, accounting: accounting, failures: failures,
                lostSeconds: collector.store.lostSeconds.count, loss: collector.store.loss))
        let lastEnd = max(collector.lastEnd, start) - start
        let planned = plannedLength(collector.reports, lastEnd: lastEnd)
        return LoadResult(
            steps: compiled.steps, checks: compiled.checks, slices: addChecks(of: collector.reports, to: slices),
            accounting: accounting,
            generator: GeneratorHealth(
                verdict: verdict.verdict, reasons: verdict.reasons, scheduleLag: collector.scheduleLag,
                loopStalls: collector.stalls, canary: collector.canary, workers: compiled.plan.workers,
                cpuSeconds: machine.to.cpuSeconds - machine.from.cpuSeconds, steal: steal, throttledSeconds: throttled,
                busyShare: busyShare, arrivals: arrivals, fileDescriptors: limits.fileDescriptors,
                localPorts: limits.localPorts),
            failureSamples: samples(failures),
            addresses: AddressUse.merging(collector.reports.flatMap(\.addresses)), plannedNanoseconds: planned,
            actualNanoseconds: wasStopped ? lastEnd : max(lastEnd, planned), warmupNanoseconds: warmup,
            offeredRatePerSecond: offeredRate(warmup), wasStopped: wasStopped,
            warnings: collector.store.fault.map {
                ["what was measured stayed in memory, which grew by the second (\($0)); set TMPDIR to another folder"]
            } ?? [])
    }

    /// Workers count checks by second, and tell at the end.
    private func addChecks(of reports: [WorkerReport], to slices: [Slice]) -> [Slice] {
        var slices = slices
        for second in slices.indices {
            for check in compiled.checks.indices {
                let counts = reports.compactMap { report in
                    report.checks.indices.contains(second) && !report.checks[second].isEmpty
                        ? report.checks[second][check] : nil
                }
                let (passed, failed) = counts.reduce((UInt64(0), UInt64(0))) {
                    ($0.0 + UInt64($1.passed), $0.1 + UInt64($1.failed))
                }
                if passed + failed > 0 {
                    slices[second].checks.append(CheckTally(check: check, passed: passed, failed: failed))
                }
            }
        }
        return slices
    }

    /// Failures in words, most frequent first.
    private func samples(_ failures: [FailureKey: UInt64]) -> [FailureSample] {
        var counts: [String: UInt64] = [:]
        for (key, count) in failures {
            counts[compiled.words(key), default: 0] += count
        }
        return counts.map { FailureSample(message: $0.key, count: $0.value) }
            .sorted { ($0.count, $1.message) > ($1.count, $0.message) }
    }

    /// Sources with a number of journeys end when they have played them, however long they might have taken; the load ends with
    /// the last of its sources.
    private func plannedLength(_ reports: [WorkerReport], lastEnd: UInt64) -> UInt64 {
        let sources = compiled.plan.sources
        let timed = sources.indices.filter { source in
            !reports.allSatisfy { $0.exhausted.indices.contains(source) && $0.exhausted[source] }
        }
        if timed.count == sources.count { return compiled.loadNanoseconds }
        let lastTimed = timed.map { sources[$0].startOffset.nanoseconds + sources[$0].duration.nanoseconds }.max() ?? 0
        return min(compiled.loadNanoseconds, max(lastEnd, lastTimed))
    }

    private func offeredRate(_ warmup: UInt64) -> Double {
        let seconds = Double(compiled.loadNanoseconds - min(warmup, compiled.loadNanoseconds)) / 1e9
        let arrivals = compiled.plan.sources.reduce(0.0) { sum, source in
            let integral = RateIntegral(source.rate, duration: source.duration)
            let offset = source.startOffset.nanoseconds
            let measuredFrom = Double(warmup - min(warmup, offset)) / 1e9
            return sum + integral.total - integral.count(atTime: measuredFrom)
        }
        return seconds > 0 ? arrivals / seconds : 0
    }
}
