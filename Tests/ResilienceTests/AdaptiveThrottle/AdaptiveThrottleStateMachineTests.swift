// SPDX-License-Identifier: Apache-2.0

internal import Testing

@testable internal import Resilience

private typealias Machine = AdaptiveThrottle.StateMachine

private let second: Int64 = 1_000_000_000

@Suite("The adaptive throttle's state machine")
struct AdaptiveThrottleStateMachineTests {
    /// K = 2 over 60 s in buckets of 1 s, counting at once.
    private func machine(patience: Duration = .zero, minimumCalls: Int = 0, cap: Double = 0.9, seed: UInt64 = 1)
        -> Machine
    {
        Machine(
            options: AdaptiveThrottleOptions(
                window: .seconds(60), maximumRejection: cap, minimumCalls: minimumCalls, patience: patience), seed: seed
        )
    }

    @Test("refuses nothing without calls, nor while enough succeed")
    func healthy() {
        var machine = machine()
        #expect(machine.rejectionShare(at: 0) == 0)
        for step in 0..<100 {
            let (ticket, _) = machine.observe(at: Int64(step))
            // Every second one succeeds: with K = 2 that is just enough.
            machine.record(ticket, step % 2 == 0 ? .success : .failure, at: Int64(step))
        }
        #expect(machine.rejectionShare(at: 100) == 0)
    }

    @Test(
        "computes (requests − K·accepts) / (requests + 1), at most the cap",
        arguments: [
            (10, 0, 0.9), (10, 1, 8.0 / 11), (10, 4, 2.0 / 11), (10, 5, 0.0), (1, 0, 0.5), (1000, 0, 0.9), (0, 0, 0.0),
        ] as [(Int, Int, Double)])
    func arithmetic(requests: Int, accepts: Int, share: Double) {
        var machine = machine()
        for index in 0..<requests {
            let (ticket, _) = machine.observe(at: 0)
            machine.record(ticket, index < accepts ? .success : .failure, at: 0)
        }
        #expect(machine.rejectionShare(at: 0) == share)
    }

    @Test(
        "counts calls before they return: a callee that answers nothing is throttled (go-zero #5011 counts afterwards and never does)"
    )
    func stalledCallee() {
        var machine = machine(patience: .seconds(1))
        for step in 0..<100 { _ = machine.observe(at: Int64(step) * second / 100) }
        // After patience for the last of them, none has answered.
        #expect(machine.rejectionShare(at: 3 * second) == 0.9)
    }

    @Test(
        "does not blame the callee for a burst whose answers are still on the way (the formula as printed would refuse 90 %)"
    )
    func coldStart() {
        var patient = machine(patience: .seconds(1))
        var impatient = machine()
        for _ in 0..<100 {
            #expect(patient.acquire(at: 0) != nil)
            _ = impatient.observe(at: 0)
        }
        #expect(patient.rejectionShare(at: second) == 0)
        #expect(impatient.rejectionShare(at: 0) == 0.9)
    }

    @Test("counts its own refusals as requests, so that it stays shut until successes outnumber them")
    func localRejections() {
        var machine = machine()
        for _ in 0..<1000 {
            if let ticket = machine.acquire(at: 0) { machine.record(ticket, .failure, at: 0) }
        }
        #expect(machine.requests == 1000)
        #expect(machine.accepts == 0)
    }

    @Test("lets at least 1 − cap through whatever happens", arguments: [UInt64(1), 2, 3])
    func cap(seed: UInt64) {
        var machine = machine(seed: seed)
        let passed = (0..<10_000).count { _ in
            guard let ticket = machine.acquire(at: 0) else { return false }
            machine.record(ticket, .failure, at: 0)
            return true
        }
        // 10 % ± 5 standard deviations.
        #expect((850...1150).contains(passed), "seed \(seed)")
    }

    @Test("a call that says nothing about the callee is taken out of the count")
    func ignored() {
        var machine = machine()
        let (ticket, _) = machine.observe(at: 0)
        #expect(machine.requests == 1)
        machine.record(ticket, .ignore, at: 0)
        #expect(machine.requests == 0)
    }

    @Test("a result that comes after its call has left the window changes nothing")
    func lateResult() {
        var machine = machine()
        let (ticket, _) = machine.observe(at: 0)
        machine.record(ticket, .success, at: 61 * second)
        #expect(machine.requests == 0 && machine.accepts == 0)
    }

