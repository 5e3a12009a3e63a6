// SPDX-License-Identifier: Apache-2.0

import TestSupport
import Testing

@testable import Resilience

@Suite("Guaranteed shares of an adaptive limit", .timeLimit(.minutes(1)))
struct LimitSharesTests {
    private typealias Machine = AdaptiveLimit.StateMachine

    private func machine(
        limit: Int = 10, shares: [String: Double] = ["batch": 0.3, "live": 0.7], queue: Int = 0
    ) -> Machine {
        Machine(options: options(limit, shares, queue: queue), seed: 1, at: 0)
    }

    private func options(_ limit: Int, _ shares: [String: Double], queue: Int = 0) -> AdaptiveLimitOptions {
        AdaptiveLimitOptions(
            algorithm: .aimd, initial: limit, minimum: limit, maximum: limit, queue: queue, maximumWait: .seconds(10),
            shares: shares)
    }

    private func admit(_ machine: inout Machine, _ share: CallShare, atMost count: Int = 100) -> [AdaptiveLimit.Ticket]
    {
        var tickets: [AdaptiveLimit.Ticket] = []
        while tickets.count < count, case .granted(let ticket) = machine.acquire(at: 0, share: share) {
            tickets.append(ticket)
        }
        return tickets
    }

    private func wait(_ machine: inout Machine, _ share: CallShare) -> UInt64? {
        if case .waits(let id) = machine.acquire(at: 0, share: share, mayWait: true) { id } else { nil }
    }

    @Test("a share is honoured while others burst into it (Netflix exceedTotalLimitForUnusedBin)")
    func exceedsForUnusedShare() {
        var machine = machine()
        #expect(admit(&machine, "batch").count == 10, "what is free belongs to whoever comes")
        #expect(admit(&machine, .none).isEmpty)
        #expect(admit(&machine, "live").count == 7)
        #expect(machine.inFlight == 17)
        #expect(machine.shares.inFlight == ["batch": 10, "live": 7])
    }

    @Test("a share that is over its part gives way first: nobody bursts before the whole is below the limit again")
    func burstersGiveWay() {
        var machine = machine()
        let batch = admit(&machine, "batch")
        let live = admit(&machine, "live")
        for ticket in batch.prefix(7) {
            _ = machine.finish(ticket, .ignored, at: 0)
            #expect(admit(&machine, "live").isEmpty)
        }
        // 3 of batch and 7 of live are exactly the limit.
        _ = machine.finish(live[0], .ignored, at: 0)
        #expect(admit(&machine, "batch").count == 1)
        #expect(admit(&machine, "live").count == 1, "its guarantee, though batch has taken what was free")
        #expect(machine.inFlight == 11)
    }

    @Test("a limit that moves keeps what each share has under way (Netflix setLimitReservesBusy)")
    func limitMoves() {
        var machine = machine()
        let batch = admit(&machine, "batch", atMost: 1)
        machine.configure(options(20, ["batch": 0.3, "live": 0.7]), at: 0)
        #expect(machine.shares.inFlight == ["batch": 1, "live": 0])
        #expect(admit(&machine, .none).count == 19)
        #expect(admit(&machine, "batch").count == 5, "six places now")
        #expect(admit(&machine, "live").count == 14)
        for ticket in batch { _ = machine.finish(ticket, .ignored, at: 0) }
        #expect(machine.shares.inFlight == ["batch": 5, "live": 14])
    }

    @Test("a share has at least one place, and rounding makes no further one")
    func leastPlace() {
        var small = machine(limit: 2, shares: ["rare": 0.01])
        #expect(admit(&small, .none).count == 2)
        #expect(admit(&small, "rare").count == 1)
        // 0.1 · 30 is a little more than 3.
        var exact = machine(limit: 30, shares: ["tenth": 0.1])
        #expect(admit(&exact, .none).count == 30)
        #expect(admit(&exact, "tenth").count == 3)
    }

    @Test("a name that nothing is guaranteed to is treated like none")
    func unknownName() {
        var machine = machine(limit: 2, shares: ["live": 0.5])
        #expect(admit(&machine, "other").count == 2)
        #expect(admit(&machine, "other").isEmpty && admit(&machine, .none).isEmpty)
        #expect(admit(&machine, "live").count == 1)
    }

    @Test("of those who wait the one goes first whose share is not used up, then the one who came first")
    func waiting() {
        var machine = machine(limit: 4, shares: ["live": 0.5], queue: 10)
        let batch = admit(&machine, .none)
        let live = admit(&machine, "live")
        #expect(batch.count == 4 && live.count == 2)
        let (first, second, third) = (wait(&machine, .none), wait(&machine, "live"), wait(&machine, "live"))
        _ = machine.finish(batch[0], .ignored, at: 0)
        #expect(machine.popAdmitted(at: 0) == nil, "five are under way, and live has its part")
        _ = machine.finish(live[0], .ignored, at: 0)
        #expect(machine.popAdmitted(at: 0)?.id == second)
        #expect(machine.popAdmitted(at: 0) == nil)
        for ticket in batch.suffix(3) { _ = machine.finish(ticket, .ignored, at: 0) }
        let granted = [machine.popAdmitted(at: 0)?.id, machine.popAdmitted(at: 0)?.id]
        #expect(granted == [first, third])
        #expect(machine.queued == 0)
    }

