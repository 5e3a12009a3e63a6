// SPDX-License-Identifier: Apache-2.0

internal import Measurement

/// The set-up or the tear-down of a plan: one journey of one session, before or after the load and in none of its figures.
struct SideJourney: Sendable {
    let plan: Plan
    let targets: [ResolvedTarget]
    let resolver: Resolver
    /// For messages.
    let name: String
    /// What the set-up captured; empty for the set-up itself.
    let shared: [[UInt8]]
    /// The numbers of the counter that the load does not draw.
    let counters: CounterShare
    let stop: StopFlag

    /// Longest time for all steps together.
    private static let longest = Duration.seconds(600)

    /// A worker on its way to its thread and back. Unchecked: used by that thread, and by this one after the thread has ended.
    private struct Passenger: @unchecked Sendable { let worker: Worker }

    /// Plays the journey. Blocks its thread.
    ///
    /// - Returns: the values of the session's first `count` variables.
    /// - Throws: what failed, in words.
    func play(_ journey: Plan.Journey, values count: Int) throws(LoadEngineError) -> [[UInt8]] {
        var side = plan
        side.journeys = [journey]
        side.workers = 1
        side.setUp = nil
        side.tearDown = nil
        side.kept = []
        // Its random numbers are not those of the load.
        side.seed = SeededRandom(seed: plan.seed, stream: 1 << 35, number: shared.isEmpty ? 0 : 1).state
        var source = Plan.Source(
            name: name, arrivals: .uniform, rate: .closed(users: 1), duration: Self.longest, journeys: [(0, 1)])
        source.iterations = 1
        source.gracefulStop = .zero
        side.sources = [source]
        let compiled = CompiledPlan(side, targets: targets, shared: shared, counters: counters)
        let mailbox = Mailbox()
        let worker = try Worker(
            plan: compiled, number: 0, mailbox: mailbox, resolver: resolver, stop: stop)
        worker.begin(at: Clock.now())
        let passenger = Passenger(worker: worker)
        try EngineThread.start { passenger.worker.run() }.join()
        let handovers = mailbox.takeAll()
        defer { for handover in handovers { handover.chunk.free() } }
        // One whose conditions leave out all requests has done what it should.
        let counters = handovers.last?.counters ?? WorkerCounters()
        guard counters.journeysFinished + counters.journeysIdle == 1 else {
            throw LoadEngineError(.sideJourney, "the \(name) failed: \(reason(handovers.last, compiled))")
        }
        return (0..<count).map { Array(worker.sessions[0].pointee.value(of: Int32($0))) }
    }

    private func reason(_ last: Handover?, _ plan: CompiledPlan) -> String {
        guard let key = last?.report?.failures.keys.first else {
            return stop.isSet ? "it was stopped" : "it was not done within \(Self.longest)"
        }
        return plan.words(key)
    }
}

extension CompiledPlan {
    /// A failure with its place: `post 127.0.0.1:4433 GET /v1/posts: status 500`.
    func words(_ key: FailureKey) -> String {
        let request = requestOfStep[Int(key.step)]
        let words = key.cause.words(request: request, plan: plan)
        let place = plan.targets[request.target].place
        return key.cause.isAboutConnection ? "\(place): \(words)" : "\(place) \(request.label): \(words)"
    }
}