    @Test("refuses nothing below the minimum number of calls")
    func minimumCalls() {
        var machine = machine(minimumCalls: 10)
        for _ in 0..<9 { _ = machine.observe(at: 0) }
        #expect(machine.rejectionShare(at: 0) == 0)
        _ = machine.observe(at: 0)
        #expect(machine.rejectionShare(at: 0) == 0.9)
    }

    @Test("keeps its counts when only K, cap or minimum change")
    func configure() {
        var machine = machine()
        for _ in 0..<10 { _ = machine.observe(at: 0) }
        var options = machine.options
        options.maximumRejection = 0.5
        machine.configure(options)
        #expect(machine.rejectionShare(at: 0) == 0.5)
        options.window = .seconds(30)
        machine.configure(options)
        #expect(machine.rejectionShare(at: 0) == 0)
    }

    @Test("counts as a list of calls would, whatever happens", arguments: [UInt64(11), 12, 13, 14, 15, 16])
    func againstReference(seed: UInt64) {
        var random = SplitMix64(seed: seed)
        let patience: Duration = [.zero, .milliseconds(1500), .seconds(5)][Int(seed % 3)]
        var machine = machine(patience: patience, seed: seed)
        var reference = Reference(patience: patience.nanosecondsSaturated)
        var open: [(ticket: Machine.Ticket, id: Int)] = []
        var now: Int64 = -5 * second
        for step in 0..<5000 {
            switch Int(random.next() % 10) {
            case 0...3:
                if let ticket = machine.acquire(at: now) {
                    open.append((ticket, reference.sent(at: now)))
                } else {
                    reference.refused(at: now)
                }
            case 4...7:
                if open.isEmpty { break }
                let call = open.remove(at: Int(random.next() % UInt64(open.count)))
                let verdict = Verdict.allCases[Int(random.next() % 4)]
                machine.record(call.ticket, verdict, at: now)
                reference.ended(call.id, verdict, at: now)
            case 8:
                now += Int64(random.next() % UInt64(3 * second))
            default:
                if random.next() % 50 == 0 { now += Int64(random.next() % UInt64(90 * second)) }
            }
            _ = machine.rejectionShare(at: now)
            let expected = reference.counts(at: now)
            #expect(
                machine.requests == expected.requests && machine.accepts == expected.accepts,
                "seed \(seed), step \(step): \(machine.requests)/\(machine.accepts), expected \(expected)")
            if machine.requests != expected.requests { return }
        }
    }

    @Test("a call from before a change of the window settles nobody else's")
    func windowChange() {
        var options = AdaptiveThrottleOptions(window: .seconds(60), patience: .zero)
        var machine = AdaptiveThrottle.StateMachine(options: options, seed: 1)
        let old = machine.acquire(at: 100 * second)
        options.window = .seconds(120)
        machine.configure(options)
        // Buckets of two seconds: this one has the number that the old call's had.
        let new = machine.acquire(at: 200 * second)
        if let old { machine.record(old, .success, at: 200 * second) }
        #expect(machine.requests == 1 && machine.accepts == 0)
        if let new { machine.record(new, .success, at: 200 * second) }
        #expect(machine.requests == 1 && machine.accepts == 1)
    }

    /// Every call of the run in a list, counted anew each time.
    private struct Reference {
        private struct Call {
            var second: Int64
            var verdict: Verdict?
            var gone = false
        }

        let patience: Int64
        private var calls: [Call] = []

        init(patience: Int64) {
            self.patience = patience
        }

        private func number(_ now: Int64) -> Int64 {
            Int64((Double(now) / Double(second)).rounded(.down))
        }

        mutating func sent(at now: Int64) -> Int {
            calls.append(Call(second: number(now)))
            return calls.count - 1
        }

        mutating func refused(at now: Int64) {
            calls.append(Call(second: number(now), verdict: .failure))
        }

        mutating func ended(_ id: Int, _ verdict: Verdict, at now: Int64) {
            if number(now) - calls[id].second >= 60 { return }
            if verdict == .ignore { calls[id].gone = true } else { calls[id].verdict = verdict }
        }

        func counts(at now: Int64) -> (requests: Int, accepts: Int) {
            let current = number(now)
            let patientSeconds = patience == 0 ? 0 : patience / second + 1
            let window = calls.filter { !$0.gone && current - $0.second < 60 }
            let counted = window.filter { $0.verdict != nil || current - $0.second >= patientSeconds }
            return (counted.count, window.count { $0.verdict == .success })
        }
    }
}