    @Test("a share that is taken out while its calls are under way or wait guarantees nothing any more and loses none")
    func removed() {
        var machine = machine(limit: 2, shares: ["live": 0.5], queue: 4)
        let others = admit(&machine, .none)
        let live = admit(&machine, "live")
        let waiting = wait(&machine, "live")
        machine.configure(options(2, ["batch": 0.5], queue: 4), at: 0)
        #expect(machine.popAdmitted(at: 0) == nil)
        #expect(machine.shares.inFlight == ["batch": 0])
        for ticket in others + live { _ = machine.finish(ticket, .ignored, at: 0) }
        let granted = machine.popAdmitted(at: 0)
        #expect(granted?.id == waiting)
        if let granted { _ = machine.finish(granted.ticket, .ignored, at: 0) }
        machine.configure(options(2, ["live": 1], queue: 4), at: 0)
        #expect(machine.inFlight == 0 && machine.shares.inFlight == ["live": 0])
    }

    @Test("shadow mode does not report a call that its share would have let in")
    func shadow() {
        var machine = machine(limit: 2, shares: ["live": 0.5])
        let refusals = ["batch", "batch", "live", "live"].map { (share: CallShare) in
            machine.observe(at: 0, share: share).wouldRefuse
        }
        #expect(refusals == [false, false, false, true])
    }

    @Test("callers that burst from many threads never keep a share from its calls (Netflix testConcurrentPartitions)")
    func concurrent() async throws {
        let limit = try AdaptiveLimit(options(10, ["batch": 0.3, "live": 0.7]))
        let (batch, live, refused) = (Level(), Level(), EventRecorder<String>())
        await withTaskGroup(of: Void.self) { group in
            // Fourteen that want ten places, and seven that have seven guaranteed.
            for number in 0..<21 {
                let (share, level): (CallShare, Level) = number < 14 ? ("batch", batch) : ("live", live)
                group.addTask {
                    for _ in 0..<300 {
                        do throws(Rejection) {
                            let permit = try limit.acquire(share: share)
                            level.rise()
                            await Task.yield()
                            level.fall()
                            permit.end(.ignored)
                        } catch {
                            if share == "live" { refused.record("live") }
                            await Task.yield()
                        }
                    }
                }
            }
        }
        #expect(refused.all.isEmpty)
        #expect(batch.highest <= 10 && live.highest <= 7)
        #expect(limit.status.inFlight == 0)
        #expect(limit.status.inFlightByShare == ["batch": 0, "live": 0])
    }

    @Test("a pipeline's call says what it belongs to, and calls made inside it take that over")
    func pipeline() async throws {
        let registry = ResilienceRegistry(seed: 3)
        try registry.apply(
            PolicyEdits([
                "p": ["adaptive-limit": ["algorithm": "aimd", "initial": 1, "max": 1, "shares": ["live": "50%"]]]
            ]))
        let pipeline = registry.pipeline("p")
        let seen = try await pipeline.execute { _ in
            await #expect(throws: ResilienceError<Never>.rejected(Rejection(.limitReached), last: nil)) {
                try await pipeline.execute { _ async throws(Never) in }
            }
            return try await pipeline.execute(share: "live") { context in
                if case .map(let state)? = pipeline.snapshot[.adaptiveLimit]?.state {
                    #expect(state["in-flight-by-share"] == ["live": 1])
                }
                return [context.share, CallContext.current?.share]
            }
        }
        #expect(seen == ["live", "live"])
        let inner = try await CallContext.$current.withValue(CallContext(share: "live")) {
            try await pipeline.execute { $0.share }
        }
        #expect(inner == "live")
        #expect(pipeline.adaptiveLimit.status.inFlight == 0)
    }

    @Test("shares are read, changed by name, taken out, written, and refused with a reason")
    func configuration() throws {
        let limit = try AdaptiveLimit()
        try limit.configure(["shares": ["live": "70%", "batch": 0.2]])
        #expect(limit.setting.options?.shares == ["live": 0.7, "batch": 0.2])
        try limit.configure(["shares": ["batch": "off", "search": "30%"]])
        #expect(limit.setting.options?.shares == ["live": 0.7, "search": 0.3])
        #expect(limit.setting.configuration["shares"] == ["live": "70%", "search": "30%"])
        for bad: ConfigurationValue in [
            ["shares": ["batch": "10%"]], ["shares": ["live": "0%"]], ["shares": ["live": 2]], ["shares": 0.5],
        ] {
            #expect(throws: ConfigurationFaults.self) { try limit.configure(bad) }
        }
        #expect(throws: ConfigurationFaults.self) { try limit.configure(AdaptiveLimitOptions(shares: ["a": .nan])) }
        #expect(limit.setting.options?.shares == ["live": 0.7, "search": 0.3])
        try limit.configure(["shares": "off"])
        #expect(limit.setting.options?.shares == [:])
        #expect(limit.setting.configuration["shares"] == nil)
    }
}
